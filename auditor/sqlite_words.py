"""The vocabulary of the SQLite store: every word once, to find those that a part of a word can mean."""

import json
import sqlite3
from collections.abc import Collection, Iterable

CACHED = 500_000
"""Words that are remembered as known while ingesting: some 50 MB."""


class Vocabulary:
    """The words of all texts, each with a number that is never given twice."""

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

    def add(self, words: set[str]) -> None:
        """Make words part of the vocabulary."""
        unknown = words - self._known
        if unknown:
            self._known |= unknown
            unknown -= self._stored(unknown)
            # In order, so that neighbours in the index are written together.
            self._insert(sorted(unknown))

    def beginning_with(self, text: str, limit: int) -> list[str] | None:
        """The words that begin with `text`; None when they are more than `limit`."""
        rows = self._connection.execute(
            "SELECT word FROM words WHERE word >= ? AND word < ? LIMIT ?", (text, text + "\U0010ffff", limit + 1)
        ).fetchall()
        return None if len(rows) > limit else [row[0] for row in rows]

    def containing(self, text: str, *, at_end: bool, limit: int) -> list[str] | None:
        """The words that have `text` inside, or at their end; None when they are more than `limit`, or cannot be
        looked for: trigrams find three characters and more."""
        if len(text) < 3:
            return None
        trigrams = " AND ".join({quoted(text[index : index + 3]): None for index in range(len(text) - 2)})
        condition = "substr(words.word, -length(?2)) = ?2" if at_end else "instr(words.word, ?2)"
        rows = self._connection.execute(
            "SELECT words.word FROM word_parts CROSS JOIN words ON words.number = word_parts.rowid "
            f"WHERE word_parts MATCH ?1 AND {condition} LIMIT ?3",
            (trigrams, text, limit + 1),
        ).fetchall()
        return None if len(rows) > limit else [row[0] for row in rows]

    def remove_unused(self, words: Iterable[str]) -> None:
        """Remove those of the words that no text has any more: a deleted recording leaves nothing behind."""
        execute = self._connection.execute
        for word in words:
            if execute("SELECT 1 FROM postings WHERE postings MATCH ? LIMIT 1", (quoted(word),)).fetchone():
                continue
            row = execute("SELECT number FROM words WHERE word = ?", (word,)).fetchone()
            if row:
                execute("INSERT INTO word_parts(word_parts, rowid, word) VALUES ('delete', ?, ?)", (row[0], word))
                execute("DELETE FROM words WHERE number = ?", row)
        execute("UPDATE counters SET value = value + 1 WHERE name = 'words_removed'")
        self._known.clear()

    def _stored(self, words: Collection[str]) -> set[str]:
        rows = self._connection.execute(
            "SELECT word FROM words WHERE word IN (SELECT value FROM json_each(?))", (json.dumps(sorted(words)),)
        )
        return {row[0] for row in rows}

    def _insert(self, words: list[str]) -> None:
        if not words:
            return
        # Counted here: AUTOINCREMENT looks into its own table for every row.
        first = self._connection.execute("SELECT value FROM counters WHERE name = 'last_word'").fetchone()[0] + 1
        self._connection.execute("UPDATE counters SET value = ? WHERE name = 'last_word'", (first + len(words) - 1,))
        rows = list(enumerate(words, first))
        self._connection.executemany("INSERT INTO words(number, word) VALUES (?, ?)", rows)
        self._connection.executemany("INSERT INTO word_parts(rowid, word) VALUES (?, ?)", rows)


def quoted(text: str) -> str:
    """A word for the query language of FTS5, in which quotes keep it from being an operator."""
    return '"' + text.replace('"', '""') + '"'
