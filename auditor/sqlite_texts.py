"""What was seen, entered and run, in the SQLite store: blocks of lines, each with its words in the index."""

import sqlite3
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from auditor.sqlite_words import Vocabulary
from auditor.transcript import Seen
from auditor.words import fold, words

KINDS = ("printed", "entered", "command")
"""A block's kind is a position in this."""

BLOCK = 32 * 1024
"""Code points of one block. What the index says is only which block: a smaller one is searched faster, but needs
more entries in the index."""


class Block(NamedTuple):
    """Lines of one kind, joined by newlines, and the ms into the recording at which each was seen."""

    number: int
    kind: str
    times: Sequence[int]
    text: str


class Texts:
    """Writes and reads blocks; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection, vocabulary: Vocabulary) -> None:
        self._connection = connection
        self._vocabulary = vocabulary

    def append(self, recording: int, seen: Sequence[Seen], *, passing: bool = False) -> None:
        """Keep and index what was seen, in its order."""
        for code, kind in enumerate(KINDS):
            times = [at for seen_kind, at, _ in seen if seen_kind == kind]
            if times:
                lines = [text for seen_kind, _, text in seen if seen_kind == kind]
                self._append(recording, code, times, lines, passing)

    def remove(self, recording: int, *, passing_only: bool, forget_words: bool = False) -> None:
        """Take blocks and their index entries away; `forget_words` also those words that nothing else has."""
        rows = self._connection.execute(
            "SELECT number FROM blocks WHERE recording = ? AND passing >= ?", (recording, int(passing_only))
        ).fetchall()
        gone: set[int] = set()
        for (number,) in rows:
            block = self.block(number)
            numbers = self._vocabulary.stored(words(fold(block.text))).values() if block else ()
            if numbers:
                # Exactly what was put in; FTS5 takes a row that it never had for damage.
                self._connection.execute(
                    "INSERT INTO postings(postings, rowid, words) VALUES ('delete', ?, ?)", (number, _tokens(numbers))
                )
            self._connection.execute("DELETE FROM texts WHERE block = ?", (number,))
            self._connection.execute("DELETE FROM blocks WHERE number = ?", (number,))
            gone.update(numbers)
        if forget_words:
            self._vocabulary.remove_unused(gone)

    def numbers(self, recording: int, kinds: Sequence[int]) -> list[int]:
        """The blocks of a recording, of these kinds, in order."""
        marks = ",".join("?" * len(kinds))
        return [
            row[0]
            for row in self._connection.execute(
                f"SELECT number FROM blocks WHERE recording = ? AND kind IN ({marks}) ORDER BY kind, number",
                (recording, *kinds),
            )
        ]

    def block(self, number: int) -> Block | None:
        """One block; None when it is gone."""
        row = self._connection.execute(
            "SELECT kind, times, text FROM texts JOIN blocks ON number = block WHERE block = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        return Block(number, KINDS[row[0]], _unpack_times(row[1]), _unpack_text(row[2]))

    def seen(self, recording: int, kind: str) -> Iterator[Seen]:
        """The lines of one kind in order."""
        for number in self.numbers(recording, [KINDS.index(kind)]):
            block = self.block(number)
            if block:
                for at, text in zip(block.times, block.text.split("\n"), strict=True):
                    yield Seen(block.kind, at, text)

    def _append(self, recording: int, kind: int, times: list[int], lines: list[str], passing: bool) -> None:
        if "\n" in "".join(lines):
            lines = [line.replace("\n", " ") for line in lines]
        ends = list(accumulate([len(line) + 1 for line in lines]))
        last = None if passing else self._last(recording, kind)
        start, room = 0, BLOCK - len(last.text) if last else BLOCK
        blocks: list[tuple[Block | None, list[int], str, set[str]]] = []
        while start < len(lines):
            end = bisect_right(ends, (ends[start - 1] if start else 0) + room)
            if last is None or blocks:
                end = max(end, start + 1)  # a line longer than a block is a block
            if end > start:
                text = "\n".join(lines[start:end])
                blocks.append((None if blocks else last, times[start:end], text, words(fold(text))))
            elif last is not None:
                last = None
            start, room = end, BLOCK
        # All at once: new words in one order need fewer writes than block by block.
        numbers = self._vocabulary.numbers(set().union(*[found for _, _, _, found in blocks]))
        for block, added_times, text, found in blocks:
            if block is None:
                number = self._insert(recording, kind, added_times, text, passing)
            else:
                number = self._extend(block, added_times, text)
                # The index takes further words of a block that it has already, but none twice.
                found -= words(fold(block.text))
            if found:
                tokens = _tokens([numbers[word] for word in found])
                self._connection.execute("INSERT INTO postings(rowid, words) VALUES (?, ?)", (number, tokens))

    def _last(self, recording: int, kind: int) -> Block | None:
        """The last block if it has room for more."""
        row = self._connection.execute(
            "SELECT number, size FROM blocks WHERE recording = ? AND kind = ? AND NOT passing "
            "ORDER BY number DESC LIMIT 1",
            (recording, kind),
        ).fetchone()
        return self.block(row[0]) if row and row[1] < BLOCK // 2 else None

    def _extend(self, block: Block, times: list[int], text: str) -> int:
        whole = f"{block.text}\n{text}"
        self._connection.execute(
            "UPDATE texts SET times = ?, text = ? WHERE block = ?",
            (_pack_times([*block.times, *times]), _pack_text(whole), block.number),
        )
        self._connection.execute("UPDATE blocks SET size = ? WHERE number = ?", (len(whole), block.number))
        return block.number

    def _insert(self, recording: int, kind: int, times: list[int], text: str, passing: bool) -> int:
        cursor = self._connection.execute(
            "INSERT INTO blocks(recording, kind, passing, size) VALUES (?, ?, ?, ?)",
            (recording, kind, int(passing), len(text)),
        )
        number = cursor.lastrowid
        assert number is not None
        self._connection.execute(
            "INSERT INTO texts(block, times, text) VALUES (?, ?, ?)",
            (number, _pack_times(times), _pack_text(text)),
        )
        return number


def _tokens(numbers: Iterable[int]) -> str:
    return " ".join([f"{number:x}" for number in numbers])


def _pack_times(times: Sequence[int]) -> bytes:
    packed = array("q", times)
    if sys.byteorder == "big":
        packed.byteswap()
    return zlib.compress(packed.tobytes(), 1)


def _unpack_times(data: bytes) -> "array[int]":
    times: array[int] = array("q")
    times.frombytes(zlib.decompress(data))
    if sys.byteorder == "big":
        times.byteswap()
    return times


def _pack_text(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def _unpack_text(data: bytes) -> str:
    return zlib.decompress(data).decode("utf-8", "surrogatepass")
