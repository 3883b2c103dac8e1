"""Searching the SQLite store.

The index names the lines that have all of the query's words; their text decides. Where it would name too many it is
asked for one recording after the other, the latest first, until there are hits enough. Letters that it cannot look up
(one or two from inside of a word, or in too many words) are looked for in the text itself, likewise.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from auditor.query.line_match import Line, LineMatch
from auditor.query.query import LINE_KINDS, Group, Query
from auditor.query.words import pieces
from auditor.recordings.store import Facts, Hit, Position, SearchPausedError
from auditor.sqlite.texts import KIND_CODES, KINDS, ROWS, Block, Texts
from auditor.sqlite.words import Vocabulary, quoted

MAX_WORDS = 200
"""Words of the vocabulary that a piece of the query may stand for; each is a list of lines to merge."""

MAX_LINES = 2000
"""Lines that the index may name for a whole store."""


class Search:
    """One query over one store."""

    def __init__(self, connection: sqlite3.Connection, vocabulary: Vocabulary, texts: Texts, query: Query) -> None:
        index = _Index(connection, vocabulary)
        finders = [_Finder(texts, index, group, query) for group in query.groups]
        # A group whose places are known is looked at first: it may spare looking for the others'.
        self._finders = sorted(finders, key=lambda finder: finder.places is None)
        self._without = [_Finder(texts, index, group, query) for group in query.without]

    def recordings(self) -> set[int] | None:
        """The recordings that may have hits; None where the index cannot tell."""
        known = [set(finder.places) for finder in self._finders if finder.places is not None]
        return set.intersection(*known) if known else None

    def hits(
        self, recordings: Iterable[tuple[int, Facts]], each: int, deadline: float | None = None
    ) -> Iterator[Hit]:
        """The hits in these recordings, at most `each` of one recording and kind, by time within a recording. Raises
        SearchPausedError at the deadline, on the clock of time.monotonic()."""
        last: Position | None = None
        for number, facts in recordings:
            if deadline is not None and last is not None and time.monotonic() > deadline:
                raise SearchPausedError(last)
            last = Position(facts.start, facts.rec)
            if any(finder.hits(number, facts, 1) for finder in self._without):
                continue
            yield from sorted(self._in_all(number, facts, each), key=lambda hit: hit.at)

    def _in_all(self, number: int, facts: Facts, each: int) -> Iterable[Hit]:
        found: dict[tuple[str, int, str], Hit] = {}
        for finder in self._finders:
            hits = finder.hits(number, facts, each)
            if not hits:
                return ()
            # Groups for any kind and for one kind may find the same line.
            found.update({(hit.kind, hit.at, hit.text): hit for hit in hits})
        return found.values()


class _Place(NamedTuple):
    """Lines of a block that may have what is looked for; None: all of them."""

    block: int
    rows: list[int] | None


class _Index:
    """What the index says of a group's words."""

    def __init__(self, connection: sqlite3.Connection, vocabulary: Vocabulary) -> None:
        self._connection = connection
        self._vocabulary = vocabulary

    def expression(self, group: Group) -> str | None:
        """The group's words in the language of FTS5; empty when a word is in no text at all, None when the index
        can tell nothing."""
        parts = [piece for term in group.wanted for piece in pieces(term)]
        whole = [quoted(piece.text) for piece in parts if piece.starts and piece.ends]
        if whole and len(self._lines(" AND ".join(whole))) <= MAX_LINES:
            return " AND ".join(whole)  # they say enough
        conditions = whole
        for piece in parts:
            if not (piece.starts and piece.ends):
                words = self._vocabulary.matching(piece, MAX_WORDS)
                if words == []:
                    return ""
                if words is not None:
                    conditions.append(f"({' OR '.join(map(quoted, words))})")
        return " AND ".join(conditions) or None

    def places(self, expression: str, kinds: Iterable[int]) -> Mapping[int, list[_Place]] | None:
        """Where it holds, by recording; None when the places are too many to list."""
        rowids = self._lines(expression)
        if len(rowids) > MAX_LINES:
            return None
        found: dict[int, list[_Place]] = {}
        for place in _places(rowids):
            row = self._connection.execute(
                "SELECT recording, kind FROM blocks WHERE number = ?", (place.block,)
            ).fetchone()
            if row and row[1] in kinds:
                found.setdefault(row[0], []).append(place)
        return found

    def places_in(self, expression: str | None, recording: int, kind: int) -> Iterator[_Place]:
        """Where it holds in one recording, one after the other; without an expression, everywhere."""
        numbers = self._connection.execute(
            "SELECT number FROM blocks WHERE recording = ? AND kind = ? ORDER BY number", (recording, kind)
        ).fetchall()
        if expression is None:
            yield from (_Place(number, None) for (number,) in numbers)
            return
        for first, last in _runs([number for (number,) in numbers]):
            rows = self._connection.execute(
                "SELECT rowid FROM postings WHERE postings MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid",
                (expression, first * ROWS, (last + 1) * ROWS),
            )
            yield from _places(row[0] for row in rows)

    def _lines(self, expression: str) -> list[int]:
        """Where it holds; more than MAX_LINES say that there is no end to them."""
        rows = self._connection.execute(
            "SELECT rowid FROM postings WHERE postings MATCH ? LIMIT ?", (expression, MAX_LINES + 1)
        )
        return [row[0] for row in rows]


