"""Equal actions within a short time are one event that says how often."""

from typing import Any

from recorder.audit.event import AuditEvent

WINDOW = 0.5
"""Seconds from the first of them; so much later an event may be told."""
MAX_WAITING = 1024

_MERGED = frozenset(
    {"file-write", "file-read", "file-attributes", "connect", "accept", "bind", "firewall", "privilege", "lost"}
)
"""A second exec, creation or login is something new."""

_NOT_THERE = "ENOENT"
"""What exec says of each directory of PATH that does not have the program. All of a search are one event."""


class Merger:
    """Holds back events that may repeat."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Any, ...], AuditEvent] = {}

    def feed(self, events: list[AuditEvent], now: float | None) -> list[AuditEvent]:
        """Those that are ready at `now`, in the order of their first."""
        ready = []
        waiting = self._waiting
        for event in events:
            key = _key(event)
            if not key:
                ready.append(event)
                continue
            first = waiting.get(key)
            if first is not None and abs(event.time - first.time) < WINDOW:
                sessrec = first.fields.setdefault("sessrec", {})
                sessrec["repeated"] = sessrec.get("repeated", 1) + 1
                continue
            if first is not None:
                ready.append(waiting.pop(key))
            waiting[key] = event
        while waiting:
            key, first = next(iter(waiting.items()))
            if len(waiting) <= MAX_WAITING and (now is None or abs(now - first.time) < WINDOW):
                break
            ready.append(waiting.pop(key))
        return ready

    def finish(self) -> list[AuditEvent]:
        """All that wait."""
        ready = list(self._waiting.values())
        self._waiting.clear()
        return ready


def _key(event: AuditEvent) -> tuple[Any, ...]:
    """What is the same in equal actions; () for one that is not merged."""
    fields = event.fields
    sessrec = fields.get("sessrec", {})
    action = fields["event"]["action"]
    if action == "exec" and sessrec.get("error") == _NOT_THERE:
        return action, event.auid, event.session, event.pid, fields["process"]["name"]
    if action not in _MERGED or "record" in sessrec:
        return ()
    return (
        action,
        event.auid,
        event.session,
        event.pid,
        sessrec.get("error"),
        sessrec.get("syscall"),
        repr(fields.get("process")),
        repr(fields.get("file")),
        repr(fields.get("destination")),
        repr(fields.get("source")),
        repr(fields.get("network")),
    )
