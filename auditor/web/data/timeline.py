"""What the progress bar shows: where something happened, and where nothing did."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.commands.list import as_json
from auditor.recordings.recording_state import State, recording_state
from auditor.web.watching.asked import answer, number, recording
from auditor.web.watching.reels import reels_of

MOST_BUCKETS = 2000
WORK = 0.4
"""Seconds; see `auditor.web.data.events`."""

MOST_IDLE = 2000
"""Stretches told: the longest."""


def facts(request: Request) -> Response:
    """What the list says of it."""
    with recording(request) as (_, found):
        return answer(as_json(found))


def timeline(request: Request) -> Response:
    """Times in seconds. `marks`: by kind, pairs of the part of the recording, of `buckets` equal ones, and how many
    events are in it. `idle`: stretches without a sign of life. `read`: up to where screens are exact and idle
    stretches known; `complete`: whether that is all, and all events are in the marks."""
    buckets = max(1, number(request, "buckets", 400, MOST_BUCKETS))
    with recording(request) as (store, found):
        reels = reels_of(request)
        reel, index = reels.of(found), reels.index_of(found)
        known = index.catch_up(store, found, WORK)
        behind = reel.behind(found)
        idle = list(reel.idle)
        if len(idle) > MOST_IDLE:
            idle = sorted(sorted(idle, key=lambda stretch: stretch[0] - stretch[1])[:MOST_IDLE])
        told: dict[str, Any] = {
            "length": found.length / 1000,
            "live": recording_state(found) is State.LIVE,
            "read": (reel.reached if behind else max(found.length, reel.reached)) / 1000,
            "complete": known and not behind,
            "buckets": buckets,
            "counts": index.counts(),
            "marks": index.marks(found.length, buckets),
            "idle": [[first / 1000, last / 1000] for first, last in idle],
        }
    return answer(told)


ROUTES = [Route("/api/recordings/{rec}", facts), Route("/api/recordings/{rec}/timeline", timeline)]
