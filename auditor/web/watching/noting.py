"""Who watched what: kept once for a while, whichever way the recording is fetched.

A page tells it when it opens; whoever fetches the data without the page is found out by the first of it.
"""

import threading
import time
from collections import OrderedDict

from starlette.requests import Request

from auditor.recording_state import State, recording_state
from auditor.store import Facts
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
    site: Site = request.app.state.site
    viewer: Viewer = request.state.viewer
    key = (id(site), viewer.name, facts.rec, "typed" if typed else "")
    now = time.monotonic()
    with _lock:
        known = _noted.get(key)
        if known is not None and now - known < AGAIN and not anew:
            return
        _noted[key] = now
        _noted.move_to_end(key)
        while len(_noted) > _MOST:
            _noted.popitem(last=False)
    live = recording_state(facts) is State.LIVE
    try:
        site.note(
            request,
            "watch-live" if live else "watch",
            rec=facts.rec,
            host=facts.host,
            user=facts.user,
            at=at,
            detail={"input": True} if typed else {},
        )
    except BaseException:
        with _lock:
            _noted.pop(key, None)
        raise
