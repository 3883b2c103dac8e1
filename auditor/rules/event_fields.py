"""The fields of events that rules can ask about, by their names in docs/format.md, and how they are read.

A field can have several values: an array, or what is said in two places. A rule asks about any of them.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a field's values are, and with that, what a condition on it can be."""

    TEXT = "text"
    NUMBER = "number"
    ADDRESS = "address"


ACTIONS = (
    "session-start",
    "session-end",
    "resize",
    "control",
    "checkpoint",
    "lost",
    "exec",
    "file-create",
    "file-write",
    "file-delete",
    "file-rename",
    "file-attributes",
    "file-read",
    "connect",
    "accept",
    "bind",
    "privilege",
    "login",
    "logout",
    "firewall",
)
"""Values of `event.action`."""

COMMAND_LINE = "process.command_line"
"""ECS's name for the arguments in one text, joined by spaces; no event has it, it is made from process.args."""

FIELDS = {
    "event.action": Kind.TEXT,
    "event.category": Kind.TEXT,
    "event.type": Kind.TEXT,
    "event.outcome": Kind.TEXT,
    "process.pid": Kind.NUMBER,
    "process.parent.pid": Kind.NUMBER,
    "process.executable": Kind.TEXT,
    "process.name": Kind.TEXT,
    "process.args": Kind.TEXT,
    "process.args_count": Kind.NUMBER,
    COMMAND_LINE: Kind.TEXT,
    "process.working_directory": Kind.TEXT,
    "process.user.id": Kind.TEXT,
    "process.user.name": Kind.TEXT,
    "process.real_user.id": Kind.TEXT,
    "process.exit_code": Kind.NUMBER,
    "file.path": Kind.TEXT,
    "file.type": Kind.TEXT,
    "file.target_path": Kind.TEXT,
    "file.mode": Kind.TEXT,
    "file.uid": Kind.TEXT,
    "file.gid": Kind.TEXT,
    "destination.ip": Kind.ADDRESS,
    "destination.port": Kind.NUMBER,
    "destination.domain": Kind.TEXT,
    "source.ip": Kind.ADDRESS,
    "source.port": Kind.NUMBER,
    "source.address": Kind.TEXT,
    "network.type": Kind.TEXT,
    "network.transport": Kind.TEXT,
    "url.full": Kind.TEXT,
    "sessrec.command": Kind.TEXT,
    "sessrec.terminal": Kind.TEXT,
    "sessrec.record": Kind.TEXT,
    "sessrec.script": Kind.TEXT,
    "sessrec.interpreter": Kind.TEXT,
    "sessrec.old_path": Kind.TEXT,
    "sessrec.error": Kind.TEXT,
    "sessrec.syscall": Kind.TEXT,
    "sessrec.reason": Kind.TEXT,
    "sessrec.by": Kind.TEXT,
    "sessrec.repeated": Kind.NUMBER,
    "sessrec.lost_bytes": Kind.NUMBER,
    "sessrec.lost_messages": Kind.NUMBER,
    "sessrec.lost_events": Kind.NUMBER,
    "sessrec.control.action": Kind.TEXT,
    "sessrec.control.by": Kind.TEXT,
}

_ALSO = {
    # Of one, the event says it in ECS's field; where arguments name several, they stand in a list of ours.
    "url.full": ("sessrec", "urls"),
    "destination.domain": ("sessrec", "hosts"),
}

_PATHS = {name: tuple(name.split(".")) for name in FIELDS}

GROUPS = frozenset(name.rpartition(".")[0] for name in FIELDS)
"""Names of objects that fields stand in: "process", "process.user" and so on."""


def values(event: Mapping[str, Any], name: str) -> Iterator[Any]:
    """The values, texts and numbers, that an event has for a field; none where it has no such field, or something
    else in its place."""
    if name == COMMAND_LINE:
        words = [word for word in _all(event, _PATHS["process.args"]) if isinstance(word, str)]
        if words:
            yield " ".join(words)
        return
    yield from _all(event, _PATHS[name])
    if name in _ALSO:
        yield from _all(event, _ALSO[name])


def _all(event: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
    value: Any = event
    for key in path:
        if not isinstance(value, dict):  # what JSON makes; an abstract Mapping takes ten times as long to ask for
            return
        value = value.get(key)
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, str | int) and not isinstance(each, bool):
            yield each
