"""What was seen, entered and run, in the SQLite store: blocks of lines, and the index of their words.

Lines are compressed a block at a time, and indexed each by itself: words that a query wants in one line are common in
a block, and the index alone says where they are together.
"""

import sqlite3
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from auditor.query.words import fold, words
from auditor.sqlite.words import Vocabulary
from auditor.transcript import Kind, Seen

KINDS: tuple[Kind, ...] = ("printed", "entered", "command", "exec", "file", "network", "other", "url", "host")
"""A block's kind is a position in this."""

KIND_CODES: dict[str, int] = {kind: code for code, kind in enumerate(KINDS)}

BLOCK = 16 * 1024
"""Code points of one block."""

ROWS = 1 << 16
"""The index calls a line by its block's number times this, plus its position; a block has fewer."""


SLICE = 500
"""Lines that are taken apart into words together: few enough that the words stay in the processor's cache."""


class Block(NamedTuple):
    """Lines of one kind, joined by newlines, and the ms into the recording at which each was seen (packed)."""

    number: int
    kind: Kind
    packed_times: bytes
    text: str

    def times(self) -> Sequence[int]:
        """The times, unpacked: only a block with a hit needs them."""
        times: array[int] = array("q")
        times.frombytes(zlib.decompress(self.packed_times))
        if sys.byteorder == "big":
            times.byteswap()
        return times


class Texts:
    """Writes and reads blocks; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection, vocabulary: Vocabulary) -> None:
        self._connection = connection
        self._vocabulary = vocabulary

    def append(self, recording: int, seen: Sequence[Seen], *, passing: bool = False) -> None:
        """Keep and index what was seen, in its order."""
        kinds: dict[str, tuple[list[int], list[str]]] = {kind: ([], []) for kind in KINDS}
        for kind, at, text in seen:
            times, lines = kinds[kind]
            times.append(at)
            lines.append(text)
        for code, (times, lines) in enumerate(kinds.values()):
            if times:
                self._append(recording, code, times, _storable(lines), passing)

    def remove(self, recording: int, *, passing_only: bool, forget_words: bool = False) -> None:
        """Take blocks and their index entries away; `forget_words` also those words that nothing else has."""
        rows = self._connection.execute(
            "SELECT number FROM blocks WHERE recording = ? AND passing >= ?", (recording, int(passing_only))
        ).fetchall()
        gone: set[str] = set()
        for (number,) in rows:
            block = self.block(number)
            if block is not None:
                # Exactly what was put in, or FTS5 takes the index for damaged.
                self._connection.executemany(
                    "INSERT INTO postings(postings, rowid, words) VALUES ('delete', ?, ?)",
                    _index_rows(number, 0, block.text.split("\n")),
                )
                if forget_words:
                    gone |= words(fold(block.text))
            self._connection.execute("DELETE FROM texts WHERE block = ?", (number,))
            self._connection.execute("DELETE FROM blocks WHERE number = ?", (number,))
        if forget_words:
            self._vocabulary.remove_unused(gone)

    def numbers(self, recording: int, kind: int) -> list[int]:
        """The blocks of a recording, of one kind, in order."""
        rows = self._connection.execute(
            "SELECT number FROM blocks WHERE recording = ? AND kind = ? ORDER BY number", (recording, kind)
        )
        return [row[0] for row in rows]

    def block(self, number: int) -> Block | None:
        """One block; None when it is gone."""
        row = self._connection.execute(
            "SELECT kind, times, text FROM texts JOIN blocks ON number = block WHERE block = ?", (number,)
        ).fetchone()
        return Block(number, KINDS[row[0]], row[1], zlib.decompress(row[2]).decode()) if row else None

    def seen(self, recording: int, kind: str) -> Iterator[Seen]:
        """The lines of one kind in order."""
        for number in self.numbers(recording, KIND_CODES[kind]):
            block = self.block(number)
            if block:
                for at, text in zip(block.times(), block.text.split("\n"), strict=True):
                    yield Seen(block.kind, at, text)

    def _append(self, recording: int, kind: int, times: list[int], lines: list[str], passing: bool) -> None:
        new: set[str] = set()
        for start in range(0, len(lines), SLICE):
            new |= self._vocabulary.unknown(words(fold("\n".join(lines[start : start + SLICE]))))
        self._vocabulary.add(new)
        ends = list(accumulate([len(line) + 1 for line in lines]))
        last = None if passing else self._last(recording, kind)
        start = 0
        if last is not None:
            start = bisect_right(ends, BLOCK - len(last.text))
            if start:
                self._extend(last, times[:start], lines[:start])
        while start < len(lines):
            # A line longer than a block is a block.
            end = max(start + 1, bisect_right(ends, (ends[start - 1] if start else 0) + BLOCK))
            self._insert(recording, kind, times[start:end], lines[start:end], passing)
            start = end

    def _last(self, recording: int, kind: int) -> Block | None:
        """The last block if it has room for more."""
        row = self._connection.execute(
            "SELECT number, size FROM blocks WHERE recording = ? AND kind = ? AND NOT passing "
            "ORDER BY number DESC LIMIT 1",
            (recording, kind),
        ).fetchone()
        return self.block(row[0]) if row and row[1] < BLOCK // 2 else None

    def _extend(self, block: Block, times: list[int], lines: list[str]) -> None:
        text = "\n".join([block.text, *lines])
        before = block.times()
        self._connection.execute(
            "UPDATE texts SET times = ?, text = ? WHERE block = ?",
            (_pack_times([*before, *times]), _pack_text(text), block.number),
        )
        self._connection.execute("UPDATE blocks SET size = ? WHERE number = ?", (len(text), block.number))
        self._index(block.number, len(before), lines)

    def _insert(self, recording: int, kind: int, times: list[int], lines: list[str], passing: bool) -> None:
        text = "\n".join(lines)
        number = self._connection.execute(
            "INSERT INTO blocks(recording, kind, passing, size) VALUES (?, ?, ?, ?)",
            (recording, kind, int(passing), len(text)),
        ).lastrowid
        assert number is not None
        self._connection.execute(
            "INSERT INTO texts(block, times, text) VALUES (?, ?, ?)", (number, _pack_times(times), _pack_text(text))
        )
        self._index(number, 0, lines)

    def _index(self, block: int, first: int, lines: list[str]) -> None:
        self._connection.executemany(
            "INSERT INTO postings(rowid, words) VALUES (?, ?)", _index_rows(block, first, lines)
        )


def _index_rows(block: int, first: int, lines: list[str]) -> Iterator[tuple[int, str]]:
    """What the index is given for lines: its tokenizer separates ASCII as `words` does, and folds it."""
    rows = enumerate(lines, block * ROWS + first)
    if all(map(str.isascii, lines)):
        return rows
    return ((rowid, line if line.isascii() else " ".join(words(fold(line)))) for rowid, line in rows)


def _storable(lines: list[str]) -> list[str]:
    """Lines without newlines in them, and without half surrogate pairs, which are no text."""
    whole = "".join(lines)
    if "\n" in whole or not (whole.isascii() or _is_encodable(whole)):
        return [line.replace("\n", " ").encode("utf-8", "replace").decode() for line in lines]
    return lines


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pack_times(times: Iterable[int]) -> bytes:
    packed = array("q", times)
    if sys.byteorder == "big":
        packed.byteswap()
    return zlib.compress(packed.tobytes(), 1)


def _pack_text(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)
