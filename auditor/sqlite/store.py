"""The store in one SQLite file: where one machine is enough, with nothing to install."""

import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from auditor.query.query import Query, Selection
from auditor.recordings.store import (
    Addition,
    ConflictError,
    Event,
    Facts,
    GroupKey,
    Hit,
    Position,
    Quarantined,
    RecordingGroup,
    Refusal,
    StoreError,
)
from auditor.sqlite import schema
from auditor.sqlite.lines import append_lines, lines_around, read_lines
from auditor.sqlite.listing import OVERLAPS, STARTED, Listing, facts_of
from auditor.sqlite.search import Search
from auditor.sqlite.texts import Texts
from auditor.sqlite.words import Vocabulary
from auditor.transcript import Seen

_FIRST_EVENTS, _MORE_EVENTS = 50, 2000
"""Read at once: of many only some may be wanted."""

_CHANGING = "start, finish, ended, marked, missing, events, added_by, settled, revision, facts"
_FACTS = f"number, rec, user, host, {_CHANGING}"
_EXCLUDED = ", ".join(f"excluded.{name}" for name in _CHANGING.split(", "))

MAX_QUARANTINED = 10_000
"""Reasons kept: whoever sends garbage must not fill the disk with it."""


class SqliteStore:
    """See `auditor.recordings.store.Store`. Several processes may use one file; each addition is one transaction.
    `shared`: see `auditor.recordings.store_name.open_named`."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        self._connection = schema.connect(path, shared=shared)
        self._vocabulary = Vocabulary(self._connection)
        self._texts = Texts(self._connection, self._vocabulary)
        self._listing = Listing(self._connection)
        self._held_lines: tuple[str, int, list[bytes]] = ("", 0, [])

    def facts(self, rec: str) -> Facts | None:
        """See Store."""
        with self._errors():
            row = self._connection.execute("SELECT facts FROM recordings WHERE rec = ?", (rec,)).fetchone()
        return facts_of(row[0]) if row else None

    def recordings(
        self, selection: Selection, *, oldest_first: bool = False, after: Position | None = None
    ) -> Iterator[Facts]:
        """See Store."""
        with self._errors():
            for listed in self._listing.recordings(selection, STARTED, oldest_first=oldest_first, after=after):
                yield listed.facts

    def groups(self, selection: Selection, by: GroupKey) -> list[RecordingGroup]:
        """See Store."""
        with self._errors():
            return self._listing.groups(selection, by)

    def beginning_with(self, prefix: str, limit: int) -> list[Facts]:
        """See Store."""
        with self._errors():
            rows = self._connection.execute(
                "SELECT facts FROM recordings WHERE rec >= ?1 AND substr(rec, 1, length(?1)) = ?1 "
                "ORDER BY rec LIMIT ?2",
                (prefix, limit),
            ).fetchall()
        return [facts_of(row[0]) for row in rows]

    def lines(self, rec: str, after: int = 0) -> Iterator[list[bytes]]:
        """See Store."""
        with self._errors():
            number = self._number(rec)
            if number is not None:
                yield from read_lines(self._connection, number, after)

    def line(self, rec: str, id: int) -> bytes | None:
        """See Store."""
        held, first, lines = self._held_lines
        if held != rec or not first <= id < first + len(lines):
            with self._errors():
                number = self._number(rec)
                found = None if number is None else lines_around(self._connection, number, id)
            if found is None:
                return None
            first, lines = found
            # Copies of a recording ask for one line after the other. Ids once written never change their line.
            self._held_lines = (rec, first, lines)
        return lines[id - first]

    def seen(self, rec: str, kind: str) -> Iterator[Seen]:
        """See Store."""
        with self._errors():
            number = self._number(rec)
            if number is not None:
                yield from self._texts.seen(number, kind)

    def events(self, rec: str, after: int = 0) -> Iterator[Event]:
        """See Store."""
        last, size = (after, 2**62), _FIRST_EVENTS
        with self._errors():
            number = self._number(rec)
            # Page by page: a session can have a million, and a reader that takes its time must hold no snapshot.
            while rows := self._connection.execute(
                "SELECT id, at, action, detail, part FROM events WHERE recording = ? AND (id, part) > (?, ?) "
                "ORDER BY id, part LIMIT ?",
                (number, *last, size),
            ).fetchall():
                yield from map(Event._make, rows)
                last, size = (rows[-1][0], rows[-1][4]), _MORE_EVENTS

    def search(
        self, query: Query, each: int, *, after: Position | None = None, patience: float | None = None
    ) -> Iterator[Hit]:
        """See Store."""
        deadline = None if patience is None else time.monotonic() + patience
        with self._errors():
            search = Search(self._connection, self._vocabulary, self._texts, query)
            only = search.recordings()
            recordings = self._listing.recordings(query.selection, OVERLAPS, only=only, after=after)
            yield from search.hits(recordings, each, deadline)

    def add(
        self, source: str, mark: str | None, additions: Sequence[Addition], refusals: Collection[Refusal]
    ) -> None:
        """See Store."""
        with self._transaction():
            self._vocabulary.begin()
            for addition in additions:
                self._add(source, addition)
            for refusal in refusals:
                self._refuse(source, refusal)
            if mark is not None:
                self._connection.execute("INSERT OR REPLACE INTO sources(source, mark) VALUES (?, ?)", (source, mark))

    def marks(self, prefix: str) -> Mapping[str, str]:
        """See Store."""
        with self._errors():
            rows = self._connection.execute(
                "SELECT source, mark FROM sources WHERE source >= ?1 AND substr(source, 1, length(?1)) = ?1",
                (prefix,),
            ).fetchall()
        return dict(rows)

    def is_deleted(self, rec: str) -> bool:
        """See Store."""
        with self._errors():
            return self._connection.execute("SELECT 1 FROM deleted WHERE rec = ?", (rec,)).fetchone() is not None

    def delete(self, recs: Collection[str]) -> None:
        """See Store. The index is written anew, which takes some seconds where it is large."""
        with self._errors():
            self._connection.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            for rec in recs:
                self._delete(rec)
            # FTS5 only marks what is deleted, and would keep the words for some time.
            self._connection.execute("INSERT INTO postings(postings) VALUES ('optimize')")
        with self._errors():
            # The write-ahead log still has what was deleted.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute("PRAGMA secure_delete = FAST")

    def unsettled(self, source: str) -> list[str]:
        """See Store."""
        with self._errors():
            rows = self._connection.execute(
                "SELECT rec FROM recordings WHERE NOT settled AND added_by = ?", (source,)
            ).fetchall()
        return [row[0] for row in rows]

    def quarantined(self) -> Iterator[Quarantined]:
        """See Store."""
        with self._errors():
            rows = self._connection.execute(
                "SELECT source, rec, reason, excerpt, time, count FROM quarantine ORDER BY number DESC"
            ).fetchall()
        return map(Quarantined._make, rows)

    def close(self) -> None:
        """See Store."""
        self._connection.close()

    def _add(self, source: str, addition: Addition) -> None:
        facts = addition.facts
        row = self._connection.execute(
            "SELECT number, revision FROM recordings WHERE rec = ?", (facts.rec,)
        ).fetchone()
        if (row[1] if row else 0) != facts.revision:
            raise ConflictError(f"recording {facts.rec} was added to by another process")
        if self.is_deleted(facts.rec):
            raise ConflictError(f"recording {facts.rec} was deleted by another process")
        number = self._write_facts(source, row[0] if row else None, replace(facts, revision=facts.revision + 1))
        append_lines(self._connection, number, addition.lines)
        self._texts.remove(number, passing_only=not addition.anew)
        self._texts.append(number, addition.seen)
        self._texts.append(number, addition.passing, passing=True)
        if addition.anew:
            self._connection.execute("DELETE FROM events WHERE recording = ?", (number,))
        self._connection.executemany(
            "INSERT OR IGNORE INTO events(recording, id, at, action, detail, part) VALUES (?, ?, ?, ?, ?, ?)",
            [(number, *event) for event in addition.events],
        )

    def _write_facts(self, source: str, number: int | None, facts: Facts) -> int:
        cursor = self._connection.execute(
            f"INSERT INTO recordings({_FACTS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT (number) DO UPDATE SET ({_CHANGING}) = ({_EXCLUDED})",
            (
                number,
                facts.rec,
                facts.user,
                facts.host,
                facts.start,
                facts.finish,
                facts.ended,
                facts.marked,
                facts.missing,
                facts.events,
                source,
                facts.settled,
                facts.revision,
                json.dumps(asdict(facts)),
            ),
        )
        return number if number is not None else cursor.lastrowid or 0

    def _delete(self, rec: str) -> None:
        number = self._number(rec)
        if number is not None:
            self._texts.remove(number, passing_only=False, forget_words=True)
            for table in ("chunks", "events"):
                self._connection.execute(f"DELETE FROM {table} WHERE recording = ?", (number,))
            self._connection.execute("DELETE FROM recordings WHERE number = ?", (number,))
            self._connection.execute("DELETE FROM quarantine WHERE rec = ?", (rec,))
        self._connection.execute("INSERT OR IGNORE INTO deleted(rec, time) VALUES (?, ?)", (rec, time.time()))

    def _refuse(self, source: str, refusal: Refusal) -> None:
        row = (source, refusal.rec, refusal.reason)
        changed = self._connection.execute(
            "UPDATE quarantine SET count = count + 1 WHERE source = ? AND rec = ? AND reason = ?", row
        ).rowcount
        if not changed:
            self._connection.execute(
                "INSERT INTO quarantine(source, rec, reason, excerpt, time, count) SELECT ?, ?, ?, ?, ?, 1 "
                "WHERE (SELECT count(*) FROM quarantine) < ?",
                (*row, refusal.excerpt, time.time(), MAX_QUARANTINED),
            )

    def _number(self, rec: str) -> int | None:
        row = self._connection.execute("SELECT number FROM recordings WHERE rec = ?", (rec,)).fetchone()
        return row[0] if row else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._vocabulary.forget()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the store {self.path} cannot be used: {error}") from error
