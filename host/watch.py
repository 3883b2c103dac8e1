"""A session's screen on the terminal of who watches it, as it is now; or its bytes, where there is no terminal.

Nothing that the session prints reaches a terminal as it is: it goes to a screen of our own, of which text and colours
are shown.
"""

import codecs
import os
import select
import time
from collections.abc import Callable

from auditor.output.printable import printable
from auditor.player.auditor_terminal import AuditorTerminal
from auditor.player.colour_screen import ColourScreen
from auditor.player.frame import Frame, bar, recorded, whole_screen
from auditor.player.key_reader import KeyReader
from auditor.player.painter import Painter
from auditor.player.signals import ENDING, Signals
from auditor.transcript import STRING_TIMEOUT
from sssd_responder.sessions.session_control import Watched

PACKET = 64 * 1024
"""Bytes of a packet, at most."""
FRAME = 1 / 60
"""Seconds from one painting to the next at the least."""
SLICE = 0.02
"""Seconds of work between two looks at the keyboard."""
ASK = 2.0
"""Seconds after which the session is asked whether it is suspended."""
ATTENTION = 3.0
"""Seconds that the status line stays, at the beginning and after a key, where it covers a row of the session."""

LEAVE = ("q", "CTRL-C")


class Watching:
    """One showing. `title` says what is watched; `state` asks for the session's state."""

    def __init__(
        self, watched: Watched, terminal: AuditorTerminal, title: str, state: Callable[[], str], *, encoding: str
    ) -> None:
        self.over = False
        """Whether the session has ended, or let go of us."""
        self._watched = watched
        self._terminal = terminal
        self._title = title
        self._ask = state
        self._encoding = encoding
        self._state = watched.state
        self._screen = ColourScreen(watched.columns, watched.rows)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._string_since: float | None = None
        self._painter = Painter()
        self._reader = KeyReader()
        self._size = terminal.size()
        self._painted = 0.0
        self._asked = time.monotonic()
        self._attention = self._asked + ATTENTION

    def run(self) -> int | None:
        """Show it until it ends, a key of LEAVE or a signal, whose number is given back. Raises OSError."""
        watched = self._watched.socket
        watched.setblocking(False)
        with Signals() as signals:
            with self._terminal:
                ended_by = self._loop(signals)
            try:
                rows = whole_screen(self._screen, self._size[0])
                self._terminal.write("".join(row + "\r\n" for row in rows), self._encoding)
            except OSError:
                pass  # hung up
        return ended_by

    def _loop(self, signals: Signals) -> int | None:
        timeout = 0.0
        while not self.over:
            keys = self._terminal.keys
            waited = [self._watched.socket.fileno(), signals.wake, *([] if keys is None else [keys])]
            ready, _, _ = select.select(waited, [], [], timeout)
            if keys is not None and keys in ready and self._leaves(keys):
                return None
            for number in signals.take():
                if number in ENDING:
                    return number
                self._size = self._terminal.size()
                self._painter.forget()
            more = self._read()
            now = time.monotonic()
            if now - self._asked >= ASK:
                self._asked, self._state = now, self._ask()
            due = self._painted + FRAME - now
            if due <= 0 or self.over:
                self._paint(now)
                due = ASK / 2
            timeout = 0.0 if more else max(0.0, due)
        return None

    def _leaves(self, keys: int) -> bool:
        data = os.read(keys, 4096)
        if not data:
            self._terminal.keys = None  # the keyboard is gone, the showing goes on
        self._attention = time.monotonic() + ATTENTION
        pressed = self._reader.feed(data)
        if "CTRL-L" in pressed:
            self._painter.forget()
        return any(key in LEAVE for key in pressed)

    def _read(self) -> bool:
        """What has come, for a moment; whether there may be more at once."""
        end = time.monotonic() + SLICE
        while time.monotonic() < end:
            try:
                packet = self._watched.socket.recv(PACKET)
            except BlockingIOError:
                return False
            except ConnectionResetError:
                packet = b""
            if not packet:
                self.over = True
                return False
            self._take(packet)
        return True

    def _take(self, packet: bytes) -> None:
        if packet[:1] == b"r":
            columns, _, rows = packet[1:].partition(b"x")
            if columns.isdigit() and rows.isdigit():
                self._screen.resize(int(columns[:9]), int(rows[:9]))
        elif packet[:1] == b"o":
            now = time.monotonic()
            if self._string_since is not None and (now - self._string_since) * 1000 >= STRING_TIMEOUT:
                # Nobody ends it any more: text would be hidden for ever.
                self._screen.abandon_string()
            self._screen.feed(self._decoder.decode(packet[1:]))
            if not self._screen.in_string:
                self._string_since = None
            elif self._string_since is None:
                self._string_since = now

    def _paint(self, now: float) -> None:
        self._painted = now
        text = self._painter.paint(self._frame(now))
        if text:
            self._terminal.write(text, self._encoding)

    def _frame(self, now: float) -> Frame:
        columns, rows = self._size
        covers = rows <= self._screen.height
        if rows == 1 or (covers and now >= self._attention and self._state == "running"):
            return recorded(self._screen, columns, rows)
        frame = recorded(self._screen, columns, rows - 1)
        return Frame([*frame.rows, bar(self._status(), columns)], frame.cursor)

    def _status(self) -> str:
        parts = [self._state, self._title]
        if self._screen.columns > self._size[0] or self._screen.height > self._size[1]:
            parts.append(f"{self._screen.columns}x{self._screen.height}, only a part fits here")
        return "  ".join([*parts, *([printable(self._screen.title)] if self._screen.title else []), "q leaves"])


def write_output(watched: Watched, output: int) -> None:
    """The exact bytes that the session prints, to a descriptor, until it ends. Raises OSError."""
    while packet := watched.socket.recv(PACKET):
        left = memoryview(packet)[1:] if packet[:1] == b"o" else memoryview(b"")
        while left:
            left = left[os.write(output, left) :]
