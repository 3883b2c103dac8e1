"""Playing a recording on the auditor's terminal: the loop that reads keys, moves time on and paints."""

import os
import select
import signal
import time

from auditor.output.printable import printable
from auditor.player.auditor_terminal import AuditorTerminal
from auditor.player.controls import Controls, StatusLine
from auditor.player.event_marks import MARKS, time_line
from auditor.player.frame import Frame, bar, listed, recorded, whole_screen, width
from auditor.player.key_reader import KeyReader
from auditor.player.keys import help_lines
from auditor.player.layout import arranged, with_log
from auditor.player.loader import Loader
from auditor.player.painter import Painter
from auditor.player.playback import Playback
from auditor.player.replay import Replay
from auditor.player.signals import ENDING, Signals
from auditor.player.status import status_line
from recorder.formats.message import Input

_SLICE = 0.02
"""Seconds of work between two looks at the keyboard."""

_FRAME = 1 / 60
"""Seconds from one painting to the next at the least."""

_CLOCK = 0.2
"""Seconds after which the time in the status line is looked at again."""

_POLL = 0.1
"""Seconds between two looks for more of a running recording."""

_ESCAPE = 0.05
"""Seconds after which an ESC is the key and not the beginning of another one."""

_ATTENTION = 2.0
"""Seconds that the status line stays after a key, where it covers a row of the recording."""

_ROOM = 4
"""Rows from which on there is one for the time line."""

_INPUT_SHOWN = 40
"""Characters of input shown in the status line."""


