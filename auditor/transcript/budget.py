"""How much text may be reported of a screen, in proportion to the output that made it.

A few bytes can fill a row, and rows can be shown again and again: without a limit, a recording of a megabyte could
make an index of gigabytes. Ordinary lines are never touched.
"""

import re

EXPANDS = 16
"""Characters reported for each byte of output. Changing one cell of a row costs about ten bytes."""

SHORT = 256
"""Characters of a line that are always reported: more than a row of most terminals has."""

_BEGIN = 1024 * 1024
_MOST = 16 * 1024 * 1024

_RUNS = re.compile(r"(.)\1{8,}", re.DOTALL)


class Budget:
    """Earned by output, spent by reports."""

    def __init__(self) -> None:
        self._left = _BEGIN

    def earn(self, size: int) -> None:
        """So many bytes of output came."""
        self._left = min(self._left + EXPANDS * size, _MOST)

    def spend(self, text: str) -> str:
        """The text, or what is affordable of it: runs of one character are shortened first, then its end is cut."""
        if len(text) > self._left:
            text = _RUNS.sub(r"\1" * 8, text)[: max(self._left, SHORT)]
        self._left = max(0, self._left - len(text))
        return text
