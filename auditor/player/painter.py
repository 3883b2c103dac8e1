"""From frame to frame on the auditor's terminal with as little output as possible."""

from auditor.player.frame import Frame

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Synchronised output: a terminal that knows it shows the change at once, others ignore it."""

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Painter:
    """Knows what the terminal shows. Begins, and after `forget`, by clearing it."""

    def __init__(self) -> None:
        self._rows: list[str] | None = None
        self._cursor: tuple[int, int] | None = None

    def forget(self) -> None:
        """The terminal may show anything: another size, another program, a stop and a continuation."""
        self._rows = None

    def paint(self, frame: Frame) -> str:
        """What to write so that the terminal shows the frame; empty where it does."""
        parts: list[str] = []
        before = self._rows
        if before is None or len(before) != len(frame.rows):
            parts.append("\x1b[0m\x1b[2J")
            before = [""] * len(frame.rows)
        for number, (old, new) in enumerate(zip(before, frame.rows, strict=True), 1):
            if old != new:
                # Erased first: after writing the last column, erasing would take away its character.
                parts.append(f"\x1b[{number};1H\x1b[0m\x1b[K{new}\x1b[0m")
        if not parts and frame.cursor == self._cursor:
            return ""
        self._rows, self._cursor = frame.rows, frame.cursor
        if frame.cursor is None:
            return _BEGIN + HIDE_CURSOR + "".join(parts) + _END
        x, y = frame.cursor
        return _BEGIN + HIDE_CURSOR + "".join(parts) + f"\x1b[{y + 1};{x + 1}H" + SHOW_CURSOR + _END
