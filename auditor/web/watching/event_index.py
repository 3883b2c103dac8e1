"""What happened in a recording, in order of time, so that any part of a million lines can be shown at once.

Kept are moments, kinds and message ids, 17 bytes an event; what an event says is read when it is shown. Commands, as
they were seen on the screen, stand among the events and are kept whole.
"""

import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from auditor.events import events
from auditor.events.event_fields import pid
from auditor.output.printable import printable
from auditor.recordings.store import Event, Facts
from auditor.transcript import Seen

KINDS = ("command", "exec", "file", "network", "alert", "other", "session")
"""The feeds that one can choose. `session`: what the recorder tells of itself, but for its checkpoints."""

MOST_COMMANDS = 50_000
MAX_LABEL = 600
"""Characters."""

_OTHER = KINDS.index("other")
_NUMBERS: dict[str, int | None] = {
    **{action: KINDS.index(kind) for action, kind in events.KINDS.items()},
    **dict.fromkeys(events.OWN, KINDS.index("session")),
    "alert": KINDS.index("alert"),
    "checkpoint": None,
    "resize": None,
}
"""By action: the place of its kind in KINDS; None for what is not listed."""

_AT_ONCE = 500
"""Events that are taken while others wait."""

_MARKS_AGAIN = 1.0
"""Seconds for which marks are good enough; longer where there are many."""

_JUMP = 400
"""Message ids that are read over rather than asked for anew."""


class Source(Protocol):
    """Where events and commands come from: a store, or the part of it that exists for a viewer."""

    def events(self, rec: str, after: int = 0) -> Iterator[Event]:
        """See `auditor.recordings.store.Store`."""
        ...

    def seen(self, rec: str, kind: str) -> Iterator[Seen]:
        """See `auditor.recordings.store.Store`."""
        ...


class Row(NamedTuple):
    """A line of the log: its place among all, ms into the recording, kind, action, what it says, of which process."""

    place: int
    at: int
    kind: str
    action: str
    text: str
    pid: int | None
    id: int


