"""From sources to the store: lines are read, sorted to their recordings, and added with how far was read.

Whenever it is killed, the next run goes on behind the last addition; what it sees twice it recognises.
"""

import gc
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from auditor.ingest.intake import Intake, RefusedError, Watcher, first_facts, parsed
from auditor.output.printable import printable
from auditor.recordings.store import Addition, ConflictError, Event, Refusal, Store, StoreError
from recorder.formats.message import Message

MAX_OPEN = 64
"""Recordings whose screen is kept in memory between additions; others are gone through again when they grow."""

MAX_ATTEMPTS = 100
"""Times that one batch is begun anew because another process adds to the same recordings."""

EXCERPT = 160
"""Bytes of a refused line that are shown."""


@dataclass(slots=True)
class Counts:
    """What an ingest did: recordings touched, messages new, known already and refused, messages of recordings that
    were deleted, bytes of terminal data, and when the newest new message was made (seconds since 1970)."""

    recordings: set[str] = field(default_factory=set)
    taken: int = 0
    known: int = 0
    refused: int = 0
    deleted: int = 0
    terminal: int = 0
    newest: float = 0.0

    def add(self, other: "Counts") -> None:
        """Sum up."""
        self.recordings |= other.recordings
        self.taken += other.taken
        self.known += other.known
        self.refused += other.refused
        self.deleted += other.deleted
        self.terminal += other.terminal
        self.newest = max(self.newest, other.newest)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Ten thousands of lines live until they are added; to look for cycles among them again and again takes a tenth
    of the time of an ingest."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Ingest:
    """Takes lines into one store. `counts` is what it did so far. `watcher` looks at what is new in the recordings,
    and may add alerts to it. `lag`: the greatest age, in seconds, that the newest message of what was added together
    had then; whoever reads it sets it back to 0."""

    def __init__(self, store: Store, watcher: Watcher | None = None) -> None:
        self.counts = Counts()
        self.lag = 0.0
        self._store = store
        self._watcher = watcher
        self._open: OrderedDict[str, Intake] = OrderedDict()

    def take(self, source: str, mark: str | None, lines: Sequence[bytes], origins: Sequence[str] = ()) -> None:
        """Add lines of a source that is read up to `mark` with them; `origins` are who sent each of them, where
        that is known. Empty lines are nothing."""
        for _ in range(MAX_ATTEMPTS):
            batch = _Batch(self._store, self._open, source, self._watcher)
            try:
                batch.take(lines, origins)
                batch.add(mark)
            except ConflictError:
                self._open.clear()
            except StoreError:
                # What was computed is in no store: whoever tries again begins from what is there.
                self._open.clear()
                raise
            else:
                break
        else:
            raise ConflictError("other processes keep adding to the same recordings: try again later")
        self.counts.add(batch.counts)
        if batch.counts.newest:
            self.lag = max(self.lag, time.time() - batch.counts.newest)

    def settle(self, source: str, mark: str | None = None) -> None:
        """Make the store show also what stands on the screens of recordings that this source added to; that it is
        read up to `mark` is noted with it."""
        try:
            for rec in self._store.unsettled(source):
                _settle(self._store, source, rec, self._open, self._watcher)
        except ConflictError:
            # The other process has seen more of it, and settles it itself.
            self._open.clear()
        except StoreError:
            self._open.clear()
            raise
        if mark is not None:
            self._store.add(source, mark, (), ())
        for rec in [rec for rec, intake in self._open.items() if intake.facts.ended]:
            del self._open[rec]


