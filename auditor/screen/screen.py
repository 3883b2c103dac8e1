"""`Screen`: what stands on a terminal after the text that was sent to it.

It follows tmux in every control function that moves text: tmux judges it in the tests. Colours and other attributes
are not kept; a screen is its text. Where it differs from tmux (3.3a and 3.5a), it does so to show what is meant:

- what is inserted is blank, and half a wide character is too; tmux leaves remains in rare cases;
- forward tabs and relative moves (CSI I, a, e) are done, and any character set but DEC graphics is letters;
- invisible characters and C1 controls are nothing; unassigned characters have one cell; variation selectors and skin
  tones change no width (tmux 3.5a widens the cell before them);
- a row that was erased to its end is not wrapped any more, a wrapped row stays so when the next one is erased;
- there is no history: rows that left at the top do not come back when the screen grows. `scrolled` has them;
- the alternate screen is cut, not hidden, where it becomes narrower.

Text goes in as long as it can in one piece: `_TOKEN` takes runs of text with the colour changes between them, and
`_LINES` whole lines at the bottom of the screen, which is what most output is. Whatever these do not know goes to
`Parser`, one character at a time. (No possessive quantifiers: those of groups go wrong before Python 3.11.4.)
"""

import re
from collections.abc import Callable
from typing import Literal

from auditor.screen.cells import FILL, MARK, PAD, ZERO_WIDTH_JOINER, fold
from auditor.screen.control_functions import CONTROL, CSI, private_mode
from auditor.screen.grid import Grid, bounded
from auditor.screen.parser import Parser

Mark = Literal["edit-begin", "edit-end", "prompt", "command", "output"]
"""What a shell says about its prompt: line editing begins and ends (bracketed paste, DEC private mode 2004, is
switched on and off), and the marks A, B and C of OSC 133."""

_TEXT = "[^\x00-\x1f\x7f-\x9f]"
_COLOUR = "\x1b\\[[0-9;:]{0,63}m"

_TOKEN = re.compile(
    rf"({_TEXT}+(?:(?:{_COLOUR})+{_TEXT}+)*)"
    rf"|(?:{_COLOUR})+()"
    r"|(\r\n)"
    r"|\x1b\[([0-9;]{0,63})([@-ln-~])"
    r"|([\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|\x1b\[\?([0-9;]{1,63})([hl])"
    r"|(\x1b)"
)
_RUN, _COLOURS, _NEWLINE, _CSI, _C0, _MODE = 1, 2, 3, 5, 6, 8
_LINES = re.compile(rf"(?:{_TEXT}*(?:(?:{_COLOUR})+{_TEXT}*)*\r\n)+")
_COLOURED = re.compile(_COLOUR)

_SPECIAL_GRAPHICS = str.maketrans(
    "_`abcdefghijklmnopqrstuvwxyz{|}~",
    " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·",
)
"""DEC special graphics, which ESC ( 0 selects."""

_CELL = re.compile(f"[^{PAD}]{PAD}?")
_CELL_OR_MARK = re.compile(f"{MARK}(.)|[^{MARK}{PAD}]{PAD}?")

_TITLES = 10
"""Titles kept by CSI 22 t; xterm's limit."""


