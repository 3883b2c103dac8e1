"""A screen that keeps its colours: beside every row of text a row of pens."""

import re

from auditor.player.pens import DEFAULT, changed, ground
from auditor.screen.cells import FILL, WRAP
from auditor.screen.control_functions import CONTROL, CSI, private_mode
from auditor.screen.parser import Parser
from auditor.screen.screen import Screen

_TEXT = "[^\x00-\x1f\x7f-\x9f]"
_SGR = "\x1b\\[([0-9;:]{0,63})m"
_TOKEN = re.compile(
    rf"({_TEXT}++)"
    rf"|{_SGR}"
    r"|(\r\n)"
    r"|\x1b\[([0-9;]{0,63})([@-ln-~])"
    r"|([\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|\x1b\[\?([0-9;]{1,63})([hl])"
    r"|(\x1b)"
)
_RUN, _COLOUR, _NEWLINE, _CSI, _C0, _MODE = 1, 2, 3, 5, 6, 8
_LINES = re.compile(rf"(?:(?:{_TEXT}|{_SGR})*+\r\n)++")
_COLOURS = re.compile(_SGR)


class ColourScreen(Screen):
    """`Screen` with the pen of every cell (`auditor.player.pens`) and whether the cursor is shown.

    `pens[y][x]` belongs to `rows[y][x]`; pens that are missing at the end of a row are DEFAULT. What is erased
    takes the background that is set.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.pen = DEFAULT
        self.ground = DEFAULT
        self.cursor_shown = True
        self._wraps = False
        self._saved_pen = DEFAULT
        self._alternate_pen = DEFAULT
        super().__init__(columns, rows)
        self.pens = [""] * self.height
        self._saved_pens: list[str] = []
        self._parser = _ColourParser(self)

    @property
    def saved_pen(self) -> str:
        """The pen that DECRC brings back."""
        return self._saved_pen

    @property
    def alternate_pen(self) -> str:
        """The pen that leaving the alternate screen brings back."""
        return self._alternate_pen

    def set_pen(self, pen: str) -> None:
        """What is written from now on has this pen."""
        self.pen = pen
        self.ground = ground(pen)

    def save_pen(self) -> None:
        """With the cursor: DECSC keeps the pen too."""
        self._saved_pen = self.pen

    def restore_pen(self) -> None:
        """With the cursor, DECRC."""
        self.set_pen(self._saved_pen)

    def put(self, x: int, y: int, cells: str) -> None:
        """See Grid."""
        super().put(x, y, cells)
        if self.pen != DEFAULT or self.pens[y]:
            self._dye(x, y, self.pen * len(cells))

    def insert_cells(self, x: int, y: int, cells: str) -> None:
        """See Grid."""
        super().insert_cells(x, y, cells)
        pens = self.pens[y].ljust(x, DEFAULT)
        self.pens[y] = (pens[:x] + self.ground * len(cells) + pens[x:])[: self.columns].rstrip(DEFAULT)

    def delete_cells(self, x: int, y: int, count: int) -> None:
        """See Grid."""
        super().delete_cells(x, y, count)
        if self.pens[y] or self.ground != DEFAULT:
            pens = self.pens[y].ljust(self.columns, DEFAULT)
            self.pens[y] = (pens[:x] + pens[x + count :]).ljust(self.columns, self.ground).rstrip(DEFAULT)

    def erase_cells(self, x: int, y: int, count: int) -> None:
        """See Grid."""
        super().erase_cells(x, y, count)
        self._dye(x, y, self.ground * min(count, self.columns - x))

    def erase_rest(self, x: int, y: int) -> None:
        """See Grid."""
        super().erase_rest(x, y)
        self._dye(x, y, self.ground * (self.columns - x))

    def erase_rows(self, first: int, last: int) -> None:
        """See Grid."""
        super().erase_rows(first, last)
        if first <= last:
            self.pens[first : last + 1] = self._blank(last + 1 - first)

    def insert_rows(self, y: int, bottom: int, count: int) -> None:
        """See Grid."""
        super().insert_rows(y, bottom, count)
        count = min(count, bottom + 1 - y)
        del self.pens[bottom + 1 - count : bottom + 1]
        self.pens[y:y] = self._blank(count)

    def delete_rows(self, y: int, bottom: int, count: int) -> None:
        """See Grid."""
        super().delete_rows(y, bottom, count)
        self._delete_pens(y, bottom, count)

    def scroll_up(self, count: int = 1) -> None:
        """See Grid."""
        super().scroll_up(count)
        self._delete_pens(self.top, self.bottom, count)

    def mark_wrapped(self, y: int) -> None:
        """See Grid. The row that automatic wrapping brings in at the bottom has no colour, as in tmux."""
        super().mark_wrapped(y)
        self._wraps = True

    def line_feed(self) -> None:
        """See Screen."""
        wraps, self._wraps = self._wraps, False
        coloured, self.ground = self.ground, DEFAULT if wraps else self.ground
        super().line_feed()
        self.ground = coloured

    def resize_rows(self, height: int) -> None:
        """See Grid."""
        excess = self.height - height
        if excess > 0:
            below = min(excess, self.height - 1 - self.y)
            del self.pens[self.height - below :]
            del self.pens[: excess - below]
        else:
            self.pens += [""] * -excess
        super().resize_rows(height)

    def reflow(self, columns: int) -> None:
        """See Grid: the pens go with their characters."""
        old, self.columns = self.columns, columns
        rows: list[str] = []
        start = 0
        for y, row in enumerate(self.rows):
            if not row.endswith(WRAP) or y + 1 == self.height:
                rows += self._rewrapped(start, y + 1, old)
                start = y + 1
        self.columns = old
        super().reflow(columns)
        surplus = max(0, len(rows) - self.height)
        self.pens = rows[surplus:] + [""] * (self.height - len(rows))

    def resize(self, columns: int, rows: int) -> None:
        """See Screen."""
        super().resize(columns, rows)
        self.pens = [row[: self.columns] for row in self.pens]

    def show_alternate(self, on: bool, *, with_cursor: bool) -> None:
        """See Screen; the pens of the main screen come back with it."""
        was = self.alternate
        size, before = (self.columns, self.height), self._saved_size
        if was and not on and size != before:
            self.resize(*before)
        super().show_alternate(on, with_cursor=with_cursor)
        if on and not was:
            self._saved_pens, self.pens = self.pens, [""] * self.height
        elif was and not on:
            self.pens, self._saved_pens = self._saved_pens, []
            if size != before:
                self.resize(*size)
                self.x, self.y = min(self.x, self.columns - 1), min(self.y, self.height - 1)
        if on and not was:
            self._alternate_pen = self.pen
        elif not on and with_cursor and self.alternate_cursor is not None:
            self.set_pen(self._alternate_pen)

    def reset_modes(self) -> None:
        """See Screen."""
        super().reset_modes()
        self.set_pen(DEFAULT)
        self.save_pen()
        self.cursor_shown = True

    def private_modes(self, parameters: str, on: bool) -> None:
        """DECSET and DECRST of several modes."""
        for parameter in parameters.split(";"):
            if parameter == "25":
                self.cursor_shown = on
            else:
                private_mode(self, parameter, on)

    def _tokens(self, text: str, position: int) -> int:
        """See Screen: the same, with colour changes as tokens of their own."""
        looked = position
        for token in _TOKEN.finditer(text, position):
            kind = token.lastindex
            if kind == _COLOUR:
                self.set_pen(changed(self.pen, token[2]))
                self.last = ""
                continue
            if kind == _RUN:
                run = token[1]
                end = self.x + len(run)
                if self.plain and end <= self.columns and run.isascii() and self.rows[self.y].isascii():
                    self.put(self.x, self.y, run)
                    self.x = end
                    self.last = run[-1]
                else:
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
                if final in "su":
                    (self.save_pen if final == "s" else self.restore_pen)()
            elif kind == _NEWLINE:
                self.x = 0
                scrolls = self.y == self.bottom
                self.line_feed()
                if scrolls and token.end() >= looked and self._scrolls_whole():
                    skipped, looked = self._skip(text, token.end())
                    if skipped > token.end():
                        return skipped
            elif kind == _C0:
                control = CONTROL.get(token[6])
                if control is not None:
                    control(self)
            elif kind == _MODE:
                self.private_modes(token[7], token[8] == "h")
            else:
                self.last = last
                return self._parser.resume(text, token.start())
        return len(text)

    def _scrolls_whole(self) -> bool:
        return self.top == 0 and self.bottom == self.height - 1 and self.plain

    def _skip(self, text: str, position: int) -> tuple[int, int]:
        """Passes over lines that later ones push off the screen, keeping their colour changes.

        Only to be used with the cursor at the beginning of the last row and the whole screen scrolling. Gives where
        to go on, and up to where there are only such lines: before that, to look again is of no use.
        """
        lines = _LINES.match(text, position)
        if lines is None:
            return position, position
        cut = lines.end()
        for _ in range(self.height + 1):
            cut = text.rfind("\r\n", position, cut)
            if cut < 0:
                return position, lines.end()
        cut += 2
        pen = self.pen
        # Whatever was set before the last full reset does not matter any more.
        for colour in _COLOURS.finditer(text, max(position, text.rfind("\x1b[0m", position, cut)), cut):
            pen = changed(pen, colour[1])
        self.set_pen(pen)
        return cut, lines.end()

    def _dye(self, x: int, y: int, pens: str) -> None:
        row = self.pens[y]
        if len(row) < x:
            row = row.ljust(x, DEFAULT)
        self.pens[y] = (row[:x] + pens + row[x + len(pens) :]).rstrip(DEFAULT)

    def _blank(self, count: int) -> list[str]:
        return ["" if self.ground == DEFAULT else self.ground * self.columns] * count

    def _delete_pens(self, y: int, bottom: int, count: int) -> None:
        count = min(count, bottom + 1 - y)
        del self.pens[y : y + count]
        self.pens[bottom + 1 - count : bottom + 1 - count] = self._blank(count)

    def _rewrapped(self, first: int, last: int, old: int) -> list[str]:
        """The pens of a logical line, rows `first` to `last`, wrapped as its text will be."""
        text, pens = "", ""
        for y in range(first, last):
            part = self.rows[y][:old].removesuffix(FILL)
            text += part
            # Only the last row of a logical line can be coloured behind its text.
            pens += self.pens[y][: len(part)].ljust(len(part), DEFAULT) if y + 1 < last else self.pens[y]
        rows = []
        start = 0
        for piece in self.pieces(text):
            length = len(piece.rstrip(WRAP).removesuffix(FILL))
            rows.append(pens[start : start + length].rstrip(DEFAULT))
            start += length
        rows[-1] = pens[start - length :][: self.columns]
        return rows


class _ColourParser(Parser):
    """Catches what concerns the pen and the cursor's visibility in sequences that come in pieces."""

    def __init__(self, screen: ColourScreen) -> None:
        super().__init__(screen)
        self._colours = screen

    def _execute(self, final: str) -> None:
        parameters = self._parameters
        plain = not (self._discard or self._intermediates or self._prefix)
        if final == "m" and plain:
            self._colours.last = ""
            self._colours.set_pen(changed(self._colours.pen, parameters))
        elif self._prefix == "?" and final in "hl" and not (self._discard or self._intermediates):
            self._colours.last = ""
            if ":" not in parameters and self.sane(parameters) and parameters:
                self._colours.private_modes(parameters, final == "h")
        else:
            super()._execute(final)
            if plain and final in "su" and ":" not in parameters and self.sane(parameters):
                (self._colours.save_pen if final == "s" else self._colours.restore_pen)()

    def _read_escape(self, char: str) -> None:
        sequence = self._intermediates + char
        super()._read_escape(char)
        if self._discard:
            return
        if sequence in ("7", "8"):
            (self._colours.save_pen if char == "7" else self._colours.restore_pen)()
        elif sequence == "#8":
            self._colours.pens = [""] * self._colours.height
