"""The ledger: what auditors did, entry by entry, in a SQLite file of its own.

Entries are only ever added. Each carries a chain value over the one before and its own canonical JSON, as messages of
a recording do (docs/seal.md); `auditor.ledger.chain` says whether they are all as they were written. Each is also
sent to the systemd journal, from where it may go to other machines: `auditor.ledger.journal_copy`.

What cannot be recorded is not done: `record` raises LedgerError, and its caller does nothing more.
"""

import json
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from auditor.ledger import chain, schema
from auditor.ledger.entry import SUCCESS, Entry, Wanted, now
from auditor.ledger.journal_copy import JournalCopy
from auditor.ledger.schema import LedgerError
from recorder.formats.canonical import canonical

PAGE = 500
"""Entries that are read at a time."""


class Ledger:
    """The ledger in the file `path`, which is made when there is none. Threads may share it, processes the file.

    `journal_socket`: another journald than the system's; "" for none. Raises LedgerError.
    """

    def __init__(self, path: Path, journal_socket: str | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = schema.connect(path)
        # Others read meanwhile, each with a connection: who looks through the whole trail holds up nobody's entry.
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._journal = None if journal_socket == "" else JournalCopy(journal_socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(
        self,
        viewer: str,
        action: str,
        *,
        rec: str = "",
        host: str = "",
        user: str = "",
        at: int | None = None,
        query: str = "",
        origin: str = "",
        reason: str = "",
        outcome: str = SUCCESS,
        detail: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Add an entry, and return it as it was written. Call it before the deed: LedgerError says that it must not
        be done."""
        entry = Entry(viewer, action, rec, host, user, at, query, origin, reason, outcome, detail or {})
        with self.writing() as writing:
            return writing.append(entry)

    @contextmanager
    def writing(self) -> Iterator["Writing"]:
        """A transaction: what is written within it is kept together or not at all."""
        with self._lock, self._errors("written"):
            self._connection.execute("BEGIN IMMEDIATE")
            writing = Writing(self._connection)
            try:
                yield writing
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        if self._journal:
            for head, entry in writing.appended:
                self._journal.send(head.id, entry, head.value)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a statement finds, all at once: ask for some at a time."""
        with self._readers_lock:
            reader = self._readers.pop() if self._readers else None
        reader = reader or schema.connect(self.path)
        try:
            with self._errors("read"):
                return reader.execute(statement, values).fetchall()
        finally:
            with self._readers_lock:
                self._readers.append(reader)

    def entries(self, wanted: Wanted | None = None, *, before: int | None = None) -> Iterator[Entry]:
        """The entries that are wanted, the newest first; `before`: with smaller numbers than this."""
        condition, values = _condition(wanted or Wanted())
        while True:
            rows = self.rows(
                f"SELECT number, fields FROM entries WHERE {condition} AND number < ? ORDER BY number DESC LIMIT ?",
                (*values, 2**62 if before is None else before, PAGE),
            )
            for number, text in rows:
                yield _entry(self.path, number, text)
            if len(rows) < PAGE:
                return
            before = rows[-1][0]

    def head(self) -> "chain.Head":
        """The last entry's number and value, and the ledger's id."""
        ((id, number, value),) = self.rows("SELECT id, number, value FROM head")
        return chain.Head(id, number, value)

    def close(self) -> None:
        """Give back the file and the socket."""
        with self._lock, self._readers_lock:
            for connection in (self._connection, *self._readers):
                connection.close()
            self._readers.clear()
        if self._journal:
            self._journal.close()

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            refused = "; nothing is done that cannot be recorded" if what == "written" else ""
            raise LedgerError(f"the ledger {self.path} cannot be {what}: {error}{refused}") from error


class Writing:
    """A transaction that goes on; `appended` are its entries, each with the head that it has made."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.appended: list[tuple[chain.Head, Entry]] = []

    def append(self, entry: Entry) -> Entry:
        """Add an entry, with its number and time."""
        id, number, value = self._connection.execute("SELECT id, number, value FROM head").fetchone()
        entry = replace(entry.bounded(), number=number + 1, time=now())
        text = canonical(entry.fields())
        value = chain.advance(chain.Head(id, number, value), text)
        self._connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.number, text.decode(), value, *chain.columns(entry)),
        )
        self._connection.execute("UPDATE head SET number = ?, value = ?", (entry.number, value))
        self.appended.append((chain.Head(id, entry.number, value), entry))
        return entry

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run a statement; its rows."""
        return self._connection.execute(statement, values).fetchall()


def _entry(path: Path, number: int, text: str) -> Entry:
    try:
        return Entry.read(json.loads(text))
    except ValueError as error:
        raise LedgerError(
            f"the ledger {path} is damaged at entry {number}: `sessrec audit-trail --verify` tells where it begins"
        ) from error


def _condition(wanted: Wanted) -> tuple[str, list[Any]]:
    """What SQL asks for, and its values."""
    parts: list[str] = ["1"]
    values: list[Any] = []
    for column, patterns in (("viewer", wanted.viewers), ("user", wanted.users), ("host", wanted.hosts)):
        if patterns:
            # A plain name goes by the index.
            plain = [pattern for pattern in patterns if not set(pattern) & set("*?")]
            others = [pattern.lower().replace("[", "[[]") for pattern in patterns if pattern not in plain]
            each = [f"{column} = ? COLLATE NOCASE"] * len(plain) + [f"lower({column}) GLOB ?"] * len(others)
            parts.append(f"({' OR '.join(each)})")
            values += [*plain, *others]
    if wanted.actions:
        parts.append(f"action IN ({', '.join('?' * len(wanted.actions))})")
        values += wanted.actions
    if wanted.rec and wanted.whole:
        parts.append("rec = ?")
        values.append(wanted.rec)
    elif wanted.rec:
        parts.append("rec >= ? AND rec <= ? AND substr(rec, 1, ?) = ?")
        values += [wanted.rec, wanted.rec + chr(sys.maxunicode), len(wanted.rec), wanted.rec]
    for moment, comparison in ((wanted.since, ">="), (wanted.until, "<")):
        if moment is not None:
            parts.append(f"time {comparison} ?")
            values.append(moment)
    return " AND ".join(parts), values
