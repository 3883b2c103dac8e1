"""Where on the auditor's terminal the recorded screen, the event log and the time line are."""

from typing import NamedTuple

from auditor.player.event_log import EventLog
from auditor.player.frame import Frame, bar, fitted

NARROWEST = 32
"""Columns beside the recorded screen below which the log is put under it."""

WIDEST = 100
"""Columns of a log beside it at the most: wider, lines of it are hard to follow."""

LOWEST = 8
"""Rows below which there is no room for both: the log takes the place of the recorded screen."""

_PLAIN = "\x1b[0m"


class Layout(NamedTuple):
    """Columns and rows of the recorded screen and of the log; `beside`: the log is at its right, else below it."""

    view: tuple[int, int]
    log: tuple[int, int]
    beside: bool


def arranged(columns: int, rows: int, screen: tuple[int, int]) -> Layout:
    """A log on a terminal of this size (without status line and time line), for a recorded screen of `screen`."""
    spare = columns - screen[0]
    if spare >= NARROWEST:
        width = min(spare, WIDEST)
        return Layout((columns - width, rows), (width, rows), True)
    if rows < LOWEST:
        return Layout((columns, 0), (columns, rows), False)
    height = min(max(rows - screen[1], rows // 3), rows - 1)
    return Layout((columns, rows - height), (columns, height), False)


def with_log(frame: Frame, log: EventLog, position: float, layout: Layout, between: str | None) -> Frame:
    """A frame of the recorded screen as large as the layout wants it, with the log; `between` is a row that stands
    under both, or between them where one is below the other."""
    width, height = layout.log
    lines, current = log.lines(height, position)
    entries = [
        bar(line, width - layout.beside) if number == current else fitted(line, width - layout.beside)
        for number, line in enumerate(lines)
    ]
    entries += [""] * (height - len(entries))
    middle = [] if between is None else [between]
    if not layout.beside:
        return Frame([*frame.rows, *middle, *entries], frame.cursor if layout.view[1] else None)
    column = layout.view[0] + 1
    rows = [f"{row}{_PLAIN}\x1b[{column}G|{entry}" for row, entry in zip(frame.rows, entries, strict=True)]
    return Frame([*rows, *middle], frame.cursor)
