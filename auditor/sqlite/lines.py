"""The messages of a recording as they came, in the SQLite store: compressed, some 128 KiB at a time."""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence

CHUNK = 128 * 1024
"""Bytes of messages compressed together: enough to compress well, little to unpack for a jump."""


def append_lines(connection: sqlite3.Connection, recording: int, lines: Sequence[tuple[int, bytes]]) -> None:
    """Keep lines with their message ids. Ids are not there yet; they may come in any order."""
    held: list[bytes] = []
    first = last = size = 0
    row = _tail(connection, recording, lines[0][0] - 1) if lines else None
    if row:
        connection.execute("DELETE FROM chunks WHERE number = ?", (row[0],))
        first, last, size = row[1], lines[0][0] - 1, row[2]
        held = [zlib.decompress(row[3])]
    for id, line in lines:
        # A chunk never reaches over a gap, so that what fills it later has its place between two chunks.
        if held and (size >= CHUNK or id != last + 1):
            _write(connection, recording, first, last, held)
            held, size = [], 0
        if not held:
            first = id
        held.append(line)
        last = id
        size += len(line) + 1
    if held:
        _write(connection, recording, first, last, held)


def read_lines(connection: sqlite3.Connection, recording: int, after: int = 0) -> Iterator[list[bytes]]:
    """The lines with ids above `after`, in order of ids, a chunk at a time."""
    while True:
        # One query a chunk: a reader that takes its time must not hold a snapshot that keeps the WAL growing.
        row = connection.execute(
            "SELECT first_id, last_id, data FROM chunks WHERE recording = ? AND last_id > ? "
            "ORDER BY first_id LIMIT 1",
            (recording, after),
        ).fetchone()
        if row is None:
            return
        first, last, data = row
        lines = zlib.decompress(data).split(b"\n")
        yield lines[max(0, after + 1 - first) :]
        after = last


def lines_around(connection: sqlite3.Connection, recording: int, id: int) -> tuple[int, list[bytes]] | None:
    """The first id and the lines of the chunk that holds the message `id`, if it is there."""
    row = connection.execute(
        "SELECT first_id, last_id, data FROM chunks WHERE recording = ? AND first_id <= ? "
        "ORDER BY first_id DESC LIMIT 1",
        (recording, id),
    ).fetchone()
    if row is None or row[1] < id:
        return None
    return row[0], zlib.decompress(row[2]).split(b"\n")


def _tail(connection: sqlite3.Connection, recording: int, last: int) -> tuple[int, int, int, bytes] | None:
    """A chunk that ends with the id `last` and has room: number, first id, size, data."""
    row: tuple[int, int, int, bytes] | None = connection.execute(
        "SELECT number, first_id, size, data FROM chunks WHERE recording = ? AND first_id <= ? AND last_id = ? "
        "ORDER BY first_id DESC LIMIT 1",
        (recording, last, last),
    ).fetchone()
    return row if row and row[2] < CHUNK // 2 else None


def _write(connection: sqlite3.Connection, recording: int, first: int, last: int, held: list[bytes]) -> None:
    data = b"\n".join(held)
    connection.execute(
        "INSERT INTO chunks(recording, first_id, last_id, size, data) VALUES (?, ?, ?, ?, ?)",
        (recording, first, last, len(data), zlib.compress(data, 1)),
    )
