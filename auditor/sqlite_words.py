"""The vocabulary of the SQLite store: the words of all texts, to find those that a part of a word can mean."""

import sqlite3
from collections.abc import Iterable

from auditor.words import Piece

TRIGRAM = 3
"""Characters: shorter words are in no vocabulary, and shorter pieces cannot be looked for."""

CACHED = 500_000
"""Words that are remembered as known while ingesting: some 50 MB."""

MAX_ROWS = 5_000
"""Rows of the vocabulary that are looked at for one piece."""


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
        if len(piece.text) < TRIGRAM:
            return None
        rows = self._rows(piece)
        found = {word for _, word in rows}
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
            while rows := self._rows(Piece(word, True, True)):
                for row in rows:
                    execute("INSERT INTO word_parts(word_parts, rowid, word) VALUES ('delete', ?, ?)", row)
                    execute("DELETE FROM words WHERE number = ?", row[:1])
        execute("UPDATE counters SET value = value + 1 WHERE name = 'words_removed'")
        self._known.clear()

    def _rows(self, piece: Piece) -> list[tuple[int, str]]:
        text = piece.text
        trigrams = " AND ".join({quoted(text[index : index + 3]): None for index in range(len(text) - 2)})
        conditions = {
            (True, True): "words.word = ?2",
            (True, False): "substr(words.word, 1, length(?2)) = ?2",
            (False, True): "substr(words.word, -length(?2)) = ?2",
            (False, False): "instr(words.word, ?2)",
        }
        return self._connection.execute(
            "SELECT words.number, words.word FROM word_parts CROSS JOIN words ON words.number = word_parts.rowid "
            f"WHERE word_parts MATCH ?1 AND {conditions[piece.starts, piece.ends]} LIMIT ?3",
            (trigrams, text, MAX_ROWS),
        ).fetchall()


def quoted(text: str) -> str:
    """A word for the query language of FTS5, in which quotes keep it from being an operator."""
    return '"' + text.replace('"', '""') + '"'