class EventIndex:
    """Of one recording; it grows with it. Any number of threads may use it, each with the store it reads from."""

    def __init__(self, facts: Facts) -> None:
        self.rec = facts.rec
        self._missing = facts.missing
        self._revision = -1
        self._last = 0
        self._at, self._ids, self._kinds, self._parts = array("q"), array("q"), bytearray(), array("H")
        self._commands: list[Seen] = []
        self._chosen: dict[frozenset[str], tuple[int, array[int]]] = {}
        self._marks: tuple[float, tuple[int, ...], dict[str, list[list[int]]]] = (0.0, (), {})
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def suits(self, facts: Facts) -> bool:
        """Whether what is kept is still true."""
        return facts.missing >= self._missing and facts.revision >= self._revision

    def catch_up(self, source: Source, facts: Facts, seconds: float) -> bool:
        """Read what is new for about so long, unless somebody else does; True when all is known."""
        if self._revision == facts.revision:
            return True
        if not self._reading.acquire(blocking=False):
            return False
        try:
            return self._read_on(source, facts, time.monotonic() + seconds)
        finally:
            self._reading.release()

    def behind(self, facts: Facts) -> bool:
        """Whether there is more to read."""
        return self._revision != facts.revision

    def _read_on(self, source: Source, facts: Facts, deadline: float) -> bool:
        coming = source.events(self.rec, self._last)
        while True:
            some = list(islice(coming, _AT_ONCE))
            with self._lock:
                for event in some:
                    # Parts of one message are never torn apart.
                    if event.id != self._last and time.monotonic() > deadline:
                        return False
                    self._add(event)
            if len(some) < _AT_ONCE:
                break
        commands = sorted(islice(source.seen(self.rec, "command"), MOST_COMMANDS), key=lambda seen: seen.at)
        with self._lock:
            self._commands = commands
            self._chosen.clear()
            self._revision = facts.revision
        return True

    def count(self, kinds: Collection[str]) -> int:
        """How many lines of these kinds there are."""
        with self._lock:
            chosen = self._choose(frozenset(kinds))
            return len(chosen) + (len(self._commands) if "command" in kinds else 0)

    def place(self, kinds: Collection[str], moment: int) -> int:
        """How many of them happened up to and with a moment (ms)."""
        with self._lock:
            chosen = self._choose(frozenset(kinds))
            reached = bisect_right(chosen, moment, key=self._at.__getitem__)
            if "command" in kinds:
                reached += bisect_right(self._commands, moment, key=lambda seen: seen.at)
            return reached

    def rows(self, source: Source, kinds: Collection[str], first: int, count: int) -> list[Row]:
        """Some of the lines of these kinds, from a place on."""
        with self._lock:
            places = [(place, *self._entry(kinds, place)) for place in range(first, first + count)]
            entries = [(place, index, seen) for place, index, seen in places if index is not None or seen is not None]
            wanted = {(self._ids[index], self._parts[index]) for _, index, _ in entries if index is not None}
            names = {index: KINDS[self._kinds[index]] for _, index, _ in entries if index is not None}
            ids = {index: (self._ids[index], self._parts[index]) for _, index, _ in entries if index is not None}
            ats = {index: self._at[index] for _, index, _ in entries if index is not None}
        found = _read(source, self.rec, wanted)
        rows: list[Row] = []
        for place, index, seen in entries:
            if seen is not None:
                rows.append(Row(place, seen.at, "command", "command", printable(seen.text)[:MAX_LABEL], None, 0))
            elif index is not None:
                event = found.get(ids[index])
                fields = events.parsed_detail(event.detail) if event else {}
                text = events.sentence(event.action, fields)[:MAX_LABEL] if event else "(deleted)"
                action = printable(event.action)[:64] if event else ""
                rows.append(Row(place, ats[index], names[index], action, text, pid(fields), ids[index][0]))
        return rows

    def counts(self) -> dict[str, int]:
        """Lines by kind."""
        with self._lock:
            return {
                name: len(self._commands) if name == "command" else self._kinds.count(number)
                for number, name in enumerate(KINDS)
            }

    def marks(self, length: int, buckets: int) -> dict[str, list[list[int]]]:
        """For each kind, the parts of the recording (of so many equal ones) in which something happened, and how
        much. While it is being read, what was known some seconds ago."""
        with self._lock:
            key = (len(self._at), len(self._commands), length, buckets)
            made, held_key, held = self._marks
            if held and (key == held_key or time.monotonic() - made < _MARKS_AGAIN):
                return held
            marks: dict[str, dict[int, int]] = {name: {} for name in KINDS}
            width = max(1, length) / buckets
            numbered = [marks[name] for name in KINDS]
            for number, at in zip(self._kinds, self._at, strict=True):
                into = numbered[number]
                bucket = min(buckets - 1, int(at / width))
                into[bucket] = into.get(bucket, 0) + 1
            for seen in self._commands:
                into = marks["command"]
                bucket = min(buckets - 1, int(seen.at / width))
                into[bucket] = into.get(bucket, 0) + 1
            told = {name: [list(pair) for pair in sorted(into.items())] for name, into in marks.items()}
            self._marks = (time.monotonic() + len(self._at) / 200_000, key, told)
        return told

    def near(self, kinds: Collection[str], moment: int, *, forward: bool) -> int | None:
        """The next moment (ms) behind one at which something of these kinds happened, or the last before it."""
        with self._lock:
            chosen = self._choose(frozenset(kinds))
            found: list[int] = []
            search = bisect_right if forward else bisect_left
            index = search(chosen, moment, key=self._at.__getitem__) - (0 if forward else 1)
            if 0 <= index < len(chosen):
                found.append(self._at[chosen[index]])
            if "command" in kinds:
                index = search(self._commands, moment, key=lambda seen: seen.at) - (0 if forward else 1)
                if 0 <= index < len(self._commands):
                    found.append(self._commands[index].at)
        return (min if forward else max)(found, default=None)

    def _add(self, event: Event) -> None:
        self._last = event.id
        number = _NUMBERS.get(event.action, _OTHER)
        if number is None:
            return
        if self._at and self._at[-1] > event.at:
            place = bisect_right(self._at, event.at)
            self._at.insert(place, event.at)
            self._ids.insert(place, event.id)
            self._kinds.insert(place, number)
            self._parts.insert(place, min(event.part, 65_535))
        else:
            self._at.append(event.at)
            self._ids.append(event.id)
            self._kinds.append(number)
            self._parts.append(min(event.part, 65_535))

    def _choose(self, kinds: frozenset[str]) -> "array[int]":
        """The places of the events of these kinds."""
        held = self._chosen.get(kinds)
        if held is not None and held[0] == len(self._at):
            return held[1]
        numbers = {KINDS.index(name) for name in kinds}
        chosen = array("q", (index for index, number in enumerate(self._kinds) if number in numbers))
        if len(self._chosen) >= 4:
            self._chosen.clear()
        self._chosen[kinds] = (len(self._at), chosen)
        return chosen

    def _entry(self, kinds: Collection[str], place: int) -> tuple[int | None, Seen | None]:
        """The event (its index) or the command at a place; at the same moment commands come first."""
        chosen = self._choose(frozenset(kinds))
        commands = self._commands if "command" in kinds else []
        # How many commands stand before the place: command j stands behind j commands and the events before it.
        low, high = 0, len(commands)
        while low < high:
            middle = (low + high) // 2
            before = middle + bisect_left(chosen, commands[middle].at, key=self._at.__getitem__)
            if before < place:
                low = middle + 1
            else:
                high = middle
        if low < len(commands):
            stands = low + bisect_left(chosen, commands[low].at, key=self._at.__getitem__)
            if stands == place:
                return None, commands[low]
        index = place - low
        return (chosen[index], None) if 0 <= index < len(chosen) else (None, None)


def _read(source: Source, rec: str, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], Event]:
    """The events with these ids and parts."""
    found: dict[tuple[int, int], Event] = {}
    ids = sorted({id for id, _ in wanted})
    position = 0
    while position < len(ids):
        for event in source.events(rec, ids[position] - 1):
            while position < len(ids) and ids[position] < event.id:
                position += 1
            if position == len(ids) or ids[position] - event.id > _JUMP:
                break
            if (event.id, event.part) in wanted:
                found[event.id, event.part] = event
        else:
            break
    return found
