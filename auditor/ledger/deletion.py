"""Deleting recordings: recorded first, and never while a session goes on or somebody holds its recording."""

from collections.abc import Callable, Sequence
from pathlib import Path

from auditor.ingest.file_source import source_path
from auditor.ledger.entry import FAILURE, Entry
from auditor.ledger.holds import refuse_held
from auditor.ledger.ledger import Ledger
from auditor.ledger.tombstones import entry_of
from auditor.output.printable import printable
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts, Store
from recorder.errors import SessrecError
from recorder.paths import recordings_directory

Verdicts = Callable[[Facts], str]
"""What is to stand in a tombstone about whether the recording was whole; "" where nobody knows."""


class LiveRecordingError(SessrecError):
    """The session goes on."""


def delete(
    store: Store,
    ledger: Ledger,
    found: Sequence[Facts],
    viewer: str,
    *,
    reason: str = "",
    policy: str = "",
    origin: str = "",
    verdict: Verdicts = lambda _: "",
) -> None:
    """Delete these recordings, all or none, and leave a tombstone of each; of their files, those in the user's own
    directory of recordings. `policy`: the one of retention that says so.

    Raises LiveRecordingError, HeldError, LedgerError and StoreError.
    """
    for facts in found:
        refuse_live(facts)
    action = "retention" if policy else "delete"
    entries = [entry_of(facts, action, viewer, reason, policy, verdict(facts), origin) for facts in found]
    with ledger.writing() as writing:
        refuse_held(writing, [facts.rec for facts in found])
        for entry in entries:
            writing.append(entry)
            writing.execute("DELETE FROM verdicts WHERE rec = ?", (entry.rec,))
    try:
        store.delete([facts.rec for facts in found])
        for facts in found:
            file = own_file(facts)
            if file:
                file.unlink(missing_ok=True)
    except BaseException as error:
        with ledger.writing() as writing:
            for facts in found:
                why = f"it failed: {error}" if str(error) else "it was interrupted"
                writing.append(Entry(viewer, action, facts.rec, facts.host, facts.user, reason=why, outcome=FAILURE))
        raise


def refuse_live(facts: Facts) -> None:
    """A session that goes on would be recorded into a file without a name, and nobody would know."""
    if recording_state(facts) is State.LIVE:
        raise LiveRecordingError(f"{printable(facts.rec)} is still being recorded: end the session, then delete it")


def own_file(facts: Facts) -> Path | None:
    """The recording's file, if it is one of the user's own: there one file holds one recording."""
    path = source_path(facts.source)
    own = path is not None and path.parent == recordings_directory() and path.name == f"{facts.rec}.jsonl"
    return path if own else None
