"""The tables of a ledger, and how its file is opened."""

import os
import secrets
import sqlite3
from pathlib import Path

from recorder.errors import SessrecError

VERSION = 1
"""`PRAGMA user_version`: raised with every change that an older program could not read."""

BUSY_SECONDS = 20.0
"""How long one process waits for another's write, which takes some ms."""

SCHEMA = """
-- The columns behind `value` are for looking up; they say what `fields` does, which the chain covers.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    fields TEXT NOT NULL,
    value BLOB NOT NULL,
    time REAL NOT NULL,
    viewer TEXT NOT NULL,
    action TEXT NOT NULL,
    rec TEXT NOT NULL,
    user TEXT NOT NULL,
    host TEXT NOT NULL
);
CREATE INDEX entries_time ON entries(time);
CREATE INDEX entries_rec ON entries(rec);
CREATE INDEX entries_viewer ON entries(viewer COLLATE NOCASE);

CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries of a ledger stay'); END;
CREATE TRIGGER entries_stay_so BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries of a ledger stay'); END;

-- The last entry, once more: without it nobody would miss those at the end.
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    value BLOB NOT NULL
);

-- Recordings that must not be deleted, as the entries "hold" and "release" say; `number` is that of the entry "hold".
CREATE TABLE holds (
    number INTEGER PRIMARY KEY,
    rec TEXT NOT NULL,
    viewer TEXT NOT NULL,
    time REAL NOT NULL,
    reason TEXT NOT NULL,
    user TEXT NOT NULL,
    host TEXT NOT NULL
);
CREATE INDEX holds_rec ON holds(rec);

-- What verifying found. Derived: it may be emptied at any time.
CREATE TABLE verdicts (
    rec TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    keys TEXT NOT NULL,
    verdict TEXT NOT NULL,
    found TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE saved_filters (
    viewer TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (viewer, name)
) WITHOUT ROWID;
"""


class LedgerError(SessrecError):
    """The ledger cannot be opened, read or written; the text says what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a ledger's file, which is created (0600, its directory 0700) when there is none.

    The connection is in autocommit mode, and may be used by one thread after the other. Raises LedgerError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # Whatever somebody has put into the file can be read, and is then seen not to be what was written.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LedgerError(f"the ledger {path} cannot be opened: {reason}") from error
    try:
        _prepare(connection, path)
    except (sqlite3.Error, LedgerError) as error:
        connection.close()
        if isinstance(error, LedgerError):
            raise
        raise LedgerError(f"the ledger {path} cannot be used: {error}") from error
    return connection


def _create(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        if os.geteuid() == 0:
            # A service's directory is its own: what root holds or deletes first must not lock the service out.
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if _version(connection, path) < VERSION:
        _initialize(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    # What was allowed because it is written down must be there after a power cut as well.
    connection.execute("PRAGMA synchronous = FULL")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise LedgerError(f"the ledger {path} was written by a newer sessrec (version {version}): update sessrec")
    return version


def _initialize(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path) == 0:
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise LedgerError(f"{path} is a database of something else: name another file for the ledger")
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO head VALUES (1, ?, 0, x'')", (secrets.token_hex(16),))
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
