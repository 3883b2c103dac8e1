"""What a request asks of a recording. Whatever is wrong is answered with one line: 400 or 404."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from auditor.exports.messages import json_line
from auditor.recordings.store import Facts
from auditor.web.access.scoped_store import ScopedStore
from auditor.web.access.viewer import Right, Viewer
from auditor.web.site import Site
from auditor.web.watching.event_index import KINDS
from recorder.formats.message import MAX_ID

MAX_SECONDS = 1e9
"""No recording is as long: thirty years."""


@contextmanager
def recording(request: Request) -> Iterator[tuple[ScopedStore, Facts]]:
    """The recording that the path names, as it is now, and the store in which it is. 404 where it is none, and where
    it does not exist for the viewer."""
    site: Site = request.app.state.site
    with site.recordings(request.state.viewer) as store:
        facts = store.facts(request.path_params["rec"])
        if facts is None:
            raise HTTPException(404)
        yield store, facts


def may(request: Request, right: Right) -> bool:
    """Whether the viewer has a right."""
    viewer: Viewer = request.state.viewer
    return viewer.may(right)


def moment(request: Request, name: str = "t", default: int | None = None) -> int:
    """A moment in ms, given in seconds; without a default it must be given."""
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    try:
        seconds = float(text or "")
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_SECONDS:
        raise HTTPException(400, f"{name}: not a moment: give seconds since the recording began.")
    return round(seconds * 1000)


def number(request: Request, name: str, default: int, high: int = MAX_ID) -> int:
    """A whole number from 0."""
    text = request.query_params.get(name)
    if text is None:
        return default
    # No int() of text that is longer than any number we know: it would take its time.
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= high):
        raise HTTPException(400, f"{name}: not a number from 0 to {high}.")
    return int(text)


def kinds(request: Request) -> tuple[str, ...]:
    """The chosen feeds, by default all."""
    text = request.query_params.get("kind", "")
    chosen = tuple(dict.fromkeys(name for name in text.split(",") if name))
    if any(name not in KINDS for name in chosen):
        raise HTTPException(400, f"kind: one or more of {', '.join(KINDS)}, with commas between them.")
    return chosen or KINDS


def answer(value: Any) -> Response:
    """JSON. Also half surrogate pairs, which recorded names may have, get through: as escapes."""
    return Response(json_line(value), media_type="application/json")