class _Finder:
    """The lines of one group, recording by recording."""

    def __init__(self, texts: Texts, index: _Index, group: Group, query: Query) -> None:
        self._kinds = tuple(KIND_CODES[kind] for kind in LINE_KINDS[group.kind])
        self._texts = texts
        self._index = index
        self._match = LineMatch(group)
        self._since = query.selection.since
        self._until = query.selection.until
        self._expression = index.expression(group)
        self.places: Mapping[int, list[_Place]] | None = None
        if self._expression is not None:
            self.places = index.places(self._expression, self._kinds) if self._expression else {}

    def hits(self, recording: int, facts: Facts, each: int) -> list[Hit]:
        """At most `each` of each kind, in order within a kind."""
        hits: list[Hit] = []
        for kind in self._kinds:
            found = 0
            for place in self._places(recording, kind):
                for hit in self._hits(place, kind, facts):
                    hits.append(hit)
                    found += 1
                    if found == each:
                        break
                if found == each:
                    break
        return hits

    def _places(self, recording: int, kind: int) -> Iterable[_Place]:
        if self.places is not None:
            return self.places.get(recording, ())
        return self._index.places_in(self._expression, recording, kind)

    def _hits(self, place: _Place, kind: int, facts: Facts) -> Iterator[Hit]:
        block = self._texts.block(place.block)
        if block is None or block.kind != KINDS[kind]:
            return
        times = None
        for line in self._match.lines(block.text) if place.rows is None else self._lines(block, place.rows):
            times = block.times() if times is None else times
            if self._in_time(facts.start + times[line.row] / 1000):
                yield Hit(facts, block.kind, times[line.row], line.text, line.spans)

    def _lines(self, block: Block, rows: list[int]) -> Iterator[Line]:
        lines = block.text.split("\n")
        for row in rows:
            for line in self._match.lines(lines[row]):
                yield line._replace(row=row)

    def _in_time(self, time: float) -> bool:
        return (self._since is None or time >= self._since) and (self._until is None or time < self._until)


def _places(rowids: Iterable[int]) -> Iterator[_Place]:
    """Lines as the index calls them, in order, by block."""
    for block, group in groupby(rowids, key=lambda rowid: rowid // ROWS):
        yield _Place(block, [rowid % ROWS for rowid in group])


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbours in ascending numbers."""
    first = last = -2
    for number in numbers:
        if number != last + 1:
            if first >= 0:
                yield first, last
            first = number
        last = number
    if first >= 0:
        yield first, last
