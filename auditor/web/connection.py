"""A browser's connection, which does not stay open for ever because its other end is slow or says nothing.

uvicorn by itself waits for the rest of a request, and for answers to be read, as long as that takes: a few thousand
such connections, from anybody who reaches the port, would keep everybody else out.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""Within which the first line and the headers of a request must have come, counted from the connection or the first
byte."""

STALLED_SECONDS = 60.0
"""In which some tens of KiB of an answer must be read. Browsers read what they are given, also of what they only
keep for later."""


class Connection(H11Protocol):
    """See the module."""

    _head_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        self._watch_head()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: more is to be sent than is read."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._stop_stall_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_head_timer()
        self._stop_stall_timer()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if not self._waits():
            self._stop_head_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _waits(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _late(self) -> None:
        self._head_timer = None
        if self._waits() and not self.transport.is_closing():
            self.transport.close()
            # What was answered before may still lie there, unread.
            self._stop_stall_timer()
            self._stall_timer = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
