"""One recording, watched from any moment: its screen is kept at some points, and shown from the nearest before.

The points are laid while the recording is gone through from its beginning, once, a piece at a time: by `advance`,
which runs in the background while somebody watches (`auditor.web.watching.reels`). That takes about 0.2 s a megabyte
that was printed, 0.5 s of full-screen programs. A moment that lies further on than that has come is shown at once,
from what was printed shortly before it on an empty screen; such a segment says that it is not exact.
"""

import threading
import time
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from auditor.recordings.store import Facts
from auditor.web.watching.walker import Frame, Piece, Walker, first_frame
from recorder.formats.message import MessageError, parse_object

FRAME_BYTES = 256 * 1024
FRAME_MESSAGES = 2000
"""What lies between two points at least."""

MOST_FRAMES = 512
MOST_CELLS = 16 * 1024 * 1024
"""When there are more, or they hold more characters, every other one is given up."""

SEGMENT_BYTES = 192 * 1024
SEGMENT_MESSAGES = 600
"""What a segment has at most, but for its last message."""

IDLE = 10_000
"""Milliseconds without a sign of life from which on a stretch is told as idle."""

MOST_IDLE = 20_000
PATIENCE = 0.35
"""Seconds that somebody waits for an exact screen before he is shown one that may not be."""

NEAR = 2 * 1024 * 1024
"""Bytes that are printed until a moment, which may be reached in that time."""

_LOOSE = 48
_BEFORE_BYTES = 384 * 1024
_BEFORE_MESSAGES = 256
"""What is shown before a moment that is not exact."""


