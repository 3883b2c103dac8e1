"""What a running session does, as it does it: server-sent events."""

import asyncio

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from auditor.recordings.recording_state import State, recording_state
from auditor.web.access.viewer import Right
from auditor.web.watching.asked import may, number, recording
from auditor.web.watching.live import Broadcast, News
from auditor.web.watching.noting import note_watching
from auditor.web.watching.reels import reels_of

LONGEST = 60.0
"""Seconds; then the browser asks again, and is asked again who it is."""

SLOW = 15.0
"""Seconds that a viewer may take for one piece of news."""


async def live(request: Request) -> Response:
    """What comes behind the message `after`, with `input` what is typed as well: events `news` with pieces as those
    of segments, `beat` now and then, at last `ended` with the state, or `behind`: fetch segments and come again."""
    return await run_sync(_begin, request, asyncio.get_running_loop())


def _begin(request: Request, loop: asyncio.AbstractEventLoop) -> Response:
    after = number(request, "after", 0)
    typed = "input" in request.query_params and may(request, Right.INPUT)
    with recording(request) as (_, facts):
        if recording_state(facts) is not State.LIVE:
            return _Stream(None, None, b'event: ended\ndata: {"state":"%s"}\n\n' % recording_state(facts).encode())
    note_watching(request, facts, facts.length)
    if typed:
        note_watching(request, facts, facts.length, typed=True)
    reels = reels_of(request)
    broadcast = reels.broadcasts.of(reels.of(facts), facts)
    news = broadcast.follow(after, loop, typed=typed)
    if news is None:
        return _Stream(None, None, b"event: behind\ndata: {}\n\n")
    return _Stream(broadcast, news, b": live\n\n")


class _Stream(Response):
    """Sends what comes until it ends, the viewer goes, or takes too long."""

    media_type = "text/event-stream"

    def __init__(self, broadcast: Broadcast | None, news: News | None, first: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._broadcast, self._news, self._first = broadcast, news, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._first, "more_body": self._news is not None})
            if self._news is not None:
                async with anyio.create_task_group() as group:
                    group.start_soon(_until_gone, receive, group.cancel_scope)
                    await self._pass_on(self._news, send)
                    group.cancel_scope.cancel()
        finally:
            if self._broadcast is not None and self._news is not None:
                self._broadcast.leave(self._news)

    async def _pass_on(self, news: News, send: Send) -> None:
        with anyio.move_on_after(LONGEST):
            while (data := await news.get()) is not None:
                with anyio.move_on_after(SLOW) as patience:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                if patience.cancel_called:
                    return
        with anyio.move_on_after(SLOW):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


ROUTES = [Route("/api/recordings/{rec}/live", live)]
