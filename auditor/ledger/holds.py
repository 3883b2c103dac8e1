"""Legal holds: recordings that nobody may delete, by whom and why.

Any number of holds may be on one recording; each is released by itself, and the recording stays until none is left.
"""

from collections.abc import Collection
from typing import NamedTuple

from auditor.ledger.entry import DELETIONS, Entry, now
from auditor.ledger.ledger import Ledger, Writing
from auditor.output.moments import clock
from auditor.output.printable import printable
from auditor.recordings.store import Facts
from recorder.errors import SessrecError

DELETING = 3600.0
"""Seconds that a deletion may take: within them a hold would come too late, and is refused."""

_COLUMNS = "number, rec, viewer, time, reason, user, host"


class HoldError(SessrecError):
    """A hold cannot be set or released; the text says why."""


class HeldError(HoldError):
    """The recording is on hold, and is not deleted."""


class Hold(NamedTuple):
    """`number` is the ledger's entry, `viewer` who set it, `time` seconds since 1970."""

    number: int
    rec: str
    viewer: str
    time: float
    reason: str
    user: str
    host: str


def hold(ledger: Ledger, facts: Facts, viewer: str, reason: str, origin: str = "") -> Hold:
    """Put a recording on hold. Raises HoldError without a reason, or where it is being deleted now."""
    _check(reason, "put on hold")
    with ledger.writing() as writing:
        deleted = writing.execute(
            f"SELECT time, viewer FROM entries WHERE rec = ? AND action IN {DELETIONS} AND time > ?",
            (facts.rec, now() - DELETING),
        )
        if deleted:
            moment, by = deleted[-1]
            raise HoldError(f"{printable(facts.rec)} is being deleted since {clock(moment)} by {printable(by)}")
        entry = writing.append(
            Entry(viewer, "hold", facts.rec, facts.host, facts.user, origin=origin, reason=reason.strip())
        )
        made = Hold(entry.number, entry.rec, entry.viewer, entry.time, entry.reason, entry.user, entry.host)
        writing.execute(f"INSERT INTO holds({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", made)
    return made


def release(ledger: Ledger, rec: str, viewer: str, reason: str, number: int | None = None, origin: str = "") -> Hold:
    """Release the hold on a recording; `number` says which, where it has several. Raises HoldError."""
    _check(reason, "released")
    with ledger.writing() as writing:
        there = _of(writing, rec)
        wanted = [each for each in there if number in (None, each.number)]
        if not wanted:
            raise HoldError(f"{printable(rec)} has no {'such hold' if there else 'hold'}: `sessrec hold` lists them")
        if len(wanted) > 1:
            numbers = ", ".join(str(each.number) for each in wanted)
            raise HoldError(f"{printable(rec)} is on hold {len(wanted)} times: say which of {numbers} with --number")
        (released,) = wanted
        writing.append(
            Entry(
                viewer,
                "release",
                released.rec,
                released.host,
                released.user,
                origin=origin,
                reason=reason.strip(),
                detail={"hold": released.number},
            )
        )
        writing.execute("DELETE FROM holds WHERE number = ?", (released.number,))
    return released


def holds(ledger: Ledger) -> list[Hold]:
    """All of them, the latest first."""
    return [Hold(*row) for row in ledger.rows(f"SELECT {_COLUMNS} FROM holds ORDER BY number DESC")]


def held(ledger: Ledger, rec: str) -> list[Hold]:
    """Those on one recording."""
    return [Hold(*row) for row in ledger.rows(f"SELECT {_COLUMNS} FROM holds WHERE rec = ? ORDER BY number", (rec,))]


def refuse_held(writing: Writing, recs: Collection[str]) -> None:
    """Within the transaction that records their deletion: HeldError where any of these is on hold."""
    for rec in recs:
        for each in _of(writing, rec):
            raise HeldError(
                f"{printable(rec)} is on hold since {clock(each.time)} by {printable(each.viewer)}: "
                f"{printable(each.reason)}; `sessrec hold --release` ends that"
            )


def _of(writing: Writing, rec: str) -> list[Hold]:
    rows = writing.execute(f"SELECT {_COLUMNS} FROM holds WHERE rec = ? ORDER BY number", (rec,))
    return [Hold(*row) for row in rows]


def _check(reason: str, what: str) -> None:
    if not reason.strip():
        raise HoldError(f"a recording is {what} with a reason: say why")
