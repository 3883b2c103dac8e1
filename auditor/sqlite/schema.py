"""The tables of the SQLite store, and how its file is opened."""

import os
import sqlite3
from pathlib import Path

from auditor.recordings.store import StoreError

VERSION = 3
"""`PRAGMA user_version`: raised with every change that an older program could not read."""

SHARED_CACHE = 16 * 1024
"""KiB of pages that each of several connections keeps in memory."""

BUSY_SECONDS = 60.0
"""How long one process waits for another's write. A write holds the store for less than a second."""

SCHEMA = """
-- added_by: the source of the last addition, which is to settle it.
CREATE TABLE recordings (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    rec TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    host TEXT NOT NULL,
    start REAL NOT NULL,
    finish REAL NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    marked INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    events INTEGER NOT NULL DEFAULT 0,
    added_by TEXT NOT NULL,
    settled INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    facts TEXT NOT NULL
);
-- All that lists look at: see auditor.sqlite.listing.
CREATE INDEX recordings_listed ON recordings(
    start, number, user, host, rec, finish, ended, marked, missing, events
);
CREATE INDEX recordings_unsettled ON recordings(added_by) WHERE NOT settled;

-- Messages as they came, newline-separated and compressed; ids within one row are contiguous.
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY,
    recording INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX chunks_recording ON chunks(recording, first_id);

-- What was seen, typed and run: some lines of one kind in each row, apart from the text so that they stay small.
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    recording INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    passing INTEGER NOT NULL,
    size INTEGER NOT NULL
);
CREATE INDEX blocks_recording ON blocks(recording, kind, number);
CREATE TABLE texts (block INTEGER PRIMARY KEY, times BLOB NOT NULL, text BLOB NOT NULL);

-- Words, each at least once; their trigrams find them by a part.
CREATE TABLE words (number INTEGER PRIMARY KEY, word TEXT NOT NULL);
CREATE VIRTUAL TABLE word_parts USING fts5(
    word, content='words', content_rowid='number', tokenize='trigram case_sensitive 1', detail=none, columnsize=0
);
-- The words of each line; auditor.sqlite.texts says how lines are numbered.
CREATE VIRTUAL TABLE postings USING fts5(
    words, content='', tokenize="ascii tokenchars '_.'", detail=none, columnsize=0
);

-- Merged a little later than FTS5 does by itself, which saves an ingest some writing.
INSERT INTO postings(postings, rank) VALUES ('automerge', 8);
INSERT INTO word_parts(word_parts, rank) VALUES ('automerge', 8);

CREATE TABLE events (
    recording INTEGER NOT NULL,
    id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (recording, id, part)
) WITHOUT ROWID;

-- How far each source (a file, a journal) has been read.
CREATE TABLE sources (source TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    rec TEXT NOT NULL,
    reason TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    time REAL NOT NULL,
    count INTEGER NOT NULL,
    UNIQUE (source, rec, reason)
);
CREATE TABLE deleted (rec TEXT PRIMARY KEY, time REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('words_removed', 0);
"""


UPGRADES = {
    # Events of which one message may have several. What was taken in before is not searched for events and addresses.
    1: """
CREATE TABLE new_events (
    recording INTEGER NOT NULL,
    id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (recording, id, part)
) WITHOUT ROWID;
INSERT INTO new_events SELECT recording, id, 0, at, action, detail FROM events;
DROP TABLE events;
ALTER TABLE new_events RENAME TO events;
""",
    # What lists look at in columns, and an index of its own.
    2: """
ALTER TABLE recordings ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recordings ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
UPDATE recordings SET ended = ifnull(json_extract(facts, '$.ended'), 0),
    marked = ifnull(json_extract(facts, '$.marked'), 0), missing = ifnull(json_extract(facts, '$.missing'), 0),
    events = ifnull(json_extract(facts, '$.events'), 0);
DROP INDEX recordings_start;
CREATE INDEX recordings_listed ON recordings(
    start, number, user, host, rec, finish, ended, marked, missing, events
);
""",
}
"""What makes of a store of the one version one of the next."""


def connect(path: Path, *, shared: bool = False) -> sqlite3.Connection:
    """Open the store's file, which is created (0600, its directory 0700) when there is none. `shared`: one of several
    connections of this process, used by one thread at a time, whichever.

    The connection is in autocommit mode: transactions are begun by name. Raises StoreError.
    """
    try:
        _create(path)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=not shared)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the store {path} cannot be opened: {_reason(error)}") from error
    try:
        _prepare(connection, path)
        if shared:
            connection.execute(f"PRAGMA cache_size = -{SHARED_CACHE}")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreError(f"the store {path} cannot be used: {_reason(error)}") from error
    except StoreError:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # SQLite gives its -wal and -shm files the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        pass


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # No view or trigger of a file that came from elsewhere may call anything with side effects.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if _version(connection, path) < VERSION:
        _initialize(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    # The log is the truth: what a power cut takes from the store is ingested again. A killed process loses nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = FAST")
    # 32 MB: pages of the index change again and again while ingesting, and are copied into the file but once.
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StoreError(
            f"the store {path} was written by a newer sessrec (its version {version}, this one knows {VERSION}): "
            "update sessrec, or name another store with --store"
        )
    return version


def _initialize(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)
        if version == 0:
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise StoreError(f"{path} is a database of something else: name another file with --store")
            _execute(connection, SCHEMA)
        else:
            for older in range(version, VERSION):
                _execute(connection, UPGRADES[older])
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    # Not executescript(), which would commit.
    for statement in statements.split(";\n"):
        connection.execute(statement)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
