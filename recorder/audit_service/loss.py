"""What of the audit was lost, as events: the kernel counts what it had to drop, and its numbers have no gaps."""

from recorder.audit.event import AuditEvent
from recorder.audit.values import Clock

WINDOW = 4096
"""Serials. An event has its number when its system call writes the first record of it, and is sent when the call
ends; so numbers come late, and one that is so far behind will not come."""
COUNTER = 1 << 32
"""The kernel's counter of lost records starts again at 0 here."""


def lost_event(count: int, reason: str, at: float) -> AuditEvent:
    """The event that says so much was lost before `at`, in seconds since 1970."""
    start = Clock().iso(f"{at:.3f}")
    return AuditEvent(
        at,
        0,
        None,
        None,
        0,
        {"event": {"action": "lost", "start": start}, "sessrec": {"lost_events": count, "reason": reason}},
    )


class LostCounter:
    """The counter `lost` of the kernel's status, asked for now and then."""

    def __init__(self, value: int) -> None:
        self._value = value

    def update(self, value: int) -> int:
        """How many records were lost since the value before; the counter may have been set back to 0."""
        before, self._value = self._value, value
        if value >= before:
            return value - before
        return value + COUNTER - before if before > COUNTER // 2 else value


class SerialGaps:
    """Missing serials, for one who sees all that the kernel sends."""

    def __init__(self) -> None:
        self._next = 0
        self._missing: set[int] = set()

    def seen(self, serial: int) -> int:
        """Note a serial; how many are given up with it."""
        if serial < self._next:
            if self._next - serial > 2 * WINDOW:
                # The kernel has started anew, and counts from 1.
                self._missing.clear()
                self._next = serial + 1
            self._missing.discard(serial)
            return 0
        given_up = 0
        if self._next:
            first = max(self._next, serial - WINDOW)
            given_up = first - self._next
            self._missing.update(range(first, serial))
        self._next = serial + 1
        if self._missing:
            late = [each for each in self._missing if each < serial - WINDOW]
            self._missing.difference_update(late)
            given_up += len(late)
        return given_up
