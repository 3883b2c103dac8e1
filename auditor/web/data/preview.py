"""The screen at a moment, for the picture that hovers over the progress bar."""

import threading
from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.web.watching.asked import answer, moment, recording
from auditor.web.watching.noting import note_watching
from auditor.web.watching.reels import reels_of

MOST = 400
MOST_CHARACTERS = 200_000
"""Kept for those who hover over the same place; no larger ones are."""

_kept: OrderedDict[tuple[str, int, int], dict[str, object]] = OrderedDict()
_lock = threading.Lock()


def preview(request: Request) -> Response:
    """What brings an empty terminal of this size to the screen at `t` (seconds)."""
    at = moment(request)
    with recording(request) as (store, facts):
        note_watching(request, facts, at)
        at = min(at, facts.length)
        key = (facts.rec, facts.revision, at)
        with _lock:
            found = _kept.get(key)
        if found is None:
            frame = reels_of(request).of(facts).screen_at(store, facts, at)
            columns, rows = frame.size
            found = {"t": at / 1000, "cols": columns, "rows": rows, "init": frame.init, "exact": frame.exact}
            if frame.exact and len(frame.init) * MOST < MOST_CHARACTERS * 100:
                with _lock:
                    _kept[key] = found
                    while len(_kept) > MOST:
                        _kept.popitem(last=False)
    return answer(found)


ROUTES = [Route("/api/recordings/{rec}/preview", preview)]
