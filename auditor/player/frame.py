"""What the auditor's terminal is to show: the recorded screen or a part of it, the status line, or a list over it."""

import re
from typing import NamedTuple

from auditor.output.printable import printable
from auditor.player.colour_screen import ColourScreen
from auditor.player.pens import DEFAULT, inverted, runs, sgr
from auditor.screen.cells import FILL, MARK, PAD, Clusters, fold

_BAR = "\x1b[0;7m"
_PLAIN = "\x1b[0m"

_TEXT_KINDS = re.compile("[\x20-\x7e]+|[^\x20-\x7e]+")


class Frame(NamedTuple):
    """`rows` are ready to be written, one per row of the terminal, each from column 0 and complete in itself:
    text and SGR only, so that nothing recorded can make the terminal do anything else. `cursor`: column and row,
    or None for hidden."""

    rows: list[str]
    cursor: tuple[int, int] | None


def recorded(screen: ColourScreen, columns: int, rows: int, query: str = "") -> Frame:
    """The recorded screen on a terminal of this size, occurrences of `query` marked.

    A smaller terminal shows the part around the cursor, a larger one the whole in its upper left corner.
    """
    x, y = screen.cursor
    left, top = max(0, x + 1 - columns), max(0, y + 1 - rows)
    pattern = _pattern(query)
    shown = [_row(screen, number, left, columns, pattern) for number in range(top, min(top + rows, screen.height))]
    shown += [""] * (rows - len(shown))
    return Frame(shown, (x - left, y - top) if screen.cursor_shown else None)


def listed(title: str, lines: list[str], chosen: int | None, columns: int, rows: int) -> Frame:
    """Lines of text with a title, one of them chosen."""
    shown = [bar(title, columns)]
    shown += [bar(line, columns) if number == chosen else fitted(line, columns) for number, line in enumerate(lines)]
    return Frame((shown + [""] * rows)[:rows], None)


def bar(text: str, columns: int) -> str:
    """A line in inverse video across the terminal."""
    return _BAR + fitted(text, columns, fill=True) + _PLAIN


def fitted(text: str, columns: int, *, fill: bool = False) -> str:
    """Text made printable and cut to a width in cells, and filled with blanks to it if wanted."""
    cells = re.sub(f"{MARK}.", "", fold(printable(text)))
    if len(cells) > columns:
        cells = cells[: columns - 1] + " " if cells[columns] == PAD else cells[:columns]
    return (cells.ljust(columns) if fill else cells).replace(PAD, "")


def width(text: str) -> int:
    """Cells that a text takes when it is shown by `fitted`."""
    return len(re.sub(f"{MARK}.", "", fold(printable(text))))


def whole_screen(screen: ColourScreen, columns: int) -> list[str]:
    """The recorded rows from the first to the last that shows something, cut to a width."""
    rows = [_row(screen, number, 0, columns, None) for number in range(screen.height)]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _row(screen: ColourScreen, number: int, left: int, columns: int, pattern: re.Pattern[str] | None) -> str:
    cells = screen.rows[number][: screen.columns]
    pens = screen.pens[number]
    length = max(len(cells), len(pens))
    cells, pens = cells.ljust(length), pens.ljust(length, DEFAULT)
    if pattern is not None:
        for found in pattern.finditer(cells):
            start, end = found.span()
            pens = pens[:start] + "".join(map(inverted, pens[start:end])) + pens[end:]
    if length > columns + left or left:
        cells, pens = _cut(cells, left, columns), pens[left : left + columns]
    if pens.strip(DEFAULT):
        return _coloured(cells, pens, screen.clusters)
    return _positioned(cells.rstrip(), 0, screen.clusters)


def _cut(cells: str, left: int, columns: int) -> str:
    """A part of a row; wide characters that the cut goes through are blank."""
    if left and cells[left : left + 1] == PAD:
        cells = cells[:left] + " " + cells[left + 1 :]
    end = left + columns
    if cells[end : end + 1] == PAD:
        cells = cells[: end - 1] + " " + cells[end:]
    return cells[left:end]


def _coloured(cells: str, pens: str, clusters: Clusters) -> str:
    parts: list[str] = []
    for pen, start, end in runs(cells, pens):
        parts.append(sgr(pen) + _positioned(cells[start:end], start, clusters))
    return "".join(parts) + _PLAIN


def _positioned(cells: str, column: int, clusters: Clusters) -> str:
    """Text of cells that begin at a column.

    Terminals differ in the width of some characters: what stands behind such ones is put where it belongs.
    """
    if cells.isascii():
        return cells
    parts: list[str] = []
    for part in _TEXT_KINDS.finditer(cells):
        if part.start():
            parts.append(f"\x1b[{column + part.start() + 1}G")
        # `text` cuts blanks at the end, of which FILL is one.
        parts.append(clusters.text(part[0].replace(FILL, " ") + "|")[:-1])
    return "".join(parts)


def _pattern(query: str) -> re.Pattern[str] | None:
    if not query:
        return None
    return re.compile(re.escape(fold(query)), 0 if query != query.lower() else re.IGNORECASE)
