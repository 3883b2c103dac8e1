"""The recorded screen at any position of a timeline, forward and back."""

import codecs
import copy
import time
from typing import NamedTuple

from auditor.player.colour_screen import ColourScreen
from auditor.player.timeline import Timeline
from auditor.transcript import STRING_TIMEOUT
from recorder.formats.message import Resize

_CHUNK = 64 * 1024
"""Bytes between two looks at the clock, some 15 ms of work."""

_SPAN = 500
"""Milliseconds of the recording that are shown in one go: how exactly the beginning of a control string is known."""

_SNAPSHOT_EVERY = 512 * 1024
"""Bytes of output from one snapshot to the next: going back costs at most about 0.1 s."""

_SNAPSHOT_CELLS = 8 * 1024 * 1024
_SNAPSHOTS = 64
"""When there are more, or they hold more cells, every other one is given up."""


class _Snapshot(NamedTuple):
    packets: int
    screen: ColourScreen
    decoder: tuple[bytes, int]
    string_since: int | None


class Replay:
    """`screen` shows the first `index` packets of the timeline, decoded from the session's own character set."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.index = 0
        self.screen = ColourScreen(0, 0)
        self._decoder = _decoder(timeline.charset)
        self._charset = timeline.charset
        self._snapshots: list[_Snapshot] = []
        self._last_snapshot = 0
        self._string_since: int | None = None

    def advance(self, target: int, seconds: float) -> bool:
        """Work for about so long towards showing `target` packets; True when they are shown."""
        if target < self.index:
            self._go_back(target)
        deadline = time.monotonic() + seconds
        while self.index < target:
            self._take(self.timeline.run(self.index, target, _CHUNK, _SPAN))
            if time.monotonic() > deadline:
                break
        return self.index == target

    def _take(self, end: int) -> None:
        timeline = self.timeline
        if timeline.charset != self._charset:
            self._charset = timeline.charset
            self._decoder = _decoder(timeline.charset)
        first = timeline.packet(self.index)
        if isinstance(first, Resize):
            self.screen.resize(first.columns, first.rows)
        else:
            if self._string_since is not None and first.at - self._string_since >= STRING_TIMEOUT:
                # Nobody ends it any more: text would be hidden for ever.
                self.screen.abandon_string()
            self.screen.feed(self._decoder.decode(timeline.output(self.index, end)))
            if not self.screen.in_string:
                self._string_since = None
            elif self._string_since is None:
                self._string_since = timeline.at(end - 1)
        self.index = end
        if timeline.output_bytes(self._last_snapshot, end) >= _SNAPSHOT_EVERY:
            self._keep_snapshot()

    def _go_back(self, target: int) -> None:
        found = [snapshot for snapshot in self._snapshots if snapshot.packets <= target]
        self._decoder = _decoder(self._charset)
        if found:
            self.index = found[-1].packets
            self.screen = copy.deepcopy(found[-1].screen)
            self._decoder.setstate(found[-1].decoder)
            self._string_since = found[-1].string_since
        else:
            self.index = 0
            self.screen = ColourScreen(0, 0)
            self._string_since = None

    def _keep_snapshot(self) -> None:
        self._last_snapshot = self.index
        if self._snapshots and self._snapshots[-1].packets >= self.index:
            return
        screen = copy.deepcopy(self.screen)
        self._snapshots.append(_Snapshot(self.index, screen, self._decoder.getstate(), self._string_since))
        if len(self._snapshots) > _SNAPSHOTS or sum(map(_cells, self._snapshots)) > _SNAPSHOT_CELLS:
            del self._snapshots[::2]


def _cells(snapshot: _Snapshot) -> int:
    screen = snapshot.screen
    return sum(map(len, screen.rows)) + sum(map(len, screen.pens)) + sum(map(len, screen.saved_rows))


def _decoder(charset: str) -> codecs.IncrementalDecoder:
    """What cannot be decoded is shown as U+FFFD."""
    return codecs.getincrementaldecoder(charset)("replace")
