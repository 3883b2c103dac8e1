"""The two engines that read records: auparse of the audit project, and our own.

auparse is there where the package python3-audit is. Both are given the same records and give the same groups.
"""

from typing import Any, Protocol

from recorder.audit.assembly import Assembler, Group
from recorder.audit.record import (
    EOE,
    NETFILTER_PKT,
    PARTS,
    PATH,
    PATH_FIELDS,
    PROCTITLE,
    SYSCALL,
    SYSCALL_FIELDS,
    Record,
)
from recorder.errors import SessrecError

ENGINES = ("auto", "auparse", "own")


class EngineError(SessrecError):
    """The engine that is asked for is not on this machine."""


class Engine(Protocol):
    """Joins records to groups."""

    name: str

    def feed(self, records: list[Record]) -> list[Group]:
        """The groups that are complete, or have waited for too long by the time of these records."""

    def expire(self, now: float) -> list[Group]:
        """Those that have waited for too long at `now`, in seconds since 1970."""

    def finish(self) -> list[Group]:
        """All that is left."""


def engine(name: str = "auto") -> Engine:
    """One of ENGINES; `auto` is auparse where it is there. Raises EngineError."""
    if name == "own":
        return OwnEngine()
    try:
        return AuparseEngine()
    except ImportError as error:
        if name == "auto":
            return OwnEngine()
        raise EngineError(
            "auparse is not available to this Python: install the package python3-audit, or use --engine own"
        ) from error


class OwnEngine(Assembler):
    """Records read by recorder.audit.record."""

    name = "own"


class AuparseEngine(Assembler):
    """Records read by auparse.

    Joined by us: auparse ends an event with its PROCTITLE, so that a record that comes after it is an event of its
    own, and keeps a complete event back until there is another one.
    """

    name = "auparse"

    def __init__(self) -> None:
        super().__init__()
        import auparse

        self._ready = auparse.AUPARSE_CB_EVENT_READY
        self._parser = auparse.AuParser(auparse.AUSOURCE_FEED)
        # It takes functions only, not methods.
        self._parser.add_callback(lambda parser, kind, _: self._event(parser, kind), None)
        self._read: dict[str, list[tuple[str, dict[str, str]]]] = {}

    def feed(self, records: list[Record]) -> list[Group]:
        """As Engine has it."""
        return self._by_auparse(super().feed(records))

    def expire(self, now: float) -> list[Group]:
        """As Engine has it."""
        return self._by_auparse(super().expire(now))

    def finish(self) -> list[Group]:
        """As Engine has it."""
        return self._by_auparse(super().finish())

    def _by_auparse(self, groups: list[Group]) -> list[Group]:
        if groups:
            self._parser.feed("".join(map(_lines, groups)).encode())
            self._parser.feed_age_events()
            for group in groups:
                # What auparse makes nothing of is read by us.
                read = self._read.get(_name(group), ())
                for record, (type, fields) in zip(group.records, read, strict=False):
                    if record.type != type:
                        break
                    record.read_as(fields)
            self._read.clear()
        return groups

    def _event(self, parser: Any, kind: int) -> None:
        if kind != self._ready:
            return
        read = []
        stamp = parser.get_timestamp()
        field_name, field_text, next_field = parser.get_field_name, parser.get_field_str, parser.next_field
        more = parser.first_record()
        while more:
            type = parser.get_type_name()
            last = _LAST.get(type)
            fields: dict[str, str] = {}
            field = parser.first_field()
            while field:
                name = field_name()
                if name not in fields:
                    fields[name] = field_text()
                if name == last:
                    break
                field = next_field()
            read.append((type, fields))
            more = parser.next_record()
        self._read[f"{stamp.host or ''} {stamp.sec}.{stamp.milli:03d}:{stamp.serial}"] = read


def _lines(group: Group) -> str:
    group.records.sort(key=_is_title)
    lines = [record.line() for record in group.records]
    if group.records[0].type in _JOINED:
        lines.append(f"{lines[0].partition('type=')[0]}type={EOE} msg=audit({group.stamp}): ")
    return "\n".join(lines) + "\n"


def _is_title(record: Record) -> bool:
    """Whether auparse takes what comes after it for another event."""
    return record.type == PROCTITLE


def _name(group: Group) -> str:
    first = group.records[0]
    return f"{first.node} {first.stamp}"


_LAST = {SYSCALL: SYSCALL_FIELDS[-1], PATH: PATH_FIELDS[-1]}
"""The last field that is asked for."""

_JOINED = frozenset({*PARTS.values(), NETFILTER_PKT})
"""Those after which auparse waits for more."""
