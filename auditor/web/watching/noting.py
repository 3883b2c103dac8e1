"""Who watched what: kept once for a while, whichever way the recording is fetched.

A page tells it when it opens; whoever fetches the data without the page is found out by the first of it.
"""

import threading
import time
from collections import OrderedDict
from typing import Any

from starlette.requests import Request

from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts
from auditor.web.access.viewer import Viewer
from auditor.web.site import Site

AGAIN = 600.0
"""Seconds after which watching the same recording is kept anew."""

_MOST = 10_000
_noted: OrderedDict[tuple[int, str, str, str], float] = OrderedDict()
_lock = threading.Lock()


def note_watching(request: Request, facts: Facts, at: int, *, anew: bool = False, typed: bool = False) -> None:
    """That the viewer watches the recording from a moment (ms) on; `typed`: with what was typed. `anew`: in any
    case."""
    action = "watch-live" if recording_state(facts) is State.LIVE else "watch"
    what = "typed" if typed else ""
    _note(request, facts, what, anew, action, at=at, detail={"input": True} if typed else {})


def note_search(request: Request, facts: Facts, query: str) -> None:
    """That the viewer searches within the recording."""
    _note(request, facts, f"search {query}", False, "search", query=query)


def note_verifying(request: Request, facts: Facts) -> None:
    """That the viewer asks whether the recording is as it was written; who waits for the answer asks again."""
    _note(request, facts, "verify", False, "verify")


def _note(request: Request, facts: Facts, what: str, anew: bool, action: str, **more: Any) -> None:
    site: Site = request.app.state.site
    viewer: Viewer = request.state.viewer
    key = (id(site), viewer.name, facts.rec, what)
    now = time.monotonic()
    with _lock:
        known = _noted.get(key)
        if known is not None and now - known < AGAIN and not anew:
            return
        _noted[key] = now
        _noted.move_to_end(key)
        while len(_noted) > _MOST:
            _noted.popitem(last=False)
    try:
        site.note(request, action, rec=facts.rec, host=facts.host, user=facts.user, **more)
    except BaseException:
        with _lock:
            _noted.pop(key, None)
        raise
