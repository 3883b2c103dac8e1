"""Downloads of a recording: asciicast, text, raw bytes, tlog's messages; piece by piece, at the pace of whoever takes
them."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from auditor.exports import asciicast, raw, text, tlog
from auditor.exports.messages import ExportError, messages
from auditor.web.access.viewer import Right, Viewer
from auditor.web.site import Site
from auditor.web.watching.asked import may, recording
from recorder.formats.message import Message, MessageError, parse_object

PIECE = 64 * 1024
"""Bytes that are sent at a time, at the least."""

STALLED = 60.0
"""Seconds after which a client that takes nothing is given up."""

MOST = 8
"""Downloads at once: each is work for the processor."""

_slots = threading.BoundedSemaphore(MOST)


class _Form(NamedTuple):
    suffix: str
    media_type: str
    export: Callable[..., Iterator[bytes]]


FORMS = {
    "asciicast": _Form("cast", "application/x-asciicast", asciicast.export),
    "text": _Form("txt", "text/plain; charset=utf-8", text.export),
    "raw": _Form("raw", "application/octet-stream", raw.export),
    "tlog": _Form("tlog.json", "application/octet-stream", tlog.export),
}


def export(request: Request) -> Response:
    """`format` is one of FORMS. With `input` what was typed is in it, where the viewer may see that; of raw bytes
    they are instead what was printed."""
    site: Site = request.app.state.site
    form = FORMS.get(request.query_params.get("format", ""))
    if form is None:
        raise HTTPException(400, f"format: one of {', '.join(FORMS)}.")
    with_input = request.query_params.get("input", "") not in ("", "0")
    with recording(request) as (_, facts):
        pass
    if not may(request, Right.EXPORT):
        raise HTTPException(403, "You may not take recordings away.")
    if with_input and not may(request, Right.INPUT):
        raise HTTPException(403, "You may not see what was typed.")
    if not _slots.acquire(blocking=False):
        raise HTTPException(503, "Others are downloading recordings: try again in a moment.")
    lent = threading.Lock()  # given back once, whoever comes first

    def give_back() -> None:
        if lent.acquire(blocking=False):
            _slots.release()

    try:
        detail = {"format": request.query_params["format"], "input": with_input}
        site.note(request, "export", rec=facts.rec, host=facts.host, user=facts.user, detail=detail)
        source = _Source(site, request.state.viewer, facts.rec)
        pieces = _pieces(messages(source), partial(form.export, with_input=with_input), give_back)
        # What cannot be exported at all is told before anything is sent.
        first = next(pieces, b"")
    except ExportError as error:
        give_back()
        raise HTTPException(409, f"It cannot be exported: {error}.") from error
    except BaseException:
        give_back()
        raise
    name = f"sessrec-{safe_name(facts.rec)}{'-typed' if with_input else ''}.{form.suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return _Download(_with_first(first, pieces), headers=headers, media_type=form.media_type)


def safe_name(rec: str) -> str:
    """A recording's id as part of a file's name, on any system."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", rec, flags=re.ASCII)[:100] or "recording"


class _Download(StreamingResponse):
    """Ends where the client takes nothing any more."""

    async def stream_response(self, send: Send) -> None:
        """See StreamingResponse."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self.body_iterator:
            with anyio.fail_after(STALLED):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Source:
    """The messages of a recording, see auditor.recordings.recording; it holds no store while the client is slow."""

    def __init__(self, site: Site, viewer: Viewer, rec: str) -> None:
        self._site, self._viewer, self._rec = site, viewer, rec
        self._after = 0

    def read(self) -> list[bytes]:
        """The next messages."""
        with self._site.recordings(self._viewer) as store:
            lines = next(store.lines(self._rec, self._after), [])
            if not lines and store.facts(self._rec) is None:
                raise ExportError("the recording was deleted meanwhile")
        if lines:
            try:
                self._after = int(parse_object(lines[-1])["id"])
            except (MessageError, KeyError, TypeError, ValueError) as error:
                raise ExportError("a message of it cannot be read") from error
        return lines

    def close(self) -> None:
        """Nothing is held."""


def _pieces(
    taken: Iterable[Message], form: Callable[[Iterable[Message]], Iterator[bytes]], give_back: Callable[[], None]
) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    try:
        for piece in form(taken):
            held.append(piece)
            size += len(piece)
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
        if held:
            yield b"".join(held)
    finally:
        give_back()


def _with_first(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


ROUTES = [Route("/api/recordings/{rec}/export", export)]
