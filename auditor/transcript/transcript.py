"""What was seen and what was typed in a session, as lines of text with their times: what a search looks through.

Packets of `recorder.formats.message` go in, in their order; lines come out as soon as they are known. The time of
a printed line is the first at which it stood complete on the screen, so that a player put there shows it; of a
command and of typed text, the time of Enter.
"""

import codecs
from typing import Literal, NamedTuple

from auditor.screen import Mark, Screen
from auditor.transcript.budget import Budget
from auditor.transcript.command_line import PAUSE, CommandLine
from auditor.transcript.entered import Entered
from auditor.transcript.printed import Printed
from recorder.capture.locale_charset import known_charset
from recorder.formats.message import Input, Output, Packet, Resize

LOOK_EVERY = 100
"""Milliseconds of recording between two looks at the screen: what stood there for less was not seen."""

STRING_TIMEOUT = 5_000
"""Milliseconds after which an unfinished control string is given up, as tmux does; text would be hidden for ever."""

_SLICE = 64 * 1024


Kind = Literal["printed", "entered", "command", "exec", "file", "network", "other", "url", "host"]


class Seen(NamedTuple):
    """A line of text. `at`: milliseconds since the recording began.

    `printed`: seen on the screen. `entered`: typed, without its control characters. `command`: what stood on the
    line when Enter was pressed, without the prompt; the lines of a longer command are joined by newlines.

    A transcript gives these three. `exec`, `file`, `network`, `other`: what an event says (`auditor.events.events`).
    `url`, `host`: an address of the web, and a host's name or a name beside an address, that other lines have in them
    (`auditor.events.mentions`).
    """

    kind: Kind
    at: int
    text: str


class Transcript:
    """Reads a recording in the character set that its session used; an unknown one is read as UTF-8.

    Memory is bounded, whatever is recorded: longer lines than 64 Ki characters come in pieces.
    """

    def __init__(self, charset: str = "UTF-8") -> None:
        self._charset = known_charset(charset)
        self._decoder = codecs.getincrementaldecoder(self._charset)(errors="replace")
        self._screen = Screen(0, 0, mark=self._marked)
        self._screen.scrolled = []
        self._budget = Budget()
        self._printed = Printed(self._screen, self._budget)
        self._commands = CommandLine(self._screen, self._budget)
        self._entered: Entered | None = None
        self._size: tuple[int, int] | None = None
        self._terminal = False
        self._at = 0
        self._looked = -LOOK_EVERY
        self._changed = False
        self._string_since: int | None = None

    def feed(self, packet: Packet) -> list[Seen]:
        """The lines that became known by this packet."""
        seen: list[Seen] = []
        if isinstance(packet, Resize):
            self._size = (packet.columns, packet.rows)
            self._terminal = True
        elif isinstance(packet, Input):
            self._commands.typed(packet.data)
            if self._entered is None:
                decoder = codecs.getincrementaldecoder(self._charset)(errors="replace")
                self._entered = Entered(decoder)
            seen += [Seen("entered", *line) for line in self._entered.feed(packet.at, packet.data)]
        elif isinstance(packet, Output):
            self._output(packet, seen)
        self._take_commands(seen)
        return seen

    def finish(self) -> list[Seen]:
        """The lines that were waited for until the recording ended."""
        seen = [Seen("printed", *line) for line in self._printed.finish(self._at)]
        self._commands.finish()
        self._take_commands(seen)
        if self._entered is not None:
            seen += [Seen("entered", *line) for line in self._entered.finish(self._at)]
        return seen

    def _output(self, packet: Output, seen: list[Seen]) -> None:
        now = max(packet.at, self._at)
        if self._changed and now - self._looked >= LOOK_EVERY:
            self._look(seen)
        if now - self._at >= PAUSE:
            self._commands.paused()
        if self._string_since is not None and now - self._string_since >= STRING_TIMEOUT:
            self._screen.abandon_string()
        if self._size is not None:
            self._resize(self._size, seen)
        self._at = now
        self._budget.earn(len(packet.data))
        text = self._decoder.decode(packet.data)
        if not self._terminal:
            # Nothing of what a terminal does to a line end was done to these.
            text = text.replace("\n", "\r\n")
        for start in range(0, len(text), _SLICE):
            self._show(text[start : start + _SLICE])
            if self._printed.full:
                self._look(seen)
        self._commands.printed(len(packet.data))
        if not self._screen.in_string:
            self._string_since = None
        elif self._string_since is None:
            self._string_since = now
        self._changed = True
        if now - self._looked >= LOOK_EVERY:
            self._look(seen)

    def _show(self, text: str) -> None:
        start = 0
        while self._commands.waiting:
            end = text.find("\n", start)
            if end < 0:
                break
            self._screen.feed(text[start:end])
            self._commands.line_feed(self._at, returned=text.endswith("\r\r", start, end))
            self._screen.feed("\n")
            start = end + 1
        self._screen.feed(text[start:])
        self._take_scrolled()

    def _resize(self, size: tuple[int, int], seen: list[Seen]) -> None:
        """Only when output follows: a row of sizes without any would cost work for nothing."""
        if self._changed:
            self._look(seen)
        self._size = None
        self._screen.resize(*size)
        self._take_scrolled()

    def _take_scrolled(self) -> None:
        rows = self._screen.scrolled
        if rows:
            self._screen.scrolled = []
            self._commands.scrolled(rows)
            self._printed.scrolled(self._at, rows)

    def _look(self, seen: list[Seen]) -> None:
        seen += [Seen("printed", *line) for line in self._printed.look(self._at)]
        self._changed = False
        self._looked = self._at

    def _take_commands(self, seen: list[Seen]) -> None:
        if self._commands.commands:
            seen += [Seen("command", *command) for command in self._commands.commands]
            self._commands.commands.clear()

    def _marked(self, mark: Mark) -> None:
        self._commands.marked(mark, self._at)
