"""Messages that a failing sink did not take are kept, in order, until it does, up to a bound."""

import time

from recorder.sink import SinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recorder.sink import Sink

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
"""Seconds between two tries of `close`: doubled from the first to the longest."""


class Spool:
    """A sink with memory: what goes in comes out whole, in order, without a gap, or is still `pending`.

    `limit`: bytes that may be pending. A message's id and seal are given away when it is made, so whoever makes
    messages asks `accepts` before and drops the terminal's data rather than a made message. The bound is kept by
    asking: `write` takes every message. One message may exceed the bound by itself, when nothing else is pending;
    so at most the larger of the bound and one message is pending, plus what was written without asking.

    `on_error` is called once each time that the sink begins to fail.
    """

    def __init__(self, sink: "Sink", limit: int, on_error: "Callable[[SinkError], None] | None" = None) -> None:
        self.sink = sink
        self.limit = limit
        self.pending_bytes = 0
        self.last_error: SinkError | None = None
        """Why the sink fails now; None when it does not."""
        self._on_error = on_error
        self._pending: list[tuple[bytes, str, str]] = []

    @property
    def pending_messages(self) -> int:
        """How many messages the sink has not taken yet."""
        return len(self._pending)

    def accepts(self, size: int) -> bool:
        """Whether a message of about `size` bytes may be made now. Tries the pending ones first."""
        return self.retry() or self.pending_bytes + size <= self.limit

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
        return not self._pending

    def close(
        self,
        seconds: float,
        *,
        now: "Callable[[], float]" = time.monotonic,
        sleep: "Callable[[float], None]" = time.sleep,
    ) -> bool:
        """Try what is pending for at most `seconds`, then close the sink. True when everything was taken.

        Afterwards `pending_messages` and `pending_bytes` say what was lost, `last_error` why.
        """
        end = now() + seconds
        pause = _FIRST_PAUSE
        while not self.retry():
            left = end - now()
            if left <= 0:
                break
            sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            self.sink.close()
        except SinkError as error:
            self._failed(error)
            return False
        return not self._pending

    def _failed(self, error: SinkError) -> None:
        began = self.last_error is None
        self.last_error = error
        if began and self._on_error is not None:
            self._on_error(error)
