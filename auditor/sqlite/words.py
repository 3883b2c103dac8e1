"""The vocabulary of the SQLite store: the words of all texts, to find those that a part of a word can mean."""

import sqlite3
from collections.abc import Iterable

from auditor.query.words import Piece

TRIGRAM = 3
"""Characters: shorter words are in no vocabulary, and pieces of one cannot be looked for."""

CACHED = 500_000
"""Words that are remembered as known while ingesting: some 50 MB."""

MAX_SCANNED = 2_000_000
"""Words of a vocabulary that is gone through for a piece of two characters, which takes some 0.1 s."""

MAX_ROWS = 5_000
"""Rows of the vocabulary that are looked at for one piece; where there are more, it is in words without end."""


class Vocabulary:
    """The words of all texts. A word is there at least once: each process adds those that it has not added yet.

    To make sure that none is there twice would need an index by word, in which every new word changes another page;
    that alone would take a third of the time of an ingest.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: set[str] = set()
        self._removed = -1

    def begin(self) -> None:
        """To be called in every transaction that calls `add`: another process may have removed words."""
        row = self._connection.execute("SELECT value FROM counters WHERE name = 'words_removed'").fetchone()
        if row[0] != self._removed or len(self._known) > CACHED:
            self._removed = row[0]
            self._known.clear()

    def forget(self) -> None:
        """To be called when a transaction was rolled back, and new words with it."""
        self._known.clear()

    def unknown(self, words: set[str]) -> set[str]:
        """Those of the words that this process has not added."""
        return words - self._known

    def add(self, words: set[str]) -> None:
        """Make words part of the vocabulary that are not known."""
        self._known |= words
        first = self._connection.execute("SELECT coalesce(max(number), 0) + 1 FROM words").fetchone()[0]
        rows = list(enumerate([word for word in words if len(word) >= TRIGRAM], first))
        self._connection.executemany("INSERT INTO words(number, word) VALUES (?, ?)", rows)
        self._connection.executemany("INSERT INTO word_parts(rowid, word) VALUES (?, ?)", rows)

    def matching(self, piece: Piece, limit: int) -> list[str] | None:
        """The words that the piece can mean; None when they are more than `limit`, or cannot be looked for."""
        if len(piece.text) < TRIGRAM - 1:
            return None
        if len(piece.text) < TRIGRAM:
            if self._size() > MAX_SCANNED:
                return None
            rows = self._having(piece.text, MAX_ROWS)
            # It may be a word itself, and then one that is not in the vocabulary.
            found = {piece.text, *(word for _, word in rows if _fits(word, piece))}
        else:
            rows = self._candidates(piece.text, MAX_ROWS)
            found = {word for _, word in rows if _fits(word, piece)}
        return None if len(rows) == MAX_ROWS or len(found) > limit else sorted(found)

    def remove_unused(self, words: Iterable[str]) -> None:
        """Remove those of the words that no text has any more: a deleted recording leaves nothing behind."""
        execute = self._connection.execute
        for word in words:
            if (
                len(word) < TRIGRAM
                or execute("SELECT 1 FROM postings WHERE postings MATCH ? LIMIT 1", (quoted(word),)).fetchone()
            ):
                continue
            for row in self._candidates(word, -1):
                if row[1] == word:
                    execute("INSERT INTO word_parts(word_parts, rowid, word) VALUES ('delete', ?, ?)", row)
                    execute("DELETE FROM words WHERE number = ?", row[:1])
        execute("UPDATE counters SET value = value + 1 WHERE name = 'words_removed'")
        self._known.clear()

    def _size(self) -> int:
        row = self._connection.execute("SELECT coalesce(max(number), 0) FROM words").fetchone()
        return int(row[0])

    def _having(self, text: str, limit: int) -> list[tuple[int, str]]:
        """Words that have the text in them, found by looking at all of them."""
        return self._connection.execute(
            "SELECT number, word FROM words WHERE instr(word, ?) LIMIT ?", (text, limit)
        ).fetchall()

    def _candidates(self, text: str, limit: int) -> list[tuple[int, str]]:
        """Words that have all trigrams of the text, though not always in its order."""
        return self._connection.execute(
            "SELECT words.number, words.word FROM word_parts CROSS JOIN words ON words.number = word_parts.rowid "
            "WHERE word_parts MATCH ? LIMIT ?",
            (_trigrams(text), limit),
        ).fetchall()


def _fits(word: str, piece: Piece) -> bool:
    if piece.starts:
        return word == piece.text if piece.ends else word.startswith(piece.text)
    return word.endswith(piece.text) if piece.ends else piece.text in word


def _trigrams(text: str) -> str:
    return " AND ".join({quoted(text[index : index + TRIGRAM]): None for index in range(len(text) - TRIGRAM + 1)})


def quoted(text: str) -> str:
    """A word for the query language of FTS5, in which quotes keep it from being an operator."""
    return '"' + text.replace('"', '""') + '"'
