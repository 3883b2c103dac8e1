"""Goes through the messages of a recording and keeps its screen, so that one can begin to watch behind any."""

import codecs
import copy
from dataclasses import dataclass
from typing import NamedTuple

from auditor.events.events import OWN
from auditor.player.colour_screen import ColourScreen
from auditor.player.restoring import restoring
from auditor.screen.grid import bounded
from auditor.transcript import STRING_TIMEOUT
from recorder.capture.locale_charset import known_charset
from recorder.formats.message import Input, Message, MessageError, Output, Packet, Resize, parse

_UNTERMINATED = "\x1b\\"
"""Ends a control string (ST): what the terminal of the page would wait for for ever."""


class Piece(NamedTuple):
    """Something that happened `at` ms into the recording. `code` as in asciicast: `o` text that was printed, `i` text
    that was typed, `r` a size as COLUMNSxROWS, `m` an event, of which only the moment is told."""

    at: int
    code: str
    data: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The state of a recording behind the message `last` (0: before the first), `at` ms into it; nothing changes it.

    `exact`: everything from the beginning is in it. Otherwise only what came shortly before, on an empty screen.
    """

    last: int
    at: int
    exact: bool
    screen: ColourScreen
    charset: str
    printed: tuple[bytes, int]
    typed: tuple[bytes, int]
    string_since: int | None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.screen.columns, self.screen.height

    @property
    def init(self) -> str:
        """What brings an empty terminal of that size to this state."""
        return restoring(self.screen)

    @property
    def cells(self) -> int:
        """About how many characters it holds."""
        screen = self.screen
        return sum(map(len, screen.rows)) + sum(map(len, screen.pens)) + sum(map(len, screen.saved_rows)) + 2000


def first_frame(charset: str, columns: int, rows: int, *, last: int = 0, at: int = 0, exact: bool = True) -> Frame:
    """An empty screen."""
    state = (b"", 0)
    return Frame(last, at, exact, ColourScreen(columns, rows), known_charset(charset), state, state, None)


class Walker:
    """Stands behind the message `last`, at `at` ms, and goes on with `take`. Times never run backwards."""

    def __init__(self, frame: Frame) -> None:
        self.last = frame.last
        self.at = frame.at
        self.exact = frame.exact
        self.screen = copy.deepcopy(frame.screen)
        self._string_since = frame.string_since
        self._charset = frame.charset
        self._printed, self._typed = _decoder(frame.charset), _decoder(frame.charset)
        self._printed.setstate(frame.printed)
        self._typed.setstate(frame.typed)

    def frame(self) -> Frame:
        """Where it stands."""
        return Frame(
            self.last,
            self.at,
            self.exact,
            copy.deepcopy(self.screen),
            self._charset,
            self._printed.getstate(),
            self._typed.getstate(),
            self._string_since,
        )

    @property
    def between_sequences(self) -> bool:
        """Whether no control sequence is cut here. In a control string, which may never end, one can begin too."""
        return not self.screen.in_sequence or self.screen.in_string

    def take(self, line: bytes) -> list[Piece]:
        """The next message. What is none, and what was there already, is nothing."""
        try:
            message = parse(line)
        except MessageError:
            return []
        if message.id <= self.last:
            return []
        pieces: list[Piece] = []
        self.last = message.id
        self.at = max(self.at, message.pos)
        self._learn(message)
        action = (message.event or {}).get("action")
        if action is not None and action not in OWN:
            pieces.append(Piece(self.at, "m", ""))
        for packet in message.packets:
            self.at = max(self.at, packet.at)
            self._take(packet, pieces)
        return pieces

    def _learn(self, message: Message) -> None:
        details = message.fields.get("sessrec")
        name = details.get("charset") if isinstance(details, dict) else None
        charset = known_charset(name) if isinstance(name, str) else self._charset
        if charset != self._charset:
            self._charset = charset
            self._printed, self._typed = _decoder(charset), _decoder(charset)

    def _take(self, packet: Packet, pieces: list[Piece]) -> None:
        screen = self.screen
        if isinstance(packet, Resize):
            columns, rows = bounded(packet.columns, packet.rows)
            if (columns, rows) != (screen.columns, screen.height):
                screen.resize(columns, rows)
                pieces.append(Piece(self.at, "r", f"{columns}x{rows}"))
        elif isinstance(packet, Input):
            text = self._typed.decode(packet.data)
            if text:
                pieces.append(Piece(self.at, "i", text))
        elif isinstance(packet, Output):
            text = self._printed.decode(packet.data)
            if self._string_since is not None and self.at - self._string_since >= STRING_TIMEOUT:
                # Nobody ends it any more: text would be hidden for ever.
                screen.abandon_string()
                text = _UNTERMINATED + text
            screen.feed(text)
            if not screen.in_string:
                self._string_since = None
            elif self._string_since is None:
                self._string_since = self.at
            if text:
                pieces.append(Piece(self.at, "o", text))


def _decoder(charset: str) -> codecs.IncrementalDecoder:
    """What cannot be decoded is shown as U+FFFD."""
    return codecs.getincrementaldecoder(charset)("replace")