class Screen(Grid):
    """A terminal's screen. `columns` and `rows` in cells; 0 stands for an unknown size.

    `mark` is called during `feed`, at the point of the text where the shell says so. No text raises, and memory
    does not grow with the length of the text.
    """

    def __init__(self, columns: int, rows: int, mark: Callable[[Mark], None] | None = None) -> None:
        super().__init__(columns, rows)
        self.title = ""
        self.mark = mark
        self.alternate_cursor: tuple[int, int] | None = None
        self.last = ""
        """The graphic character (its cells) that REP repeats, if nothing came after it."""
        self._titles: list[str] = []
        self._saved_size = (self.columns, self.height)
        self._parser = Parser(self)
        self.reset_modes()
        self.reset_tabs()

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown, as full-screen programs do."""
        return bool(self.saved_rows)

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row, from 0."""
        return min(self.x, self.columns - 1), self.y

    def lines(self) -> list[str]:
        """The rows as text, trailing blanks cut."""
        return [self.clusters.text(row) for row in self.rows]

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size; text on the main screen is wrapped anew."""
        columns, rows = bounded(columns, rows)
        if columns != self.columns:
            self.reset_tabs(columns)
        if rows != self.height:
            self.resize_rows(rows)
        if columns == self.columns:
            return
        if not self.alternate:
            self.reflow(columns)
            return
        for y, row in enumerate(self.rows):
            if len(row) > columns:
                self.rows[y] = row[:columns].removesuffix(FILL)
                if row[columns] == PAD:
                    self.rows[y] = row[: columns - 1]
        self.columns = columns
        self.x = min(self.x, columns)

    def feed(self, text: str) -> None:
        """Text that the session printed; control sequences may be cut anywhere."""
        position = self._parser.resume(text, 0) if self._parser.busy else 0
        end = len(text)
        while position < end:
            position = self._tokens(text, position)

    def abandon_string(self) -> None:
        """Leaves a control string (OSC, DCS) that was never ended, as tmux does after 5 seconds."""
        self._parser.reset()

    @property
    def in_sequence(self) -> bool:
        """Whether the next character belongs to a control sequence that is not yet complete."""
        return self._parser.busy

    @property
    def in_string(self) -> bool:
        """Whether text is swallowed, as a control string is not yet ended."""
        return self._parser.in_string

    def _tokens(self, text: str, position: int) -> int:
        """Handles text from a position as far as one pass goes; the position behind it."""
        columns = self.columns
        rows = self.rows
        token = None
        for token in _TOKEN.finditer(text, position):
            kind = token.lastindex
            if kind == _RUN:
                run = token[1]
                if "\x1b" in run:
                    run = _COLOURED.sub("", run)
                x = self.x
                # The common case of `write`, spared a call: plain text that fits, over plain text.
                if self.plain and run.isascii() and x + len(run) <= columns:
                    row = rows[self.y]
                    if row.isascii():
                        end = x + len(run)
                        length = len(row)
                        if x == length:
                            rows[self.y] = row + run
                        elif x > length:
                            rows[self.y] = row.ljust(x) + run
                        else:
                            rows[self.y] = row[:x] + run + row[end:]
                        self.x = end
                        self.last = run[-1]
                        continue
                self.write(run)
                continue
            self.last, last = "", self.last
            if kind == _CSI:
                parameters, final = token.group(4, 5)
                if final == "b":
                    self.last = last
                function = CSI.get(final)
                if function is not None and (len(parameters) < 10 or self._parser.sane(parameters)):
                    function(self, parameters)
            elif kind == _NEWLINE:
                self.x = 0
                if self.y != self.bottom:
                    if self.y < self.height - 1:
                        self.y += 1
                    continue
                self.scroll_up()
                if self.top == 0 and self.bottom == self.height - 1 and self.plain:
                    lines = _LINES.match(text, token.end())
                    if lines is not None and self._append(lines[0]):
                        return lines.end()
            elif kind == _C0:
                control = CONTROL.get(token[6])
                if control is not None:
                    control(self)
            elif kind == _MODE:
                for parameter in token[7].split(";"):
                    private_mode(self, parameter, token[8] == "h")
            elif kind != _COLOURS:
                self.last = last
                return self._parser.resume(text, token.start())
            # These may have put other rows in place.
            rows = self.rows
        return len(text)

    def _append(self, block: str) -> bool:
        """Whole lines at the bottom of the screen, of which only the last stay on it."""
        if "\x1b" in block:
            block = _COLOURED.sub("", block)
        block = fold(block)
        if MARK in block:
            return False
        lines = block.split("\r\n")
        if max(map(len, lines)) > self.columns:
            if self.columns < 2:
                return False
            lines = [piece for line in lines for piece in self.pieces(line)]
        rows = self.rows
        rows.pop()
        rows += lines
        surplus = len(rows) - self.height
        if self.scrolled is not None:
            self.scrolled += rows[:surplus]
        del rows[:surplus]
        return True

    def write(self, text: str) -> None:
        """Graphic characters at the cursor."""
        if self.graphics[self.shifted]:
            text = text.translate(_SPECIAL_GRAPHICS)
        cells = fold(text)
        if self.columns < 2:
            cells = cells.replace(PAD, "")
        if MARK in cells or self._joins():
            self._write_combining(cells)
            self.last = ""
        else:
            self._write_cells(cells)
            self.last = cells[-2:] if cells.endswith(PAD) else cells[-1:]

    def repeat(self, count: int) -> None:
        """The last graphic character again (REP), at most to the end of the row."""
        if self.last:
            self._write_cells(self.last * min(count, (self.columns - self.x) // len(self.last)))
            self.last = ""

    def show_alternate(self, on: bool, *, with_cursor: bool) -> None:
        """Switches to the alternate screen, which begins blank, or back to what the main screen showed."""
        if on:
            if not self.alternate:
                self.saved_rows = self.rows
                self._saved_size = (self.columns, self.height)
                self.rows = [""] * self.height
                if with_cursor:
                    self.alternate_cursor = (self.x, self.y)
            return
        size = (self.columns, self.height)
        back = self.alternate and size != self._saved_size
        if back:
            self.resize(*self._saved_size)
        if with_cursor and self.alternate_cursor is not None:
            self.x, self.y = self.alternate_cursor
        if self.alternate:
            self.rows, self.saved_rows = self.saved_rows, []
        if back:
            self.resize(*size)
        self.x = min(self.x, self.columns - 1)
        self.y = min(self.y, self.height - 1)

    def push_title(self) -> None:
        """Keeps the title for `pop_title`."""
        self._titles = [*self._titles[1 - _TITLES :], self.title]

    def pop_title(self) -> None:
        """The title that was kept last."""
        if self._titles:
            self.title = self._titles.pop()

    def _write_cells(self, cells: str) -> None:
        if self.autowrap and not self.insert:
            self._write_wrapping(cells)
        else:
            for cell in _CELL.findall(cells):
                self._write_cell(cell)

    def _write_wrapping(self, cells: str) -> None:
        start = 0
        length = len(cells)
        while start < length:
            room = self.columns - self.x
            if room <= 0:
                self.mark_wrapped(self.y)
                self.line_feed()
                self.x = 0
                continue
            piece = cells[start : start + room]
            start += len(piece)
            if start < length and cells[start] == PAD:
                if len(piece) > 1:
                    self.put(self.x, self.y, piece[:-1])
                self.fill(self.y)
                start -= 1
            else:
                self.put(self.x, self.y, piece)
            self.x += len(piece)

    def _write_cell(self, cell: str) -> None:
        """One character in insert mode or without automatic wrapping."""
        width = len(cell)
        if self.insert and self.x < self.columns:
            self.insert_cells(self.x, self.y, " " * width)
        if self.autowrap:
            if self.x > self.columns - width:
                self.mark_wrapped(self.y)
                self.line_feed()
                self.x = 0
        elif self.x > self.columns - width:
            return
        self.put(self.x, self.y, cell)
        self.x = min(self.x + width, self.columns if self.autowrap else self.columns - 1)

    def _write_combining(self, cells: str) -> None:
        """Cells among which are characters that combine with the one to the left of the cursor."""
        for found in _CELL_OR_MARK.finditer(cells):
            if found[1] is not None:
                self._combine(found[1])
            elif self._joins():
                self._combine(found[0][0])
            else:
                self._write_cells(found[0])

    def _combine(self, mark: str) -> None:
        x = self.x - 1
        row = self.rows[self.y]
        wide = 0 < x < len(row) and row[x] == PAD
        if wide:
            x -= 1
        if x >= 0 and (wide or mark != ZERO_WIDTH_JOINER):
            row = row.ljust(x + 1)
            self.rows[self.y] = row[:x] + self.clusters.combine(row[x], mark) + row[x + 1 :]

    def _joins(self) -> bool:
        """Whether the character to the left of the cursor ends in a joiner, so that the next belongs to it."""
        row = self.rows[self.y]
        x = self.x - 1
        if row.isascii() or not 0 <= x < len(row):
            return False
        return self.clusters.ends_in_joiner(row[x - 1] if row[x] == PAD and x else row[x])

    def line_feed(self) -> None:
        """Down one row; the scroll region moves up at its end."""
        if self.y == self.bottom:
            self.scroll_up()
        elif self.y < self.height - 1:
            self.y += 1

    def reset_modes(self) -> None:
        """Modes, character sets and the saved cursor as after a reset."""
        self.insert = False
        self.autowrap = True
        self.origin = False
        self.graphics = [False, False]
        self.shifted = 0
        self.saved_cursor = (0, 0, False, (False, False), 0)
        self.update_plain()

    def update_plain(self) -> None:
        """To be called when a mode was changed: `plain` is whether text is written as it is."""
        self.plain = self.autowrap and not self.insert and not self.graphics[self.shifted]

    def reset_tabs(self, columns: int = 0) -> None:
        """A tab stop at every eighth column."""
        self.tabs = set(range(8, columns or self.columns, 8))
