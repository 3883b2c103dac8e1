"""The terminal of the person who watches: taken over for playing, given back as it was."""

import os
import select
import sys
import termios
from types import TracebackType
from typing import Self

from auditor.player.painter import HIDE_CURSOR, SHOW_CURSOR
from recorder.capture.terminal import CC, IFLAG, LFLAG, size

_TAKE = "\x1b[?1049h\x1b[?7l" + HIDE_CURSOR
"""The alternate screen, so that what stood there comes back; no automatic wrapping, as every row is placed."""

_GIVE_BACK = "\x1b[0m\x1b[?7h" + SHOW_CURSOR + "\x1b[?1049l"


class AuditorTerminal:
    """Used as a context: inside, keys arrive one by one and unseen, and the alternate screen is shown.

    `keys` is None where there is no keyboard. With `persist` keys send no signals. Both descriptors stay open.
    """

    def __init__(self, output: int, keys: int | None, *, persist: bool = False) -> None:
        self.keys = keys
        self._output = output
        self._persist = persist
        self._original = termios.tcgetattr(keys) if keys is not None else None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def take(self) -> None:
        """Begin, or begin again after a stop."""
        if self.keys is not None and self._original is not None:
            attributes = [*self._original[:CC], list(self._original[CC])]
            attributes[IFLAG] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP | termios.IXON)
            attributes[LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
            if self._persist:
                attributes[LFLAG] &= ~termios.ISIG
            attributes[CC][termios.VMIN] = 1
            attributes[CC][termios.VTIME] = 0
            termios.tcsetattr(self.keys, termios.TCSADRAIN, attributes)
        self.write(_TAKE)

    def give_back(self) -> None:
        """Restore everything, also where writing is not possible any more."""
        try:
            self.write(_GIVE_BACK)
        except OSError:
            pass
        if self.keys is not None and self._original is not None:
            try:
                termios.tcsetattr(self.keys, termios.TCSADRAIN, self._original)
            except termios.error:
                pass  # hung up: there is no terminal to restore

    def size(self) -> tuple[int, int]:
        """Columns and rows, at least one each; 80x24 where the terminal does not know."""
        columns, rows = size(self._output)
        return columns or 80, rows or 24

    def write(self, text: str, encoding: str = "utf-8") -> None:
        """Everything, however slow the terminal is. Raises OSError when it is gone."""
        data = memoryview(text.encode(encoding, "replace"))
        while data:
            try:
                data = data[os.write(self._output, data) :]
            except BlockingIOError:
                # Whoever shares the terminal with us may have made it non-blocking.
                select.select([], [self._output], [])


def keyboard() -> int | None:
    """Standard input, or where that is something else, the terminal itself; None where there is none."""
    if sys.stdin is not None and os.isatty(sys.stdin.fileno()):
        return sys.stdin.fileno()
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
