"""From the journal into the store: what is new in it, with how far it was read."""

from auditor.ingest.ingest import Ingest
from auditor.ingest.journal import Entry, Journal, JournalError
from auditor.output.printable import printable
from auditor.recordings.store import Refusal, Store

BATCH_BYTES = 2 * 1024 * 1024
"""Bytes of messages added to the store together."""

SERVICE = "session-recorder.service"
"""The unit that records logins."""


class JournalSource:
    """A journal that is looked at again and again. `dropped` counts entries that journald has dropped by its rate
    limit, of units that recordings come from."""

    def __init__(self, ingest: Ingest, store: Store, journal: Journal) -> None:
        self.dropped = 0
        self._ingest = ingest
        self._store = store
        self._journal = journal
        self._seen: dict[str, tuple[object, ...]] = {}
        # Of which entries are recordings: what others lose, a web server say, is nothing to us.
        self._units = {SERVICE}

    def look(self) -> list[JournalError]:
        """Take in what the journal has behind the point reached last time; the errors of journals in a directory that
        cannot be read, each once, and not again before it changes. Raises JournalError where it is all there is."""
        marks = self._store.marks(self._journal.source)
        errors = []
        for part in self._journal.parts:
            state = part.only.state() if part.only else ()
            if state and self._seen.get(part.source) == state:
                continue
            try:
                self._take(part, marks.get(part.source))
            except JournalError as error:
                if part.only is None or part.only.paths == (self._journal.directory,):
                    raise
                if not all(path.exists() for path in part.only.paths):
                    continue  # rotated away meanwhile: the next look finds the others
                # One host's journal must not keep the others' away.
                self._store.add(part.source, None, (), [Refusal(str(error), "", "")])
                errors.append(error)
            # As it was before it was read: what was added meanwhile is for the next look.
            self._seen[part.source] = state
        return errors

    def _take(self, journal: Journal, cursor: str | None) -> None:
        pending: list[Entry] = []
        size = 0
        try:
            for entry in journal.entries(cursor):
                if entry.dropped:
                    if self._journal.namespace or entry.unit in self._units:
                        # Not before what stands before it: with it goes how far the journal was read.
                        self._add(journal, pending)
                        pending, size = [], 0
                        self._tell(journal, entry)
                    continue
                self._units.add(entry.unit)
                pending.append(entry)
                size += len(entry.line)
                if size >= BATCH_BYTES:
                    self._add(journal, pending)
                    pending, size = [], 0
        except JournalError:
            # What stands before the damage is there.
            self._add(journal, pending)
            self._ingest.settle(journal.source)
            raise
        self._add(journal, pending)
        self._ingest.settle(journal.source)

    def _add(self, journal: Journal, entries: list[Entry]) -> None:
        if entries:
            lines, origins = [entry.line for entry in entries], [entry.origin for entry in entries]
            self._ingest.take(journal.source, entries[-1].cursor, lines, origins)

    def _tell(self, journal: Journal, entry: Entry) -> None:
        """Keep with what was refused what was never there."""
        self.dropped += int(entry.dropped)
        reason = f"journald has dropped messages of {entry.origin} by its rate limit: set RateLimitIntervalSec=0"
        excerpt = printable(entry.line.decode("utf-8", "replace"))
        self._store.add(journal.source, entry.cursor, (), [Refusal(reason, "", excerpt)])
