"""Whether a line has the words that a group of a query asks for, and where in it."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from auditor.query import Group
from auditor.words import fold

MAX_SPANS = 100
"""Per line; a line of one letter repeated has no more to show than this."""


class Line(NamedTuple):
    """A line that was found: its position in the text, its text, and the (start, end) of the terms in it."""

    row: int
    text: str
    spans: tuple[tuple[int, int], ...]


class LineMatch:
    """Finds the lines of one group in texts of many lines."""

    def __init__(self, group: Group) -> None:
        # The longest is likely the rarest, and the others are looked for in its lines only.
        terms = sorted(group.wanted, key=len, reverse=True)
        self._plain = [term for term in terms if " " not in term]
        self._wanted = [_pattern(term) for term in terms]
        self._unwanted = [_pattern(term) for term in group.unwanted]

    def lines(self, text: str) -> Iterator[Line]:
        """The lines of `text` (joined by newlines) that match, in order."""
        folded = fold(text)
        if any(term not in folded for term in self._plain):
            return
        starts: list[int] = []
        position = 0
        while found := self._wanted[0].search(folded, position):
            if not starts:
                starts = [0, *accumulate(len(line) + 1 for line in folded.split("\n"))]
            index = bisect_right(starts, found.start()) - 1
            position = starts[index + 1]
            line = folded[starts[index] : position - 1]
            if self._takes(line):
                yield Line(index, text[starts[index] : position - 1], self._spans(line))

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
