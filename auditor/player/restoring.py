"""A screen as text: what brings an empty terminal of the same size to the state that a screen has.

Only with it can somebody begin to watch in the middle. All is restored that decides how later text looks: characters
and pens, which rows go on in the next, cursor, saved cursor, scroll region, tab stops, modes, character sets, and the
main screen below the alternate one. Not restored are titles, the character that REP would repeat, origin mode while
the cursor is outside of the scroll region, and where the alternate screen was entered with another size, how the main
one was wrapped at that size.
"""

import copy
import re
from collections.abc import Iterator

from auditor.player.colour_screen import ColourScreen
from auditor.player.pens import DEFAULT, RUN, runs, sgr
from auditor.screen.cells import FILL, PAD, WRAP

_TEXT_KINDS = re.compile("[\x20-\x7e]+|[^\x20-\x7e]+")
_PLAIN = "\x1b[0m"


def restoring(screen: ColourScreen) -> str:
    """The text. It is to be fed to a terminal of `screen.columns` and `screen.height` that was just switched on."""
    return "".join(_parts(screen))


def _parts(screen: ColourScreen) -> Iterator[str]:
    if screen.alternate:
        main = copy.deepcopy(screen)
        main.show_alternate(False, with_cursor=screen.alternate_cursor is not None)
        yield from _rows(main)
    if screen.alternate_cursor is not None:
        yield _placed(screen, *screen.alternate_cursor) + sgr(screen.alternate_pen) + "\x1b[?1049h" + _PLAIN
        if not screen.alternate:
            yield "\x1b[?1049l"
    elif screen.alternate:
        yield "\x1b[?47h"
    yield from _rows(screen)
    yield from _tabs(screen)
    if (screen.top, screen.bottom) != (0, screen.height - 1):
        yield f"\x1b[{screen.top + 1};{screen.bottom + 1}r"
    x, y, origin, graphics, shifted = screen.saved_cursor
    if (x, y, origin, graphics, shifted, screen.saved_pen) != (0, 0, False, (False, False), 0, DEFAULT):
        origin = origin and screen.top <= y <= screen.bottom
        yield _origin(origin) + _placed(screen, x, y, origin=origin)
        yield _sets(graphics, shifted) + sgr(screen.saved_pen) + "\x1b7"
    inside = screen.top <= screen.y <= screen.bottom
    yield _origin(screen.origin and inside) + _sets((False, False), 0) + _cursor(screen, screen.origin and inside)
    yield _sets((screen.graphics[0], screen.graphics[1]), screen.shifted)
    yield ("\x1b[4h" if screen.insert else "") + ("" if screen.autowrap else "\x1b[?7l")
    yield ("" if screen.cursor_shown else "\x1b[?25l") + sgr(screen.pen)
    if screen.in_string:
        yield "\x1b]"


def _rows(screen: ColourScreen) -> Iterator[str]:
    """Text and pens of all rows. They are written without the modes of the screen, from the first row down."""
    last = screen.height - 1
    for y, row in enumerate(screen.rows):
        wraps = row.endswith(WRAP)
        cells, pens = row.removesuffix(WRAP), screen.pens[y]
        if cells or pens:
            yield f"\x1b[{y + 1};1H" + _row(screen, cells, pens)
        if wraps and y < last and len(cells) == screen.columns:
            # A wide character that does not fit, or any other, goes over into the next row and is erased there.
            yield _PLAIN + ("漢" if cells.endswith(FILL) else "x") + f"\x1b[{y + 2};1H\x1b[K"
    yield _PLAIN


def _row(screen: ColourScreen, cells: str, pens: str) -> str:
    # A cell that a wide character left free is written by that character when it wraps.
    body = cells[:-1] if cells.endswith(FILL) else cells
    text = _coloured(screen, body, pens[: len(body)].ljust(len(body), DEFAULT))
    start = len(cells)
    for run in RUN.finditer(pens[start:]):
        # Behind its text a row has only what was erased, with the background that was set.
        if run[1] != DEFAULT:
            text += f"\x1b[{start + run.start() + 1}G{sgr(run[1])}\x1b[{run.end() - run.start()}X"
    return text + _PLAIN if pens else text


def _coloured(screen: ColourScreen, cells: str, pens: str) -> str:
    parts: list[str] = []
    for pen, start, end in runs(cells, pens):
        begin = sgr(pen) if pen != DEFAULT or parts else ""
        parts.append(begin + _positioned(screen, cells[start:end], start))
    return "".join(parts)


def _positioned(screen: ColourScreen, cells: str, column: int) -> str:
    """Terminals differ in the width of some characters: what stands behind such ones is put where it belongs."""
    if cells.isascii():
        return cells
    parts: list[str] = []
    for part in _TEXT_KINDS.finditer(cells):
        if part.start():
            parts.append(f"\x1b[{column + part.start() + 1}G")
        # `text` cuts blanks at the end, of which FILL is one.
        parts.append(screen.clusters.text(part[0].replace(FILL, " ") + "|")[:-1])
    return "".join(parts)


def _tabs(screen: ColourScreen) -> Iterator[str]:
    if screen.tabs != set(range(8, screen.columns, 8)):
        yield "\x1b[3g"
        yield from (f"\x1b[{stop + 1}G\x1bH" for stop in sorted(screen.tabs) if stop < screen.columns)


def _cursor(screen: ColourScreen, origin: bool) -> str:
    """At its place; behind the last column it comes by writing that again."""
    if screen.x < screen.columns:
        return _placed(screen, screen.x, screen.y, origin=origin)
    row, pens = screen.rows[screen.y].removesuffix(WRAP), screen.pens[screen.y]
    column = screen.columns - 1
    if row[column : column + 1] == PAD:
        column -= 1
    cell = row[column : screen.columns] or " "
    pen = pens[column : column + 1] or DEFAULT
    return (
        _placed(screen, column, screen.y, origin=origin)
        + sgr(pen)
        + screen.clusters.text(cell.replace(FILL, " ") + "|")[:-1]
    )


def _placed(screen: ColourScreen, x: int, y: int, *, origin: bool = False) -> str:
    return f"\x1b[{y + 1 - (screen.top if origin else 0)};{min(x, screen.columns - 1) + 1}H"


def _origin(on: bool) -> str:
    return "\x1b[?6h" if on else "\x1b[?6l"


def _sets(graphics: tuple[bool, bool], shifted: int) -> str:
    """The two character sets, and which of them is in use."""
    first, second = ("0" if on else "B" for on in graphics)
    return f"\x1b({first}\x1b){second}" + ("\x0e" if shifted else "\x0f")
