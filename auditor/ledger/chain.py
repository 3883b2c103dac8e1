"""The chain over the entries of a ledger, and whether they are all as they were written.

It is that of recordings (`recorder.formats.chain`), begun with the ledger's id. There is no key: whoever may write
the file can compute a chain of his own. What he cannot change is what others have noted of it: the journal, and a
head that somebody keeps.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.ledger.entry import Entry
from recorder.formats import chain
from recorder.formats.canonical import canonical

if TYPE_CHECKING:
    from auditor.ledger.ledger import Ledger


class Head(NamedTuple):
    """The id of a ledger, the number of its last entry, and the chain's value there."""

    id: str
    number: int
    value: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.value.hex()}"


class Finding(NamedTuple):
    """Whether a ledger is whole; else the number of the first entry that is not as it was written, and why. `proven`
    entries before it are."""

    whole: bool
    proven: int
    reason: str
    at: int | None = None


def advance(head: Head, text: bytes) -> bytes:
    """The value after the entry whose canonical JSON is `text`."""
    before = head.value if head.number else chain.start(f"ledger {head.id}")
    return chain.advance(before, text)


def check(ledger: "Ledger", noted: Mapping[int, str] | None = None) -> Finding:
    """Read every entry. `noted`: values in hexadecimal, by number, that somebody has kept elsewhere."""
    stored = ledger.head()
    noted = dict(noted or {})
    head = Head(stored.id, 0, b"")
    holds: set[tuple[int, str]] = set()
    for number, text, value, *looked_up in _rows(ledger):
        expected = head.number + 1
        if number != expected:
            return Finding(False, head.number, f"entry {expected} is missing", expected)
        entry = _fitting(head, number, text, value)
        if entry is None or tuple(looked_up) != columns(entry):
            return Finding(False, head.number, f"entry {number} is not what was written", number)
        if noted.pop(number, value.hex()) != value.hex():
            return Finding(False, head.number, f"entry {number} is another one than was noted elsewhere", number)
        if entry.action == "hold":
            holds.add((number, entry.rec))
        elif entry.action == "release":
            holds.discard((entry.detail.get("hold"), entry.rec))
        head = Head(stored.id, number, value)
    if stored.number > head.number or any(number > head.number for number in noted):
        return Finding(False, head.number, f"entries from {head.number + 1} on are missing", head.number + 1)
    if noted:
        return Finding(False, head.number, f"there has never been an entry {min(noted)}", min(noted))
    if (stored.number, stored.value) != (head.number, head.value):
        return Finding(False, stored.number, "there are more entries than were written", stored.number + 1)
    kept = set(ledger.rows("SELECT number, rec FROM holds"))
    if kept != holds:
        number, rec = min(kept ^ holds)
        return Finding(False, head.number, f"the hold of {rec} is not what the entries up from {number} say", number)
    return Finding(True, head.number, f"{head.number} entries, head {head}")


def _fitting(head: Head, number: int, text: str, value: bytes) -> Entry | None:
    """The entry with this number, if it is what was written behind the head."""
    try:
        data = text.encode()
        fields = json.loads(data)
        entry = Entry.read(fields)
        fits = canonical(fields) == data and entry.number == number and advance(head, data) == value
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return entry if fits else None


def columns(entry: Entry) -> tuple[float, str, str, str, str, str]:
    """What an entry is looked up by."""
    return entry.time, entry.viewer, entry.action, entry.rec, entry.user, entry.host


def _rows(ledger: "Ledger") -> Iterator[tuple[Any, ...]]:
    last = -(2**63)
    while rows := ledger.rows(_ALL, (last,)):
        yield from rows
        last = rows[-1][0]


_ALL = (
    "SELECT number, fields, value, time, viewer, action, rec, user, host FROM entries NOT INDEXED "
    "WHERE number > ? ORDER BY number LIMIT 1000"
)


def integrity(ledger: "Ledger") -> str:
    """What SQLite says of the file: "ok", or the first thing that is wrong."""
    try:
        return str(ledger.rows("PRAGMA integrity_check(1)")[0][0])
    except sqlite3.Error as error:
        return str(error)
