"""The straightforward way to read records, for comparison: a regular expression for lines, and one for fields.

Records are joined by their serial until the EOE comes, so that one that comes late is lost. What is made of the
fields is ours, and so the events are the same.
"""

import re
from collections.abc import Iterator

from recorder.audit.assembly import Group
from recorder.audit.conversion import Converter
from recorder.audit.event import AuditEvent
from recorder.audit.record import Record

_LINE = re.compile(r"^type=(\S+) msg=audit\((\d+\.\d+:\d+)\): ?(.*)$")
_FIELD = re.compile(r"""([\w\[\]-]+)=("[^"]*"|'[^']*'|\S*)""")


BATCH = 64
"""Events that are handed on together, about as many as there are in a piece of the log."""


class Joined:
    """An engine that is given groups of records, and gives them back."""

    name = "regular expressions"

    def __init__(self) -> None:
        self.groups: list[Group] = []

    def feed(self, records: list[Record]) -> list[Group]:
        """What has been joined."""
        groups, self.groups = self.groups, []
        return groups

    def expire(self, now: float) -> list[Group]:
        """The same."""
        return self.feed([])

    def finish(self) -> list[Group]:
        """The same."""
        return self.feed([])


def convert(data: bytes) -> Iterator[list[AuditEvent]]:
    """The events of a log."""
    converter = Converter("own")
    converter.engine = joined = Joined()
    waiting: dict[str, list[Record]] = {}
    for line in data.decode(errors="backslashreplace").split("\n"):
        match = _LINE.match(line)
        if match is None:
            continue
        type, stamp, body = match.groups()
        record = Record(type, stamp, body)
        if type == "EOE":
            if stamp in waiting:
                joined.groups.append(Group(waiting.pop(stamp)))
            if len(joined.groups) >= BATCH:
                yield converter.feed_records([record])
            continue
        fields: dict[str, str] = {}
        for name, value in _FIELD.findall(body):
            if value.startswith("'"):
                fields.update(_FIELD.findall(value[1:-1]))
            else:
                fields[name] = value
        record.read_as(fields)
        if type.startswith("USER_") or type == "LOGIN":
            joined.groups.append(Group([record]))
        else:
            waiting.setdefault(stamp, []).append(record)
    joined.groups += map(Group, waiting.values())
    yield [*converter.feed_records([]), *converter.finish()]
