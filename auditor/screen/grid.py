"""The rows of a screen, and what can be done to them: write, erase, insert, delete, scroll, reflow."""

from collections.abc import Iterator

from auditor.screen.cells import FILL, PAD, WRAP, Clusters

MAX_COLUMNS = 2048
MAX_ROWS = 512
"""A larger terminal is treated as one of this size: a recording that claims 65,535 x 65,535 must not make its reader
hold four billion cells. The largest display has a third of these columns with the smallest letters."""

DEFAULT_SIZE = (80, 24)
"""Of a terminal whose size is not known, which is recorded as 0."""


class Grid:
    """Rows as described in `auditor.screen.cells`, the scroll region `top` to `bottom`, and the cursor.

    The cursor's column equals `columns` after the last column was written: the next character wraps.
    `scrolled`, where it is a list, receives the rows that leave at the top.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.height = bounded(columns, rows)
        self.rows = [""] * self.height
        self.saved_rows: list[str] = []
        self.scrolled: list[str] | None = None
        self.clusters = Clusters(self._all_rows)
        self.top = 0
        self.bottom = self.height - 1
        self.x = 0
        self.y = 0

    def put(self, x: int, y: int, cells: str) -> None:
        """Writes cells, which must fit, over those that are there."""
        row = self.rows[y]
        end = x + len(cells)
        if not row.isascii():
            row = whole(row, x, end)
        length = len(row)
        if x == length:
            self.rows[y] = row + cells
        elif x > length:
            self.rows[y] = row.ljust(x) + cells
        else:
            self.rows[y] = row[:x] + cells + row[end:]

    def insert_cells(self, x: int, y: int, cells: str) -> None:
        """Writes cells and moves those that are there to the right."""
        body, wrapped = self._open(y)
        body = whole(body, x, x).ljust(x)
        self._close(y, whole(body[:x] + cells + body[x:], self.columns, self.columns)[: self.columns], wrapped)

    def delete_cells(self, x: int, y: int, count: int) -> None:
        """Removes cells and moves those behind them to the left."""
        body, wrapped = self._open(y)
        body = whole(body, x, x + count)
        self._close(y, body[:x] + body[x + count :], wrapped)

    def erase_cells(self, x: int, y: int, count: int) -> None:
        """Blanks cells inside a row."""
        if x < len(self.rows[y]):
            self.put(x, y, " " * min(count, self.columns - x))

    def erase_rest(self, x: int, y: int) -> None:
        """Blanks a row from a column to its end; the row then does not go on in the next any more."""
        row = self.rows[y]
        if x < len(row):
            self.rows[y] = row[:x] if row.isascii() else whole(row, x, x)[:x]

    def erase_rows(self, first: int, last: int) -> None:
        """Blanks whole rows. The row above may still go on there: zsh blanks each row before it wraps into it."""
        if first <= last:
            self.rows[first : last + 1] = [""] * (last + 1 - first)

    def insert_rows(self, y: int, bottom: int, count: int) -> None:
        """Blank rows at y; those pushed below the row `bottom` are gone."""
        count = min(count, bottom + 1 - y)
        del self.rows[bottom + 1 - count : bottom + 1]
        self.rows[y:y] = [""] * count
        self._unwrap(y - 1)
        self._unwrap(bottom)

    def delete_rows(self, y: int, bottom: int, count: int) -> None:
        """Removes rows at y; blank ones come in at the row `bottom`."""
        count = min(count, bottom + 1 - y)
        del self.rows[y : y + count]
        self.rows[bottom + 1 - count : bottom + 1 - count] = [""] * count
        self._unwrap(y - 1)
        self._unwrap(bottom - count)

    def scroll_up(self, count: int = 1) -> None:
        """The rows of the scroll region move up; the uppermost are handed to `scrolled`."""
        rows = self.rows
        top, bottom = self.top, self.bottom
        count = min(count, bottom + 1 - top)
        gone = rows[top : top + count]
        del rows[top : top + count]
        rows[bottom + 1 - count : bottom + 1 - count] = [""] * count
        if top:
            self._unwrap(top - 1)
        if self.scrolled is not None:
            if top:
                gone = [row.rstrip(WRAP) for row in gone]
            self.scrolled += gone

    def fill(self, y: int) -> None:
        """A wide character does not fit into the last cell of a row: what stands there stays."""
        row = self.rows[y]
        if len(row) < self.columns:
            self.rows[y] = row.ljust(self.columns - 1) + FILL

    def mark_wrapped(self, y: int) -> None:
        """The text of a full row goes on in the next row."""
        row = self.rows[y]
        if len(row) == self.columns:
            self.rows[y] = row + WRAP

    def pieces(self, line: str) -> Iterator[str]:
        """A line that is longer than a row, as the rows that automatic wrapping makes of it."""
        start = 0
        columns = self.columns
        while len(line) - start > columns:
            end = start + columns
            if line[end] == PAD:
                yield line[start : end - 1] + FILL + WRAP
                start = end - 1
            else:
                yield line[start:end] + WRAP
                start = end
        yield line[start:]

    def resize_rows(self, height: int) -> None:
        """Fewer rows: first those below the cursor go, then those at the top. More rows: blank ones below."""
        excess = self.height - height
        if excess > 0:
            below = min(excess, self.height - 1 - self.y)
            del self.rows[self.height - below :]
            self._leave(excess - below)
            self.y -= excess - below
        else:
            self.rows += [""] * -excess
        self.height = height
        self.top, self.bottom = 0, height - 1

    def reflow(self, columns: int) -> None:
        """Logical lines are wrapped anew to another width; the cursor stays at its character.

        From the last line up, as far as there is room: what leaves at the top leaves as it was wrapped before.
        """
        old, self.columns = self.columns, columns
        end = self.height
        wrapped: list[list[str]] = []
        cursor = None
        leaving: list[str] = []
        while end and sum(map(len, wrapped)) < self.height:
            first = end - 1
            while first and self.rows[first - 1].endswith(WRAP):
                first -= 1
            parts = [part[:old].removesuffix(FILL) for part in self.rows[first:end]]
            index = -1
            if first <= self.y < end:
                above, row = parts[: self.y - first], parts[self.y - first]
                index = sum(map(len, above)) + self.x if self.x < len(row) else sum(map(len, parts))
            line = "".join(parts)
            if columns < 2:
                line = line.replace(PAD, "")
            lead = max(0, len(line) - self.height * columns) // columns * columns
            if lead and line[lead] == PAD:
                lead -= 1
            leaving = [line[:lead] + WRAP] if lead else []
            pieces = list(self.pieces(line[lead:]))
            if index >= lead:
                y, self.x = self._place(pieces, min(index, len(line)) - lead)
                cursor = y - len(pieces) - sum(map(len, wrapped))
            wrapped.append(pieces)
            end = first
        self.rows = self.rows[:end] + leaving + [row for pieces in reversed(wrapped) for row in pieces]
        self._leave(end + len(leaving))
        self.y = -1 if cursor is None else len(self.rows) + cursor
        surplus = len(self.rows) - self.height
        if surplus > 0:
            self._leave(surplus)
            self.y -= surplus
        else:
            self.rows += [""] * -surplus
        if self.y < 0:
            self.x = self.y = 0

    @staticmethod
    def _place(pieces: list[str], index: int) -> tuple[int, int]:
        """Row and column of a character of a line that is wrapped."""
        start = 0
        for y, piece in enumerate(pieces):
            length = len(piece.removesuffix(WRAP).removesuffix(FILL))
            if index < start + length:
                return y, index - start
            start += length
        return len(pieces) - 1, len(pieces[-1])

    def _leave(self, count: int) -> None:
        if self.scrolled is not None:
            self.scrolled += self.rows[:count]
        del self.rows[:count]

    def _open(self, y: int) -> tuple[str, bool]:
        row = self.rows[y]
        return (row[:-1], True) if row.endswith(WRAP) else (row, False)

    def _close(self, y: int, body: str, wrapped: bool) -> None:
        self.rows[y] = body.ljust(self.columns) + WRAP if wrapped else body

    def _unwrap(self, y: int) -> None:
        if y >= 0 and self.rows[y].endswith(WRAP):
            self.rows[y] = self.rows[y][:-1]

    def _all_rows(self) -> Iterator[str]:
        yield from self.rows
        yield from self.saved_rows


def bounded(columns: int, rows: int) -> tuple[int, int]:
    """A size that a screen can have."""
    columns, rows = columns or DEFAULT_SIZE[0], rows or DEFAULT_SIZE[1]
    return max(1, min(columns, MAX_COLUMNS)), max(1, min(rows, MAX_ROWS))


def whole(row: str, x: int, end: int) -> str:
    """The row with wide characters blanked that begin before column x and end in it, or are cut at column `end`."""
    if 0 < x < len(row) and row[x] == PAD:
        row = row[: x - 1] + "  " + row[x + 1 :]
    if end < len(row) and row[end] == PAD:
        row = row[:end] + " " + row[end + 1 :]
        if end > x:
            row = row[: end - 1] + " " + row[end:]
    return row