class Lines(Protocol):
    """Where messages come from: a store, or the part of it that exists for a viewer."""

    def lines(self, rec: str, after: int = 0) -> Iterator[list[bytes]]:
        """See `auditor.recordings.store.Store`."""
        ...

    def line(self, rec: str, id: int) -> bytes | None:
        """See `auditor.recordings.store.Store`."""
        ...


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a recording: the screen at its beginning and what happened then, in order, up to the message `last`.

    `final`: behind it there is nothing, or nothing yet.
    """

    begin: Frame
    pieces: list[Piece]
    last: int
    end: int
    exact: bool
    final: bool


class Reel:
    """The recording. Any number of threads may use it; each brings the store that it reads from."""

    def __init__(self, facts: Facts) -> None:
        self.rec = facts.rec
        self.idle: list[tuple[int, int]] = []
        self.used = time.monotonic()
        self._start = first_frame(facts.charset, *_first_size(facts))
        self._missing = facts.missing
        self._frames = [self._start]
        self._loose: OrderedDict[int, Frame] = OrderedDict()
        self._head = Walker(self._start)
        self._head_bytes = self._head_messages = 0
        self._spacing = 1
        self._active = 0
        self._lock = threading.Lock()
        self._loose_lock = threading.Lock()

    def suits(self, facts: Facts) -> bool:
        """Whether what is kept is still true: messages that come late change what came after them."""
        return facts.missing >= self._missing and facts.next_id > self._head.last

    @property
    def reached(self) -> int:
        """Up to which ms everything is exact."""
        return self._head.at

    def behind(self, facts: Facts) -> bool:
        """Whether there is more to go through."""
        return self._head.last < facts.next_id - 1

    def advance(self, lines: Lines, seconds: float, *, until: int | None = None, message: int | None = None) -> bool:
        """Go on for about so long, up to a moment, a message, or the end; True when that is reached."""
        deadline = time.monotonic() + seconds
        with self._lock:
            head = self._head
            for batch in lines.lines(self.rec, head.last):
                for line in batch:
                    if (until is not None and head.at > until) or (message is not None and head.last >= message):
                        return True
                    self._step(line)
                    if time.monotonic() > deadline:
                        return False
        return True

    def at(self, lines: Lines, facts: Facts, moment: int) -> Segment:
        """The segment in which a moment (ms) lies."""
        return self._segment(lines, self._frame_for(lines, facts, moment), moment)

    def behind_message(self, lines: Lines, facts: Facts, last: int) -> Segment:
        """The segment that begins behind a message."""
        with self._loose_lock:
            frame = self._loose.get(last)
        if frame is None and (last <= self._head.last or self.advance(lines, PATIENCE, message=last)):
            with self._lock:
                frame = self._frames[bisect_right(self._frames, last, key=lambda frame: frame.last) - 1]
            walker = Walker(frame)
            if frame.last < last:
                self._walk(lines, walker, last)
                frame = walker.frame()
        if frame is None:
            frame = self._shortly_before(lines, facts, last + 1)
        return self._segment(lines, frame, None)

    def screen_at(self, lines: Lines, facts: Facts, moment: int) -> Frame:
        """The screen at a moment: all that happened up to and with it is on it."""
        walker = Walker(self._frame_for(lines, facts, moment))
        for line in _each(lines, self.rec, walker.last):
            if walker.at > moment or _pos(line) > moment:
                break
            walker.take(line)
        return walker.frame()

    def _step(self, line: bytes) -> None:
        head = self._head
        for piece in head.take(line):
            if piece.code != "r":
                if piece.at - self._active >= IDLE and len(self.idle) < MOST_IDLE:
                    self.idle.append((self._active, piece.at))
                self._active = piece.at
        self._head_bytes += len(line)
        self._head_messages += 1
        enough = (
            self._head_bytes >= FRAME_BYTES * self._spacing or self._head_messages >= FRAME_MESSAGES * self._spacing
        )
        if enough and head.between_sequences:
            self._frames.append(head.frame())
            self._head_bytes = self._head_messages = 0
            if len(self._frames) > MOST_FRAMES or sum(frame.cells for frame in self._frames) > MOST_CELLS:
                del self._frames[1::2]
                self._spacing *= 2

    def _frame_for(self, lines: Lines, facts: Facts, moment: int) -> Frame:
        """The frame to begin with for a moment."""
        frame = self._frame_at(moment)
        if frame is None and self._is_near(facts, moment) and self.advance(lines, PATIENCE, until=moment):
            frame = self._frame_at(moment) or self._newest()
        if frame is None:
            frame = self._shortly_before(lines, facts, self._message_at(lines, facts, moment))
        return frame

    def _is_near(self, facts: Facts, moment: int) -> bool:
        away = min(moment, facts.length) - self._head.at
        return facts.printed * away < NEAR * max(1, facts.length)

    def _frame_at(self, moment: int) -> Frame | None:
        """The last exact one from which the moment can be reached, if all up to the moment was gone through."""
        with self._lock:
            if moment > self._head.at:
                return None
            return self._frames[max(0, bisect_right(self._frames, moment, key=lambda frame: frame.at) - 1)]

    def _newest(self) -> Frame:
        with self._lock:
            return self._frames[-1]

    def _segment(self, lines: Lines, frame: Frame, moment: int | None) -> Segment:
        """From a frame on; where a moment is wanted that lies further on, the segment in which it lies."""
        walker = Walker(frame)
        begin, pieces, size, count = frame, list[Piece](), 0, 0
        final = True
        for line in _each(lines, self.rec, frame.last):
            if (size >= SEGMENT_BYTES or count >= SEGMENT_MESSAGES) and walker.between_sequences:
                if moment is None or walker.at > moment:
                    final = False
                    break
                begin, pieces, size, count = walker.frame(), [], 0, 0
            pieces += walker.take(line)
            size += len(line)
            count += 1
        if not final:
            self._keep(walker.frame())
        return Segment(begin, pieces, walker.last, walker.at, frame.exact, final)

    def _keep(self, frame: Frame) -> None:
        """Where a segment ends the next will begin."""
        with self._loose_lock:
            self._loose[frame.last] = frame
            self._loose.move_to_end(frame.last)
            while len(self._loose) > _LOOSE or sum(each.cells for each in self._loose.values()) > MOST_CELLS:
                self._loose.popitem(last=False)

    def _walk(self, lines: Lines, walker: Walker, last: int) -> None:
        for line in _each(lines, self.rec, walker.last):
            if walker.last >= last:
                break
            walker.take(line)

    def _shortly_before(self, lines: Lines, facts: Facts, message: int) -> Frame:
        """The screen before a message as what came shortly before it left it."""
        before: deque[bytes] = deque()
        size = 0
        usual = facts.printed // max(1, facts.messages)
        first = max(0, message - 1 - min(_BEFORE_MESSAGES, 8 + _BEFORE_BYTES // max(1, usual)))
        for line in _each(lines, self.rec, first):
            if _id(line) >= message:
                break
            before.append(line)
            size += len(line)
            while size > _BEFORE_BYTES and len(before) > 1:
                size -= len(before.popleft())
        last = _id(before[0]) - 1 if before else first
        walker = Walker(first_frame(facts.charset, *_first_size(facts), last=last, exact=False))
        for line in before:
            walker.take(line)
        return walker.frame()

    def _message_at(self, lines: Lines, facts: Facts, moment: int) -> int:
        """The first message behind a moment, by halving."""
        low, high = self._head.last, facts.next_id
        while high - low > 1:
            middle = (low + high) // 2
            found = next((line for id in range(middle, high) if (line := lines.line(self.rec, id))), None)
            if found is None or _pos(found) > moment:
                high = middle
            else:
                low = middle
        return high


def _each(lines: Lines, rec: str, after: int) -> Iterator[bytes]:
    for batch in lines.lines(rec, after):
        yield from batch


def _first_size(facts: Facts) -> tuple[int, int]:
    return facts.columns, facts.rows


def _pos(line: bytes) -> int:
    return _number(line, "pos")


def _id(line: bytes) -> int:
    return _number(line, "id")


def _number(line: bytes, name: str) -> int:
    try:
        value = parse_object(line).get(name)
    except MessageError:
        return 0
    return int(value) if isinstance(value, int | float) else 0