class Player:
    """One showing. `encoding` is the terminal's character set."""

    def __init__(
        self,
        loader: Loader,
        playback: Playback,
        controls: Controls,
        terminal: AuditorTerminal,
        *,
        encoding: str = "utf-8",
        stay: bool = False,
    ) -> None:
        self._loader = loader
        self._playback = playback
        self._controls = controls
        self._terminal = terminal
        self._encoding = encoding
        self._stay = stay
        self._replay = Replay(loader.timeline)
        self._painter = Painter()
        self._reader = KeyReader()
        self._size = terminal.size()
        self._attention = 0.0
        self._painted = 0.0
        self._polled = 0.0
        self._input = (-1, "")

    def run(self) -> int | None:
        """Play until the end, the key q or a signal, whose number is given back.

        Raises PlayError where the recording is damaged, and OSError when the terminal is gone.
        """
        with Signals() as signals:
            with self._terminal:
                ended_by = self._loop(signals)
            self._leave_screen()
        if ended_by is None and not self._controls.quit and self._loader.error is not None:
            raise self._loader.error
        return ended_by

    def _loop(self, signals: Signals) -> int | None:
        timeout = 0.0
        while True:
            self._read_keys(signals.wake, timeout)
            for number in signals.take():
                if number in ENDING:
                    return number
                self._on_signal(signals, number)
            if self._controls.quit:
                return None
            busy = self._load()
            self._playback.tick(time.monotonic())
            wanted = self._controls.pending or self._controls.log is not None
            if wanted and not busy and not self._controls.index.complete:
                self._controls.index.work(_SLICE)
                busy = not self._controls.index.complete
            self._controls.settle()
            reached = self._replay.advance(self._playback.shown, _SLICE)
            now = time.monotonic()
            finished = reached and self._playback.finished and not self._controls.pending and self._is_over()
            if finished or now - self._painted >= _FRAME:
                self._painted = now
                self._paint(now)
            if finished:
                return None
            timeout = 0.0 if busy or not reached or self._playback.seeking else self._timeout(now)

    def _read_keys(self, wake: int, timeout: float) -> None:
        keys = self._terminal.keys
        ready, _, _ = select.select([wake] if keys is None else [wake, keys], [], [], timeout)
        pressed: list[str] = []
        if keys is not None and keys in ready:
            data = os.read(keys, 4096)
            if not data:
                self._terminal.keys = None  # the keyboard is gone, the showing goes on
            pressed = self._reader.feed(data)
        elif self._reader.waiting and not ready:
            pressed = self._reader.flush()
        for key in pressed:
            # With the time of the key: a pause is where it was pressed.
            self._playback.tick(time.monotonic())
            self._controls.press(key)
            self._attention = time.monotonic() + _ATTENTION

    def _on_signal(self, signals: Signals, number: int) -> None:
        if number == signal.SIGTSTP:
            self._terminal.give_back()
            signals.stop()
        if number in (signal.SIGTSTP, signal.SIGCONT):
            self._terminal.take()
            self._playback.resume_clock(time.monotonic())
        self._size = self._terminal.size()
        self._painter.forget()

    def _load(self) -> bool:
        """Read on; whether there may be more at once."""
        timeline = self._loader.timeline
        now = time.monotonic()
        if timeline.ended or (timeline.complete and now - self._polled < _POLL):
            return False
        self._polled = now
        return self._loader.load()

    def _is_over(self) -> bool:
        """At the end, and not even half a line is left to show."""
        before = len(self._loader.timeline)
        self._loader.finish()
        if len(self._loader.timeline) > before:
            return False
        if self._stay:
            self._playback.paused = True
            self._stay = False
            return False
        return True

    def _timeout(self, now: float) -> float:
        waits = [_CLOCK if self._status_shown(now) or self._attention else 1.0]
        wake = self._playback.wake()
        if wake is not None:
            waits.append(max(wake, _FRAME - (now - self._painted)))
        if self._reader.waiting:
            waits.append(_ESCAPE)
        if not self._loader.timeline.ended:
            waits.append(_POLL)
        return max(0.0, min(waits))

    def _paint(self, now: float) -> None:
        if self._controls.redraw:
            self._controls.redraw = False
            self._painter.forget()
        text = self._painter.paint(self._frame(now))
        if text:
            self._terminal.write(text, self._encoding)

    def _frame(self, now: float) -> Frame:
        columns, rows = self._size
        controls = self._controls
        if not self._status_shown(now):
            return self._view(columns, rows)
        above = max(1, rows - 1)
        if controls.menu is not None:
            lines, chosen = controls.menu.lines(max(1, above - 1))
            frame = listed(
                "Commands: arrows or a number, ENTER goes there, ESC leaves", lines, chosen, columns, above
            )
        elif controls.help:
            frame = listed("Keys: any key leaves", help_lines(), None, columns, above)
        else:
            frame = self._view(columns, above)
        if rows == 1:
            return Frame([bar(self._status(columns), columns)], None)
        cursor = frame.cursor
        if controls.prompt is not None:
            cursor = min(width(controls.prompt) + 1, columns - 1), rows - 1
        return Frame([*frame.rows, bar(self._status(columns), columns)], cursor)

    def _view(self, columns: int, rows: int) -> Frame:
        """The recorded screen; with the event log and the time line, where they are wanted or cover nothing."""
        screen, log = self._replay.screen, self._controls.log
        marked = rows >= _ROOM and (log is not None or (rows > screen.height and self._is_marked()))
        line = time_line(self._loader.timeline, self._playback.position, columns) if marked else None
        rows -= marked
        if log is None:
            frame = recorded(screen, columns, rows, self._controls.query)
            return Frame([*frame.rows, *([line] if line else [])], frame.cursor)
        layout = arranged(columns, rows, (screen.columns, screen.height))
        frame = recorded(screen, *layout.view, self._controls.query) if layout.view[1] else Frame([], None)
        return with_log(frame, log, self._playback.position, layout, line)

    def _is_marked(self) -> bool:
        return any(kind in MARKS for kind in self._loader.timeline.event_kinds)

    def _status(self, columns: int) -> str:
        return status_line(self._controls, self._remarks(columns), columns)

    def _status_shown(self, now: float) -> bool:
        """Always outside of the recorded rows, and over or instead of one of them only when it is wanted."""
        controls = self._controls
        if controls.prompt is not None or controls.menu is not None or controls.help or controls.log is not None:
            return True
        if controls.status_line is not StatusLine.AUTO:
            return controls.status_line is StatusLine.ALWAYS
        fits = self._size[1] > self._replay.screen.height
        wanted = self._playback.paused or controls.pending or self._playback.seeking or bool(controls.typed.text)
        return fits or wanted or now < self._attention

    def _remarks(self, columns: int) -> list[str]:
        screen, loader = self._replay.screen, self._loader
        remarks: list[str] = []
        if self._controls.input_view:
            remarks.append(f"typed: {self._typed()}")
        if screen.columns > self._size[0] or screen.height > self._size[1]:
            remarks.append(f"recorded {screen.columns}x{screen.height}, only a part fits here")
        if loader.error is not None:
            remarks.append(str(loader.error))
        elif loader.skipped:
            remarks.append(f"{loader.skipped} lines were left out")
        if screen.title:
            remarks.append(screen.title)
        return [*remarks, "? shows the keys"]

    def _typed(self) -> str:
        """The end of what was typed up to here."""
        shown = self._playback.shown
        if self._input[0] != shown:
            data = b""
            timeline = self._loader.timeline
            index = shown if timeline.has_input else 0
            while index and len(data) < _INPUT_SHOWN:
                index -= 1
                packet = timeline.packet(index)
                if isinstance(packet, Input):
                    data = packet.data + data
            text = printable(data.decode("utf-8", "replace"))
            self._input = (shown, text[-_INPUT_SHOWN:])
        return self._input[1]

    def _leave_screen(self) -> None:
        """What was shown last stays on the terminal, as tlog-play leaves it."""
        try:
            rows = whole_screen(self._replay.screen, self._size[0])
            self._terminal.write("".join(row + "\r\n" for row in rows), self._encoding)
        except OSError:
            pass  # hung up
