"""Retention: which recordings are due to be deleted, and deleting them.

Age counts from the last that is known of a recording. One whose end is not there may be of a session that has been
idle ever since, on a host that cannot be asked; it is kept for UNENDED longer. One that goes on is kept in any case,
and so is one on hold.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from auditor.ledger.deletion import LiveRecordingError, Verdicts, delete
from auditor.ledger.holds import HeldError, Hold, held
from auditor.ledger.ledger import Ledger
from auditor.ledger.retention_policies import DAY, Policies, Policy
from auditor.query.query import Selection
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts, Store

VIEWER = "retention"
"""Who deletes, as the ledger has it."""

UNENDED = 30 * DAY
"""Seconds for which a recording without its end is kept longer than others."""

BATCH = 100
"""Recordings that are deleted at a time: the index of a SQLite store is written anew for each batch."""


class Due(NamedTuple):
    """A recording whose time is over, by which policy, since when (seconds since 1970), and what keeps it, "" if
    nothing does."""

    facts: Facts
    policy: Policy
    since: float
    kept: str


def due(store: Store, ledger: Ledger, policies: Policies, now: float | None = None) -> Iterator[Due]:
    """The recordings whose time is over, the oldest first."""
    now = time.time() if now is None else now
    shortest = min((policy.keep for policy in policies.policies if policy.keep is not None), default=None)
    if shortest is None:
        return
    for facts in store.recordings(Selection(until=now - shortest), oldest_first=True):
        policy = policies.deciding(facts)
        if policy is None or policy.keep is None:
            continue
        since = facts.finish + policy.keep + (UNENDED if facts.marked and not facts.ended else 0)
        if since <= now:
            yield Due(facts, policy, since, _kept(ledger, facts, now))


class Run(NamedTuple):
    """What a run did: what was deleted, and what was due and is kept, with the reason."""

    deleted: list[Due]
    kept: list[Due]


def run(
    store: Store,
    ledger: Ledger,
    policies: Policies,
    *,
    now: float | None = None,
    verdict: Verdicts = lambda _: "",
    origin: str = "",
) -> Run:
    """Delete what is due. Raises LedgerError and StoreError; what was deleted before that is in the ledger."""
    found = list(due(store, ledger, policies, now))
    done = Run([], [each for each in found if each.kept])
    doomed = [each for each in found if not each.kept]
    for policy in policies.policies:
        of_policy = [each for each in doomed if each.policy is policy]
        for start in range(0, len(of_policy), BATCH):
            _delete(store, ledger, of_policy[start : start + BATCH], done, verdict, origin)
    return done


def _delete(store: Store, ledger: Ledger, batch: list[Due], done: Run, verdict: Verdicts, origin: str) -> None:
    policy = batch[0].policy
    try:
        delete(
            store,
            ledger,
            [each.facts for each in batch],
            VIEWER,
            reason=f"kept for {policy.written}",
            policy=policy.name,
            origin=origin,
            verdict=verdict,
        )
        done.deleted.extend(batch)
    except (HeldError, LiveRecordingError) as error:
        # Put on hold since we looked: the others go without it.
        if len(batch) == 1:
            done.kept.append(batch[0]._replace(kept=str(error)))
            return
        for each in batch:
            _delete(store, ledger, [each], done, verdict, origin)


def _kept(ledger: Ledger, facts: Facts, now: float) -> str:
    if recording_state(facts, now) is State.LIVE or recording_state(facts) is State.LIVE:
        return "still being recorded"
    return _reason(held(ledger, facts.rec))


def _reason(found: list[Hold]) -> str:
    return f"on hold by {found[0].viewer}: {found[0].reason}" if found else ""
