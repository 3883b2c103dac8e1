"""What is left of a recording that was deleted: whose it was, how long, whether it was whole, who deleted it and why.

A tombstone is an entry of the ledger, written before the deed. Where the recording is still in the store, deleting it
failed or was killed, and the entry says no more than that it was meant.
"""

from typing import NamedTuple

from auditor.ledger.entry import DELETIONS, SUCCESS, Entry, Wanted
from auditor.ledger.ledger import Ledger
from auditor.recordings.store import Facts


class Tombstone(NamedTuple):
    """Times are seconds since 1970, `length` is in ms. `policy` is that of retention, "" where a person decided;
    `verdict` as `sessrec verify` says it, "" where nobody looked."""

    rec: str
    user: str
    host: str
    start: float
    length: int
    messages: int
    verdict: str
    viewer: str
    time: float
    reason: str
    policy: str

    def facts(self) -> Facts:
        """As of a recording, for whoever decides by them who may see it."""
        return Facts(self.rec, self.host, self.user, "", 0, self.start, self.length)


def entry_of(facts: Facts, action: str, viewer: str, reason: str, policy: str, verdict: str, origin: str) -> Entry:
    """The entry that a tombstone is read from."""
    detail = {
        "start": facts.start,
        "length_ms": facts.length,
        "messages": facts.messages,
        "verdict": verdict,
        "policy": policy,
    }
    return Entry(
        viewer,
        action,
        facts.rec,
        facts.host,
        facts.user,
        origin=origin,
        reason=reason,
        detail={name: value for name, value in detail.items() if value != ""},
    )


def tombstone(ledger: Ledger, rec: str) -> Tombstone | None:
    """Of the recording with this whole id, if it was deleted with this ledger."""
    for entry in ledger.entries(Wanted(rec=rec, whole=True, actions=DELETIONS)):
        if entry.outcome == SUCCESS:
            return _read(entry)
    return None


def _read(entry: Entry) -> Tombstone:
    detail = entry.detail
    return Tombstone(
        rec=entry.rec,
        user=entry.user,
        host=entry.host,
        start=float(detail.get("start", 0)),
        length=int(detail.get("length_ms", 0)),
        messages=int(detail.get("messages", 0)),
        verdict=str(detail.get("verdict", "")),
        viewer=entry.viewer,
        time=entry.time,
        reason=entry.reason,
        policy=str(detail.get("policy", "")),
    )
