"""Parts of a recording, as the player of the page fetches them: one in which a moment lies, and those behind it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts
from auditor.web.access.viewer import Right
from auditor.web.watching.asked import answer, may, moment, recording
from auditor.web.watching.noting import note_watching
from auditor.web.watching.reel import Segment
from auditor.web.watching.reels import reels_of


def at_moment(request: Request) -> Response:
    """The segment in which `t` (seconds) lies."""
    wanted = moment(request)
    with recording(request) as (store, facts):
        segment = reels_of(request).of(facts).at(store, facts, wanted)
    _note(request, facts, wanted)
    return answer(_object(request, facts, segment))


def behind(request: Request) -> Response:
    """The segment behind the message `last`. Its events go on from those of the segment before."""
    last: int = request.path_params["last"]
    with recording(request) as (store, facts):
        last = min(last, facts.next_id - 1)
        segment = reels_of(request).of(facts).behind_message(store, facts, last)
    _note(request, facts, segment.begin.at)
    return answer(_object(request, facts, segment))


def _note(request: Request, facts: Facts, at: int) -> None:
    note_watching(request, facts, at)
    if _with_input(request):
        note_watching(request, facts, at, typed=True)


def _with_input(request: Request) -> bool:
    return "input" in request.query_params and may(request, Right.INPUT)


def _object(request: Request, facts: Facts, segment: Segment) -> dict[str, Any]:
    """As asciinema-player's segments, with times in seconds, and what leads to the next.

    `after` is the message before its first, `last` its last; `exact`: see `auditor.web.watching.walker.Frame`;
    `final`: nothing comes behind it yet.
    """
    with_input = _with_input(request)
    begin = segment.begin
    columns, rows = begin.size
    return {
        "after": begin.last,
        "last": segment.last,
        "start": begin.at / 1000,
        "end": segment.end / 1000,
        "exact": segment.exact,
        "final": segment.final,
        "live": recording_state(facts) is State.LIVE,
        "length": facts.length / 1000,
        "snapshot": {"cols": columns, "rows": rows, "init": begin.init},
        "events": [
            [piece.at / 1000, piece.code, piece.data] for piece in segment.pieces if piece.code != "i" or with_input
        ],
    }


ROUTES = [
    Route("/api/recordings/{rec}/segments", at_moment),
    Route("/api/recordings/{rec}/segments/{last:int}", behind),
]
