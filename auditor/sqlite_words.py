"""The vocabulary of the SQLite store: numbers for words, and the words that a searched piece can mean."""

import json
import sqlite3
from collections.abc import Collection, Iterable

from auditor.words import Piece

CACHED = 200_000
"""Words whose numbers are kept in memory while ingesting: some 25 MB."""


class Vocabulary:
    """Words and their numbers. Numbers are never given twice."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}
        self._removed = -1

    def begin(self) -> None:
        """To be called in every transaction that calls `numbers`: another process may have removed words."""
        row = self._connection.execute("SELECT value FROM counters WHERE name = 'words_removed'").fetchone()
        if row[0] != self._removed or len(self._numbers) > CACHED:
            self._removed = row[0]
            self._numbers.clear()

    def forget(self) -> None:
        """To be called when a transaction was rolled back, and new words with it."""
        self._numbers.clear()

    def numbers(self, words: Collection[str]) -> dict[str, int]:
        """The numbers of at least these words, which are made part of the vocabulary."""
        known = self._numbers
        unknown = [word for word in words if word not in known]
        if unknown:
            # In order, so that neighbours in the index are written together.
            unknown.sort()
            known.update(self._stored(unknown))
            self._add([word for word in unknown if word not in known])
        return known

    def matching(self, piece: Piece, limit: int) -> list[int] | None:
        """The numbers of the words that the piece can mean; None when they are more than `limit`, or too many to
        look for."""
        if piece.starts and piece.ends:
            rows = self._connection.execute("SELECT number FROM words WHERE word = ?", (piece.text,))
        elif piece.starts:
            rows = self._connection.execute(
                "SELECT number FROM words WHERE word >= ? AND word < ? LIMIT ?",
                (piece.text, piece.text + "\U0010ffff", limit + 1),
            )
        elif len(piece.text) < 3:
            return None
        else:
            rows = self._containing(piece, limit)
        numbers = [row[0] for row in rows]
        return None if len(numbers) > limit else numbers

    def remove_unused(self, numbers: Iterable[int]) -> None:
        """Remove those of the words that no block has any more: a deleted recording leaves no text behind."""
        execute = self._connection.execute
        for number in numbers:
            if execute("SELECT 1 FROM postings WHERE postings MATCH ? LIMIT 1", (f"{number:x}",)).fetchone():
                continue
            row = execute("SELECT word FROM words WHERE number = ?", (number,)).fetchone()
            if row:
                execute("INSERT INTO word_parts(word_parts, rowid, word) VALUES ('delete', ?, ?)", (number, row[0]))
                execute("DELETE FROM words WHERE number = ?", (number,))
        execute("UPDATE counters SET value = value + 1 WHERE name = 'words_removed'")
        self._numbers.clear()

    def stored(self, words: Collection[str]) -> dict[str, int]:
        """The numbers of those of the words that are part of the vocabulary."""
        return dict(self._stored(sorted(words)))

    def _stored(self, words: list[str]) -> list[tuple[str, int]]:
        return self._connection.execute(
            "SELECT word, number FROM words WHERE word IN (SELECT value FROM json_each(?))",
            (json.dumps(words),),
        ).fetchall()

    def _add(self, words: list[str]) -> None:
        if not words:
            return
        # Counted here: AUTOINCREMENT looks into its own table for every row.
        first = self._connection.execute("SELECT value FROM counters WHERE name = 'last_word'").fetchone()[0] + 1
        self._connection.execute("UPDATE counters SET value = ? WHERE name = 'last_word'", (first + len(words) - 1,))
        rows = list(enumerate(words, first))
        self._connection.executemany("INSERT INTO words(number, word) VALUES (?, ?)", rows)
        self._connection.executemany("INSERT INTO word_parts(rowid, word) VALUES (?, ?)", rows)
        self._numbers.update(zip(words, range(first, first + len(words)), strict=True))

    def _containing(self, piece: Piece, limit: int) -> sqlite3.Cursor:
        """Words with the piece inside, or at the end when it `ends`."""
        text = piece.text
        trigrams = " AND ".join(_quoted(text[index : index + 3]) for index in range(len(text) - 2))
        condition = "substr(word, -length(?2)) = ?2" if piece.ends else "instr(word, ?2)"
        return self._connection.execute(
            "SELECT number FROM words WHERE number IN "
            f"(SELECT rowid FROM word_parts WHERE word_parts MATCH ?1) AND {condition} LIMIT ?3",
            (trigrams, text, limit + 1),
        )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
