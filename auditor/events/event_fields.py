"""Fields of an event as types that can be relied on.

Everything in an event but its header is the word of programs that a recorded user may have written, and can be of any
type and length.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

HEADER = frozenset(
    {"ver", "host", "rec", "user", "term", "session", "id", "pos", "time", "timing", "in_txt", "in_bin"}
    | {"out_txt", "out_bin", "event", "seal", "key", "sig"}
)
"""Fields that every message has. They are not part of what its event says."""

MAX_TEXT = 64 * 1024
"""Characters: as many as a line on the screen may have."""

MAX_ITEMS = 10_000
"""Arguments of a process, names, and what else comes in lists."""


def string(value: object) -> str:
    """A string, or a number as one, of at most MAX_TEXT characters; else empty."""
    if type(value) is int and abs(value) < 2**64:
        return str(value)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """An integer of 64 bits."""
    return value if type(value) is int and abs(value) < 2**63 else None


def object_in(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object in a field; an empty one where it is something else."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def strings(fields: Mapping[str, Any], name: str) -> list[str]:
    """The strings of a list in `sessrec`, as `urls` and `hosts` are."""
    values = object_in(fields, "sessrec").get(name)
    return (
        [value for value in islice(values, MAX_ITEMS) if isinstance(value, str)] if isinstance(values, list) else []
    )


def pid(fields: Mapping[str, Any]) -> int | None:
    """The process that did it."""
    return number(object_in(fields, "process").get("pid"))


def parent_pid(fields: Mapping[str, Any]) -> int | None:
    """And its parent."""
    return number(object_in(object_in(fields, "process"), "parent").get("pid"))


def failed(fields: Mapping[str, Any]) -> bool:
    """Whether the kernel refused it."""
    return object_in(fields, "event").get("outcome") == "failure"


def shortened(value: Any, most: int, depth: int) -> Any:
    """`value` with strings, lists and objects of at most `most` characters or items, nested at most `depth` deep."""
    if isinstance(value, str):
        return value if len(value) <= most else value[: most - 1] + "…"
    if isinstance(value, dict):
        pairs = islice(value.items(), most if depth else 0)
        return {str(name)[:most]: shortened(each, most, depth - 1) for name, each in pairs}
    if isinstance(value, list):
        return [shortened(each, most, depth - 1) for each in islice(value, most if depth else 0)]
    return value if not isinstance(value, int) or abs(value) < 2**64 else 0