class _Batch:
    """Lines that are added together."""

    def __init__(
        self, store: Store, intakes: "OrderedDict[str, Intake]", source: str, watcher: Watcher | None
    ) -> None:
        self.counts = Counts()
        self._watcher = watcher
        self._store = store
        self._open = intakes
        self._source = source
        self._refusals: list[Refusal] = []

    def take(self, lines: Sequence[bytes], origins: Sequence[str]) -> None:
        recordings: dict[tuple[str, str], list[tuple[int, Message, bytes]]] = {}
        for number, line in enumerate(lines):
            if not line:
                continue
            try:
                message = parsed(line)
            except RefusedError as error:
                self._refuse(error, "", line)
                continue
            origin = origins[number] if origins else ""
            recordings.setdefault((message.rec, origin), []).append((message.id, message, line))
        for (rec, origin), messages in recordings.items():
            if self._store.is_deleted(rec):
                self.counts.deleted += len(messages)
                continue
            # Messages that arrive out of order mostly do so by little.
            messages.sort(key=lambda item: item[0])
            for _, message, line in messages:
                self._take(message, line, origin)
            self._make_room()

    def add(self, mark: str | None) -> None:
        additions = [intake.addition() for intake in self._open.values() if intake.changed]
        if additions or self._refusals or mark is not None:
            self._store.add(self._source, mark, additions, self._refusals)
        self._refusals = []
        for addition in additions:
            _tell(self._watcher, addition, ())

    def _take(self, message: Message, line: bytes, origin: str) -> None:
        try:
            intake = self._intake(message, origin)
            before = intake.facts.printed + intake.facts.typed
            if intake.facts.origin != origin and self._store.line(message.rec, message.id) != line:
                raise RefusedError("it was not sent by the sender of the recording's first message")
            if not intake.take(message, line):
                self.counts.known += 1
                return
        except RefusedError as error:
            self._refuse(error, message.rec, line)
            self._forget_unknown(message.rec)
            return
        self.counts.taken += 1
        self.counts.newest = max(self.counts.newest, message.time)
        self.counts.terminal += intake.facts.printed + intake.facts.typed - before
        self.counts.recordings.add(message.rec)

    def _intake(self, message: Message, origin: str) -> Intake:
        intake = _opened(self._store, message.rec, self._open, self._watcher)
        if intake is None:
            facts = first_facts(message, self._source, origin)
            intake = Intake(facts, partial(self._store.line, message.rec), self._watcher)
            self._open[message.rec] = intake
        return intake

    def _forget_unknown(self, rec: str) -> None:
        """What a refused message says of its recording must not stand for those that follow."""
        intake = self._open.get(rec)
        if intake is not None and not intake.facts.messages:
            del self._open[rec]

    def _make_room(self) -> None:
        if len(self._open) <= MAX_OPEN:
            return
        self.add(None)
        while len(self._open) > MAX_OPEN // 2:
            rec, intake = next(iter(self._open.items()))
            if not intake.facts.settled:
                _settle(self._store, self._source, rec, self._open, self._watcher)
            del self._open[rec]

    def _refuse(self, error: RefusedError, rec: str, line: bytes) -> None:
        self.counts.refused += 1
        excerpt = printable(line[:EXCERPT].decode("utf-8", "backslashreplace"))
        # Without the numbers in it, one reason is one row of the quarantine, however often it occurs.
        self._refusals.append(Refusal(re.sub(r"(?<![\w-])\d+", "N", str(error)), rec, excerpt))


def _opened(store: Store, rec: str, intakes: "OrderedDict[str, Intake]", watcher: Watcher | None) -> Intake | None:
    """The intake of a recording that is known; None for a new one."""
    if rec in intakes:
        intakes.move_to_end(rec)
        return intakes[rec]
    facts = store.facts(rec)
    if facts is None:
        return None
    intakes[rec] = Intake.resumed(facts, partial(store.line, rec), store.lines(rec), watcher)
    return intakes[rec]


def _settle(
    store: Store, source: str, rec: str, intakes: "OrderedDict[str, Intake]", watcher: Watcher | None
) -> None:
    intake = _opened(store, rec, intakes, watcher)
    if intake is not None:
        addition = intake.settlement(lambda: store.lines(rec))
        known = [event for event in store.events(rec) if event.part] if watcher is not None and addition.anew else []
        store.add(source, None, [addition], ())
        _tell(watcher, addition, known)


def _tell(watcher: Watcher | None, addition: Addition, known: Sequence[Event]) -> None:
    """Tell of derived events that are stored now, but not of those that were known before: these are the same in all
    but the message that they came by, which late messages may have changed."""
    if watcher is not None:
        before = {event._replace(id=0, part=0) for event in known}
        derived = [event for event in addition.events if event.part and event._replace(id=0, part=0) not in before]
        if derived:
            watcher.stored(addition.facts, derived)
