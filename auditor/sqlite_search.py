"""Searching the SQLite store.

The index names the blocks that have all of the query's words; their text decides. Words that are in very many blocks,
and parts of words that the index cannot look up (one or two letters), are not worth a look: the text of the latest
recordings is gone through instead, where something so common is found at once.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from auditor.line_match import LineMatch
from auditor.query import ANY, Group, Query
from auditor.sqlite_texts import KINDS, Texts
from auditor.sqlite_words import Vocabulary
from auditor.store import Facts, Hit
from auditor.words import pieces

MAX_WORDS = 400
"""Words of the vocabulary that a piece of the query may stand for; each is a list of blocks to merge."""

MAX_BLOCKS = 4000
"""Blocks that the index may name; beyond that, the latest recordings have hits enough."""


class Search:
    """One query over one store."""

    def __init__(self, connection: sqlite3.Connection, vocabulary: Vocabulary, texts: Texts, query: Query) -> None:
        self._connection = connection
        self._vocabulary = vocabulary
        self._texts = texts
        self._query = query
        # A group that the index knows the blocks of is looked at first: it may spare reading the others' text.
        finders = [self._finder(group) for group in query.groups]
        self._finders = sorted(finders, key=lambda finder: finder.blocks is None)
        self._without = [self._finder(group) for group in query.without]

    def hits(self, recordings: Iterable[tuple[int, Facts]], each: int) -> Iterator[Hit]:
        """The hits in these recordings, at most `each` of one recording and kind, by time within a recording."""
        known = [finder.blocks.keys() for finder in self._finders if finder.blocks is not None]
        for number, facts in recordings:
            if any(number not in numbers for numbers in known):
                continue
            if any(finder.any(number, facts) for finder in self._without):
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

    def _finder(self, group: Group) -> "_Finder":
        return _Finder(self._texts, group, self._query, self._blocks(group))

    def _blocks(self, group: Group) -> Mapping[int, list[int]] | None:
        """The blocks that may have the group's terms, by recording; None when they are too many to list."""
        conditions: list[str] = []
        for term in group.wanted:
            for piece in pieces(term):
                numbers = self._vocabulary.matching(piece, MAX_WORDS)
                if numbers is None:
                    continue
                if not numbers:
                    return {}
                conditions.append(f"({' OR '.join(f'{number:x}' for number in numbers)})")
        if not conditions:
            return None
        rows = self._connection.execute(
            "SELECT rowid FROM postings WHERE postings MATCH ? LIMIT ?", (" AND ".join(conditions), MAX_BLOCKS + 1)
        ).fetchall()
        if len(rows) > MAX_BLOCKS:
            return None
        blocks: dict[int, list[int]] = {}
        for (block,) in rows:
            row = self._connection.execute("SELECT recording, kind FROM blocks WHERE number = ?", (block,)).fetchone()
            if row and (group.kind == ANY or KINDS[row[1]] == group.kind):
                blocks.setdefault(row[0], []).append(block)
        return blocks


class _Finder:
    """The lines of one group, recording by recording."""

    def __init__(self, texts: Texts, group: Group, query: Query, blocks: Mapping[int, list[int]] | None) -> None:
        self.blocks = blocks
        self.kinds = KINDS if group.kind == ANY else (group.kind,)
        self._texts = texts
        self._match = LineMatch(group)
        self._since = query.selection.since
        self._until = query.selection.until

    def any(self, recording: int, facts: Facts) -> bool:
        """Whether the recording has a line of it."""
        return bool(self.hits(recording, facts, 1))

    def hits(self, recording: int, facts: Facts, each: int) -> list[Hit]:
        """At most `each` of each kind, in order within a kind."""
        found: dict[str, list[Hit]] = {kind: [] for kind in self.kinds}
        full: set[str] = set()
        for code, kind in enumerate(KINDS):
            if kind not in self.kinds:
                continue
            for number in self._numbers(recording, code):
                if kind in full:
                    break
                block = self._texts.block(number)
                if block is None or block.kind != kind:
                    continue
                for line in self._match.lines(block.text):
                    at = block.times[line.row]
                    if self._in_time(facts.start + at / 1000):
                        found[kind].append(Hit(facts, kind, at, line.text, line.spans))
                        if len(found[kind]) >= each:
                            full.add(kind)
                            break
        return [hit for hits in found.values() for hit in hits]

    def _numbers(self, recording: int, kind: int) -> list[int]:
        if self.blocks is None:
            return self._texts.numbers(recording, [kind])
        return self.blocks.get(recording, [])

    def _in_time(self, time: float) -> bool:
        return (self._since is None or time >= self._since) and (self._until is None or time < self._until)
