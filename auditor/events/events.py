"""What the reading side knows of an event: its kind, its moment, and one line that describes it.

All of these have an answer, whatever types, lengths and characters stand in an event.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from auditor.events.event_fields import HEADER, object_in, shortened
from auditor.events.event_sentence import sentence as sentence

EventKind = Literal["exec", "file", "network", "other"]

KINDS: Mapping[str, EventKind] = {
    "exec": "exec",
    "file-create": "file",
    "file-write": "file",
    "file-delete": "file",
    "file-rename": "file",
    "file-attributes": "file",
    "file-read": "file",
    "connect": "network",
    "accept": "network",
    "bind": "network",
}
"""Actions that are not of the kind `other`."""

OWN = frozenset({"session-start", "session-end", "resize", "control", "checkpoint", "lost"})
"""Actions that the recorder tells of itself."""

MAX_DETAIL = 64 * 1024
"""Characters of what the store keeps of an event beside its message, which is kept whole."""

SHORTENED = "…"
"""A field of this name in a detail says that parts of it were left out."""


def kind(action: str) -> EventKind:
    """Of an ECS action."""
    return KINDS.get(action, "other")


def moment(fields: Mapping[str, Any], pos: int) -> int:
    """When it happened, in ms into the recording: as audit has it where that lies in the recording before `pos`, the
    time at which its message was written."""
    at = object_in(fields, "sessrec").get("at")
    return at if type(at) is int and 0 <= at <= pos else pos


def detail(fields: Mapping[str, Any]) -> str:
    """What an event message says besides its header and its action, as a JSON object of at most MAX_DETAIL
    characters. What is too long is cut, and then SHORTENED is among the fields."""
    rest = said(fields)
    try:
        text = json.dumps(rest)
    except RecursionError:
        text = json.dumps({SHORTENED: True, **shortened(rest, 1000, 4)})
    for most in (1000, 100, 10):
        if len(text) <= MAX_DETAIL:
            return text
        text = json.dumps({SHORTENED: True, **shortened(rest, most, 4)})
    return text if len(text) <= MAX_DETAIL else json.dumps({SHORTENED: True})


def said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What an event message says besides its header and its action."""
    rest = {name: value for name, value in fields.items() if name not in HEADER}
    about = {name: value for name, value in object_in(fields, "event").items() if name != "action"}
    return rest | {"event": about} if about else rest


def parsed_detail(text: str) -> dict[str, Any]:
    """What `detail` gave; empty for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def search_line(action: str, fields: Mapping[str, Any]) -> tuple[EventKind, str] | None:
    """The line that a search looks through, and its kind; None where the event tells nothing that anybody would look
    for: sizes, signatures, ends, and shells without arguments."""
    if action in ("resize", "checkpoint", "session-end", "exit"):
        return None
    if action == "session-start":
        # Of a session without a terminal this is the only place where its command stands.
        arguments = object_in(fields, "process").get("args")
        return ("exec", sentence(action, fields)) if isinstance(arguments, list) and len(arguments) > 1 else None
    return kind(action), sentence(action, fields)
