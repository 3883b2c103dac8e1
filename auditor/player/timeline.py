"""What happened when in a recording: packets and events in order, as far as they are read."""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection
from typing import NamedTuple

from recorder.formats.message import Input, Output, Packet, Resize

_OUTPUT, _INPUT, _RESIZE = range(3)


class Event(NamedTuple):
    """Something to jump to: `at` milliseconds into the recording, and what it was, in one printable line.

    `kind`: `exec`, `file`, `network`, `other` have marks on the time line, `command` was seen on the screen, and
    `own` is what the recorder tells of itself.
    """

    at: int
    label: str
    kind: str = "own"


class Timeline:
    """Packets by position, growing while the recording is read; times never run backwards.

    A packet costs 17 bytes besides its data. A resize to the size that the terminal already has is no packet:
    tlog writes one at the head of every message.

    `length` is the last known moment in milliseconds. `complete` says that no more is there at the moment, and
    `ended` that no more can come: the session's end was read, or something that cannot be played. `charset` is
    one that `recorder.capture.locale_charset.known_charset` lets through.
    """

    def __init__(self) -> None:
        self.length = 0
        self.complete = False
        self.ended = False
        self.charset = "UTF-8"
        self.events: list[Event] = []
        self.has_input = False
        self.size = (0, 0)
        self._event_times: dict[str, array[int]] = {}
        self._times = array("Q")
        self._ends = array("Q")
        self._kinds = bytearray()
        self._data = bytearray()

    @property
    def memory(self) -> int:
        """About how many bytes the timeline takes."""
        return len(self._data) + 17 * len(self._kinds) + 300 * len(self.events)

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, packet: Packet) -> None:
        """Append a packet; one that lies before the end of the timeline is moved to it."""
        if isinstance(packet, Resize):
            if (packet.columns, packet.rows) == self.size:
                return
            self.size = (packet.columns, packet.rows)
            self._append(packet.at, _RESIZE, b"%d %d" % self.size)
        elif packet.data:
            self.has_input |= isinstance(packet, Input)
            self._append(packet.at, _INPUT if isinstance(packet, Input) else _OUTPUT, packet.data)

    def add_event(self, event: Event) -> None:
        """Put an event in its place; most come in order, or nearly."""
        times = self._event_times.setdefault(event.kind, array("Q"))
        if self.events and self.events[-1].at > event.at:
            insort(self.events, event, key=lambda event: event.at)
            insort(times, event.at)
        else:
            self.events.append(event)
            times.append(event.at)

    def has_event(self, kind: str, first: float, last: float) -> bool:
        """Whether an event of a kind happened from one moment on and before another."""
        times = self._event_times.get(kind)
        if times is None:
            return False
        index = bisect_left(times, first)
        return index < len(times) and times[index] < last

    @property
    def event_kinds(self) -> Collection[str]:
        """The kinds of events that there are."""
        return self._event_times.keys()

    def reach(self, at: int) -> None:
        """Time went on to `at` milliseconds without a packet."""
        self.length = max(self.length, at)

    def packet(self, index: int) -> Packet:
        """The packet at a position from 0."""
        start = self._ends[index - 1] if index else 0
        data = bytes(self._data[start : self._ends[index]])
        at = self._times[index]
        if self._kinds[index] == _OUTPUT:
            return Output(at, data)
        if self._kinds[index] == _INPUT:
            return Input(at, data)
        columns, rows = data.split()
        return Resize(at, int(columns), int(rows))

    def at(self, index: int) -> int:
        """When a packet happened, in milliseconds."""
        return self._times[index]

    def before(self, at: float) -> int:
        """How many packets happened before a moment, without that moment."""
        return bisect_left(self._times, at)

    def until(self, at: float) -> int:
        """How many packets happened up to and including a moment."""
        return bisect_right(self._times, at)

    def next_output(self, index: int) -> int | None:
        """The position of the first output at or behind `index`, if one is read."""
        found = self._kinds.find(_OUTPUT, index)
        return None if found < 0 else found

    def run(self, first: int, last: int, size: int, span: int) -> int:
        """Where a run of packets from `first` ends that may be handled as one: with `last`, or before it.

        A run is one resize, or packets without one, of about `size` bytes within less than `span` milliseconds.
        """
        resize = self._kinds.find(_RESIZE, first, last)
        if resize == first:
            return first + 1
        start = self._ends[first - 1] if first else 0
        limits = [
            last if resize < 0 else resize,
            bisect_left(self._times, self._times[first] + span),
            bisect_right(self._ends, start + size),
        ]
        return max(first + 1, min(limits))

    def output(self, first: int, last: int) -> bytes:
        """What was printed between two positions."""
        if _INPUT not in self._kinds[first:last] and _RESIZE not in self._kinds[first:last]:
            start = self._ends[first - 1] if first else 0
            return bytes(self._data[start : self._ends[last - 1] if last else 0])
        packets = map(self.packet, range(first, last))
        return b"".join(packet.data for packet in packets if isinstance(packet, Output))

    def output_bytes(self, first: int, last: int) -> int:
        """How many bytes lie between two positions: the measure of the work to show them."""
        return (self._ends[last - 1] if last else 0) - (self._ends[first - 1] if first else 0)

    def _append(self, at: int, kind: int, data: bytes) -> None:
        self.reach(at)
        self._times.append(self.length)
        self._data += data
        self._ends.append(len(self._data))
        self._kinds.append(kind)
