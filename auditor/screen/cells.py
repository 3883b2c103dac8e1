"""Rows of character cells as strings: one code point is one cell, whatever it takes to write it.

A row is a `str` whose index is the column, so that a run of text is placed by slicing. Blank cells at its end
may be missing. What does not fit one code point per cell is folded:

- a character two cells wide is followed by PAD;
- a character with combining marks is one code point of Unicode's plane 16, which `Clusters` expands again;
- FILL is the last cell of a row into which a wide character did not fit;
- a row that was left by automatic wrapping is full and has WRAP behind its last cell.

Widths are those of wcwidth(3), from Python's Unicode tables. Plane 16 itself and surrogates become U+FFFD. Control
characters and invisible ones (zero width space, marks of direction) are nothing: what is read is what was seen.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator

PAD = "\U0010ffff"
FILL = "\U0010fffe"
MARK = "\U0010fffd"
"""Only in the result of `fold`: the next character combines with the one before."""
WRAP = "\n"

ZERO_WIDTH_JOINER = "\u200d"

_CODES = range(0x100000, 0x10FF00)
"""For combinations: so many different ones can be on the screen at one time."""

_FIRST = chr(_CODES.start)
_CAPACITY = len(_CODES)

_LONGEST = 16
"""Code points in one cell. The longest emoji sequences have 10; without a limit one cell could grow for ever."""

_CACHED = 0x10000


def fold(text: str) -> str:
    """Text as cells. Combining characters are still apart: each stands behind a MARK."""
    return text if text.isascii() else text.translate(_CELLS)


class Clusters:
    """The combined characters on one screen. `live` gives all rows in which they may stand."""

    def __init__(self, live: Callable[[], Iterable[str]]) -> None:
        self._live = live
        self._codes: dict[str, str] = {}
        self._texts: dict[int, str | None] = {ord(PAD): None, ord(FILL): " "}
        self._unused: Iterator[str] = map(chr, _CODES)
        self._refused = 0

    def text(self, row: str) -> str:
        """What a row shows, WRAP and trailing blanks cut."""
        if not row.isascii():
            row = row.translate(self._texts)
        return row.rstrip(" \n")

    def joined(self, row: str) -> str:
        """What a row that ends in WRAP gives to the logical line it begins."""
        body = row[:-1]
        if body.isascii():
            return body
        return body.removesuffix(FILL).translate(self._texts)

    def combine(self, cell: str, mark: str) -> str:
        """The cell that shows `cell` with `mark` over it; `cell` itself where there is no room for more."""
        whole = (self._texts.get(ord(cell)) or cell) + mark
        if len(whole) > _LONGEST:
            return cell
        code = self._codes.get(whole)
        if code is None:
            code = next(self._unused, None) or self._collect()
            if code is None:
                return cell
            self._codes[whole] = code
            self._texts[ord(code)] = whole
        return code

    def ends_in_joiner(self, cell: str) -> bool:
        """Whether the next character belongs to this cell, as in emoji of several people."""
        return (self._texts.get(ord(cell)) or cell).endswith(ZERO_WIDTH_JOINER)

    def _collect(self) -> str | None:
        """Forgets combinations that are on no row any more; a code for another one, if that made room.

        A screen that is full of them is not searched every time.
        """
        self._refused -= 1
        if self._refused > 0:
            return None
        self._refused = _CAPACITY
        used = {cell for row in self._live() if not row.isascii() for cell in row if cell >= _FIRST}
        self._codes = {text: code for text, code in self._codes.items() if code in used}
        self._texts = {ord(PAD): None, ord(FILL): " "}
        self._texts.update((ord(code), text) for text, code in self._codes.items())
        # A list and not a generator: screens are copied.
        self._unused = iter([code for code in map(chr, _CODES) if code not in used])
        return next(self._unused, None)


class _Cells(dict[int, str]):
    """Code point -> its cells, worked out when first seen."""

    def __missing__(self, code: int) -> str:
        cells = _cells(code)
        if len(self) < _CACHED:
            self[code] = cells
        return cells


_CELLS = _Cells()


def _cells(code: int) -> str:
    char = chr(code)
    if code < 0x20 or 0x7F <= code < 0xA0 or code & 0xFFFE == 0xFFFE:
        return char if code in (0x0A, 0x0D) else ""
    if code >= _CODES.start or 0xD800 <= code < 0xE000:
        return "\ufffd"
    category = unicodedata.category(char)
    if category in ("Mn", "Me") or 0x1160 <= code < 0x1200 or 0xD7B0 <= code < 0xD800:
        return MARK + char
    if category in ("Cf", "Zl", "Zp") and code != 0xAD:
        return MARK + char if char == ZERO_WIDTH_JOINER else ""
    return char + PAD if unicodedata.east_asian_width(char) in "WF" else char
