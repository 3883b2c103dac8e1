"""How much of a session is recorded per second, as tlog's options limit.rate and limit.burst have it."""

ACTIONS = ("pass", "delay", "drop")
"""What happens to a message above the rate: nothing, it is made to wait (and the session with it), it is lost."""

DEFAULT_RATE = 16_384
DEFAULT_BURST = 32_768
"""Bytes per second and bytes: the defaults of tlog-rec.conf(5), whose action is "pass"."""


class RateLimit:
    """A leaky bucket: it holds `rate + burst` bytes and runs out at `rate` bytes per second.

    Over any time t at most `rate + burst + rate * t` bytes are allowed (and one byte, for rounding). A message
    larger than the whole bucket is allowed when the bucket is empty, and those after it wait the longer; tlog,
    whose messages are small, drops it always.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._capacity = rate + burst
        self._held = 0.0
        self._at: float | None = None

    def allow(self, size: int, now: float) -> float:
        """Seconds until a message of `size` bytes is allowed; at 0.0 it is, and is counted.

        `now`: seconds of a monotonic clock. Infinite where nothing is ever allowed again (rate 0).
        """
        self._drain(now)
        # Not more than an empty bucket can be waited for.
        excess = min(self._held + size - self._capacity, self._held)
        # Less than a byte is what rounding leaves after just the time that was asked for.
        if excess < 1:
            self._held += size
            return 0.0
        return excess / self._rate if self._rate else float("inf")

    def idle(self, now: float) -> bool:
        """Whether nothing is held any more, as at the beginning."""
        self._drain(now)
        return not self._held

    def charge(self, size: int, now: float) -> None:
        """Count a message that is written all the same: whoever delays writes it first and then waits for `allow`'s
        time, in which the session stands still. The bound is then exceeded by that message, once.
        """
        self._drain(now)
        self._held += size

    def _drain(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._held = max(0.0, self._held - (now - self._at) * self._rate)
        if self._at is None or now > self._at:
            self._at = now
