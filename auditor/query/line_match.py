"""Whether a line has the words that a group of a query asks for, and where in it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from auditor.query.query import Group
from auditor.query.words import fold

MAX_SPANS = 100
"""Per line; a line of one letter repeated has no more to show than this."""


class Line(NamedTuple):
    """A line that was found: its position in the text, its own text, and the (start, end) of the terms in that."""

    row: int
    text: str
    spans: tuple[tuple[int, int], ...]


class LineMatch:
    """Finds the lines of one group in texts of many lines."""

    def __init__(self, group: Group) -> None:
        self._plain = [term for term in group.wanted if " " not in term]
        self._wanted = [_pattern(term) for term in group.wanted]
        self._unwanted = [_pattern(term) for term in group.unwanted]

    def lines(self, text: str) -> Iterator[Line]:
        """The lines of `text` (joined by newlines) that match, in order."""
        folded = fold(text)
        if any(term not in folded for term in self._plain):
            return
        # The term with the fewest places is looked for; the others in its lines only.
        fewest = min(self._wanted, key=lambda pattern: sum(1 for _ in pattern.finditer(folded)), default=None)
        if fewest is None:
            return
        row = start = end = 0
        while found := fewest.search(folded, end):
            newline = folded.rfind("\n", end, found.start())
            if newline >= 0:
                row += folded.count("\n", start, newline + 1)
                start = newline + 1
            end = folded.find("\n", found.start())
            if end < 0:
                end = len(folded)
            line = folded[start:end]
            if self._takes(line):
                yield Line(row, text[start:end], self._spans(line))

    def _takes(self, line: str) -> bool:
        return all(pattern.search(line) for pattern in self._wanted) and not any(
            pattern.search(line) for pattern in self._unwanted
        )

    def _spans(self, line: str) -> tuple[tuple[int, int], ...]:
        found = sorted(match.span() for pattern in self._wanted for match in pattern.finditer(line))
        merged: list[tuple[int, int]] = []
        for start, end in found:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            elif len(merged) < MAX_SPANS:
                merged.append((start, end))
        return tuple(merged)


def _pattern(term: str) -> re.Pattern[str]:
    return re.compile(r"[^\S\n]+".join(map(re.escape, term.split(" "))))
