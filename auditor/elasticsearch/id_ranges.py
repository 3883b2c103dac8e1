"""Sets of message ids, as few ranges: what of a recording has been taken in.

Written `1-500,502,504-900`. Ids come in order but for a few, so that a recording mostly is one range.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class IdRanges:
    """A set of positive integers."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self._firsts.append(first)
            self._lasts.append(last)

    @classmethod
    def read(cls, text: str) -> "IdRanges":
        """The set that `str` has written."""
        pairs = (part.partition("-") for part in text.split(",") if part)
        return cls((int(first), int(last or first)) for first, _, last in pairs)

    def add(self, id: int) -> None:
        """Make `id` a member."""
        place = bisect_right(self._firsts, id)
        if place and id <= self._lasts[place - 1]:
            return
        follows = place > 0 and self._lasts[place - 1] == id - 1
        precedes = place < len(self._firsts) and self._firsts[place] == id + 1
        if follows and precedes:
            self._lasts[place - 1] = self._lasts.pop(place)
            del self._firsts[place]
        elif follows:
            self._lasts[place - 1] = id
        elif precedes:
            self._firsts[place] = id
        else:
            self._firsts.insert(place, id)
            self._lasts.insert(place, id)

    def __contains__(self, id: int) -> bool:
        place = bisect_right(self._firsts, id)
        return place > 0 and id <= self._lasts[place - 1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The ranges (first, last) in order."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many ranges."""
        return len(self._firsts)

    @property
    def last(self) -> int:
        """The highest member; 0 when there is none."""
        return self._lasts[-1] if self._lasts else 0

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in self)
