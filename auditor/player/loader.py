"""From the lines of a recording to a timeline, a batch at a time."""

from collections.abc import Iterable, Mapping

from auditor.events import events
from auditor.player.timeline import Event, Timeline
from auditor.recordings import store
from auditor.recordings.recording import FileRecording, Recording
from recorder.capture.locale_charset import known_charset
from recorder.errors import SessrecError
from recorder.formats.message import Message, MessageError, parse

MAX_LABEL = 500
"""Characters of a line about an event: more than a row of any terminal."""

_UNMARKED = (events.OWN | {"exit"}) - {"lost"}
"""Actions that have no mark on the time line."""

MAX_MEMORY = 2 * 1024**3
"""Bytes of a timeline. No session prints that much in years; who fabricates one must not fill the memory."""


class PlayError(SessrecError):
    """A recording cannot be played on; the text names the line and the way out."""


class _EndError(MessageError):
    """What cannot be left out: nothing behind it can be played either."""


class Loader:
    """Reads one recording into `timeline`.

    `match` chooses one recording of a file with several; `lax` skips what cannot be read and goes on over missing
    messages, and says so in `timeline.events`. Otherwise the first such thing ends the timeline there and stands
    in `error`, so that what comes before it can still be watched.
    """

    def __init__(self, recording: Recording, *, lax: bool = False, match: str | None = None) -> None:
        self.timeline = Timeline()
        self.error: PlayError | None = None
        self.rec = match
        self._recording = recording
        self._matching = match is not None
        self._lax = lax
        self._number = 0
        self._id = 0
        self._pos = 0
        self._skipped = 0

    @property
    def skipped(self) -> int:
        """How many lines were left out because of `lax`."""
        return self._skipped

    def load(self) -> bool:
        """Take the next batch; False when nothing was there. Raises RecordingError when the source fails."""
        if self.error is not None:
            return False
        lines = self._recording.read()
        for line in lines:
            self._number += 1
            try:
                self._take(parse(line))
            except MessageError as error:
                if not self._lax or isinstance(error, _EndError):
                    self._fail(error)
                    return False
                self._skipped += 1
        self.timeline.complete = not lines or self.timeline.ended
        return bool(lines)

    def add_derived(self, derived: Iterable[store.Event]) -> None:
        """Events of the recording that are in no message of it: alerts."""
        for each in derived:
            label = events.sentence(each.action, events.parsed_detail(each.detail))[:MAX_LABEL]
            self.timeline.add_event(Event(each.at, label, "other"))

    def finish(self) -> None:
        """No more is to come, so that a line without its end is a line, or the mark of a cut-off file."""
        rest = self._recording.rest() if isinstance(self._recording, FileRecording) else b""
        if not rest.strip() or self.error is not None or self.timeline.ended:
            return
        self._number += 1
        try:
            message = parse(rest)
        except MessageError:
            if not self._lax:
                self._fail(MessageError("the file ends in the middle of it"))
            return
        try:
            self._take(message)
        except MessageError as error:
            if not self._lax:
                self._fail(error)

    def _take(self, message: Message) -> None:
        if self.rec is None:
            self.rec = message.rec
        if message.rec != self.rec:
            if self._matching:
                return
            raise MessageError(f"another recording, {message.rec}, begins: choose one with --file-match REC")
        self._check(message)
        if self.timeline.memory > MAX_MEMORY:
            raise _EndError("the recording is too long to be played further")
        self._id, self._pos = message.id, max(self._pos, message.pos)
        details = message.fields.get("sessrec")
        if isinstance(details, Mapping) and isinstance(details.get("charset"), str):
            self.timeline.charset = known_charset(details["charset"])
        self.timeline.reach(message.pos)
        if message.event is not None:
            self.timeline.add_event(_event(message))
        for packet in message.packets:
            self.timeline.add(packet)
        if message.event is not None and message.event.get("action") == "session-end":
            self.timeline.ended = True

    def _check(self, message: Message) -> None:
        """Refuse what breaks the order, or with `lax` tell of it and go on."""
        expected = self._id + 1
        if self._id and message.id < expected:
            raise MessageError(f"message {message.id} comes after message {self._id}")
        if message.id != expected and self._id:
            gap = f"{message.id - expected} messages are missing before message {message.id}"
            if not self._lax:
                raise MessageError(gap)
            self.timeline.add_event(Event(message.pos, gap))
        if message.pos < self._pos and not self._lax:
            raise MessageError("the time runs backwards")

    def _fail(self, error: MessageError) -> None:
        advice = "" if isinstance(error, _EndError) else " (--lax leaves it out and goes on)"
        self.error = PlayError(f"line {self._number} cannot be played: {error}{advice}")
        self.timeline.complete = True
        self.timeline.ended = True


def _event(message: Message) -> Event:
    action = (message.event or {}).get("action")
    name = action[:64] if isinstance(action, str) else "event"
    kind = "own" if name in _UNMARKED else events.kind(name)
    # Escapes of a long line may be longer than it.
    label = events.sentence(name, message.fields)[:MAX_LABEL]
    return Event(events.moment(message.fields, message.pos), label, kind)
