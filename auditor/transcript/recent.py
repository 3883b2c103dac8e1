"""What was seen on a screen a short while ago, so that it is not reported again and again."""

import re

RETURNS = 10_000
"""Milliseconds for which a line is remembered once it has left the screen."""

CHANGES = 100
EVERY = 5_000
"""Milliseconds. 100 states are ten seconds of a progress bar at the pace of looking."""

_REMEMBERED = 4096
_NOT_LETTERS = re.compile(r"[\W\d_]+")


class Recent:
    """What was on the screen a short while ago. It knows lines by their hash, so it stays small."""

    def __init__(self) -> None:
        self._left: dict[int, int] = {}
        self._changes: dict[int, tuple[float, int]] = {}

    def left(self, text: str, at: int) -> None:
        """A line went away."""
        key = hash(text)
        self._left.pop(key, None)
        self._left[key] = at
        if len(self._left) > _REMEMBERED:
            del self._left[next(iter(self._left))]

    def returns(self, text: str, at: int) -> bool:
        """Whether a line went away only a moment ago."""
        left = self._left.get(hash(text))
        return left is not None and at - left < RETURNS

    def may_change(self, text: str, at: int) -> bool:
        """Whether one more state of a line that counts may be reported."""
        key = hash(shape(text))
        tokens, last = self._changes.pop(key, (float(CHANGES), at))
        tokens = min(CHANGES, tokens + (at - last) / EVERY)
        self._changes[key] = (tokens - 1 if tokens >= 1 else tokens, at)
        if len(self._changes) > _REMEMBERED:
            del self._changes[next(iter(self._changes))]
        return tokens >= 1


def shape(text: str) -> str:
    """A line without what counters and bars change in it."""
    return _NOT_LETTERS.sub(" ", text)
