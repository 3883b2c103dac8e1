"""Messages that a failing sink did not take are kept, in order, until it does, up to a bound."""

import time
from errno import EAGAIN

from recorder.sinks.sink import SinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recorder.sinks.sink import Sink

PATIENCE = 1.0
"""Seconds without any message taken after which a busy sink counts as one that hangs."""

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.25
"""Seconds between two tries: doubled from the first to the longest, and the first again after each success."""


class Spool:
    """A sink with memory: what goes in comes out whole, in order, without a gap, or is still `pending`.

    `limit`: bytes that may be pending. A message's id and seal are given away when it is made, so whoever makes
    messages asks `accepts` before and drops the terminal's data rather than a made message. The bound is kept by
    asking: `write` takes every message. One message may exceed the bound by itself, when nothing else is pending;
    so at most the larger of the bound and one message is pending, plus what was written without asking.

    `on_error` is called once each time that the sink begins to fail. `now` is a monotonic clock.
    """

    def __init__(
        self,
        sink: "Sink",
        limit: int,
        on_error: "Callable[[SinkError], None] | None" = None,
        *,
        now: "Callable[[], float]" = time.monotonic,
        sleep: "Callable[[float], None]" = time.sleep,
    ) -> None:
        self.sink = sink
        self.limit = limit
        self.pending_bytes = 0
        self.last_error: SinkError | None = None
        """Why the sink fails now; None when it does not."""
        self._on_error = on_error
        self._now = now
        self._sleep = sleep
        self._pending: list[tuple[bytes, str, str]] = []
        # When a sink that fails now took its last message.
        self._taken_at = now()
        self._pause = _FIRST_PAUSE

    @property
    def pending_messages(self) -> int:
        """How many messages the sink has not taken yet."""
        return len(self._pending)

    def accepts(self, size: int) -> bool:
        """Whether a message of about `size` bytes may be made now. Tries the pending ones first.

        A daemon that reads, but more slowly than the terminal prints, is waited for, as a pipe would: a flood of
        output is no failure of the sink. One that took nothing for PATIENCE is not waited for again until it does.
        """
        while not self.retry() and self.pending_bytes + size > self.limit:
            left = self._taken_at + PATIENCE - self._now()
            if left <= 0 or self.last_error is None or self.last_error.errno != EAGAIN:
                return False
            self._rest(left)
        return True

    def write(self, parts: "Sequence[bytes]", *, rec: str, kind: str) -> None:
        """Hand a message to the sink, after all that are pending; keep it when the sink fails. Never SinkError."""
        if self.retry():
            try:
                self.sink.write(parts, rec=rec, kind=kind)
                return
            except SinkError as error:
                self._failed(error)
        line = b"".join(parts)
        self._pending.append((line, rec, kind))
        self.pending_bytes += len(line)

    def retry(self) -> bool:
        """Try what is pending, oldest first, up to the first failure. True when nothing is pending."""
        taken = 0
        try:
            for line, rec, kind in self._pending:
                self.sink.write((line,), rec=rec, kind=kind)
                taken += 1
                self.pending_bytes -= len(line)
            self.last_error = None
        except SinkError as error:
            self._failed(error)
        finally:
            del self._pending[:taken]
            if taken:
                self._taken_at = self._now()
                self._pause = _FIRST_PAUSE
        return not self._pending

    def drain(self, seconds: float) -> bool:
        """Try what is pending for at most `seconds`. True when everything was taken."""
        end = self._now() + seconds
        while not self.retry():
            left = end - self._now()
            if left <= 0:
                return False
            self._rest(left)
        return True

    def close(self, seconds: float) -> bool:
        """Try what is pending for at most `seconds`, then close the sink. True when everything was taken.

        Afterwards `pending_messages` and `pending_bytes` say what was lost, `last_error` why.
        """
        self.drain(seconds)
        try:
            self.sink.close()
        except SinkError as error:
            self._failed(error)
            return False
        return not self._pending

    def _rest(self, longest: float) -> None:
        self._sleep(min(self._pause, longest))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _failed(self, error: SinkError) -> None:
        began = self.last_error is None
        self.last_error = error
        if began:
            self._taken_at = self._now()
            if self._on_error is not None:
                self._on_error(error)
