"""One recording while it is taken in: which messages belong to it, and what follows from them.

Pure: messages in, an `Addition` for the store out. The state of the screen lives here between additions.
"""

import codecs
import copy
import copyreg
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from auditor.events import events
from auditor.events.mentions import Mentions
from auditor.recordings.store import Addition, Event, Facts
from auditor.transcript import Seen, Transcript
from recorder.capture.locale_charset import known_charset
from recorder.formats.message import Input, Message, MessageError, Output, Resize, parse

MAX_NAME = 256
"""Characters of user, host and term: Linux and DNS stay below."""

MAX_JUMP = 1_000_000
"""Ids that may be missing at once. A forged id beyond would make every message after it late."""

MAX_ARGUMENT = 4096
"""Characters kept of an argument of the recorded command."""


class RefusedError(Exception):
    """A message is not taken into its recording; the text is the reason."""


class Watch(Protocol):
    """Who looks at one recording as it is taken in, and adds events that follow from it (alerts).

    Both methods are called in the order of the messages; for one message first with its event, if it is one, and
    then with the lines that became known by it, those of the event too. What they give becomes part of the same
    addition as what they were given, so that one is not stored without the other: it gets the message's `id`, and a
    `part` above 0. Not called for what only passes.
    """

    def event(self, event: Event, fields: Mapping[str, Any]) -> Iterable[Event]:
        """An event of the recording; `fields` are those of its message, with names of hosts as far as known."""
        ...

    def seen(self, seen: Seen) -> Iterable[Event]:
        """A line."""
        ...


class Watcher(Protocol):
    """Who keeps a watch on every recording."""

    def watch(self, facts: Facts) -> Watch:
        """A watch on a recording, from its first message on. It is begun anew wherever the recording is gone through
        again: after a restart, because another process was faster, or when late messages have arrived. What it then
        gives for messages whose events are in the store already is left out."""
        ...

    def stored(self, facts: Facts, events: Sequence[Event]) -> None:
        """These derived events are in the store from now on, and were not before."""
        ...


class Intake:
    """Takes the messages of one recording.

    `facts` are those in the store (`revision` 0: a new one), from here on changed in place. `stored` gives the line
    of a message id that the store has, or None.
    """

    def __init__(
        self,
        facts: Facts,
        stored: Callable[[int], bytes | None],
        watcher: Watcher | None = None,
    ) -> None:
        self.facts = facts
        self._stored = stored
        self._watcher = watcher
        self._watch = watcher.watch(facts) if watcher is not None else None
        self._transcript = Transcript(facts.charset)
        self._mentions = Mentions()
        self._lines: dict[int, bytes] = {}
        self._seen: list[Seen] = []
        self._events: list[Event] = []

    @classmethod
    def resumed(
        cls,
        facts: Facts,
        stored: Callable[[int], bytes | None],
        lines: Iterable[list[bytes]],
        watcher: Watcher | None = None,
    ) -> "Intake":
        """An intake as it was when `lines`, all that the store has, had been taken."""
        intake = cls(facts, stored, watcher)
        # Nothing can be added to the screen of an ended one, and one with late messages is gone through anyway.
        if not facts.ended and not facts.late:
            printed, typed, commands = facts.printed, facts.typed, facts.commands
            facts.commands = 0
            for message in _parsed_again(lines):
                fields = intake._tell(message)
                intake._show(message)
                # For what is remembered of it: its alerts are stored, or it was taken in when there was no such rule.
                intake._derived(fields, intake._events, intake._seen)
                intake._seen.clear()
                intake._events.clear()
            facts.printed, facts.typed = printed, typed
            if commands is not None:
                facts.commands = commands
        return intake

    @property
    def changed(self) -> bool:
        """Whether there is something to add to the store."""
        return bool(self._lines)

    def take(self, message: Message, line: bytes) -> bool:
        """Take one message; False when it is there already. RefusedError when it is no part of the recording."""
        facts = self.facts
        late = message.id < facts.next_id
        if late and self._is_repeated(message, line):
            return False
        self._check(message)
        self._lines[message.id] = line
        if late:
            facts.missing -= 1
            facts.messages += 1
            facts.late = True
        else:
            self._apply(message)
        facts.settled = facts.ended and not facts.late
        return True

    def addition(self) -> Addition:
        """What was taken since the last one."""
        return self._added(sorted(self._lines.items()), (), anew=False)

    def settlement(self, lines: Callable[[], Iterable[list[bytes]]]) -> Addition:
        """What would be seen if the recording ended now; with late messages among the `lines` of the store, all of
        its texts anew. Nothing may be waiting to be added."""
        anew = self.facts.late
        if anew:
            self._replay(lines())
        self.facts.settled = True
        passing = () if self.facts.ended else _copied(self._transcript, self.facts.charset).finish()
        return self._added((), passing, anew=anew)

    def _added(self, lines: Sequence[tuple[int, bytes]], passing: Sequence[Seen], *, anew: bool) -> Addition:
        addition = Addition(copy.copy(self.facts), lines, self._seen, passing, self._events, anew)
        self.facts.revision += 1
        self._lines, self._seen, self._events = {}, [], []
        return addition

    def _replay(self, lines: Iterable[list[bytes]]) -> None:
        """All of the stored messages once more, now that late ones have their place among them."""
        old = self.facts
        facts = Facts(old.rec, old.host, old.user, old.term, old.session, old.start, commands=0)
        facts.origin, facts.source, facts.revision = old.origin, old.source, old.revision
        again = Intake(facts, self._stored, self._watcher)
        for message in _parsed_again(lines):
            again._apply(message)
        self.facts, self._transcript, self._mentions = again.facts, again._transcript, again._mentions
        self._watch = again._watch
        self._seen, self._events = again._seen, again._events

    def _apply(self, message: Message) -> None:
        if message.id == 1 and _action(message) == "session-start":
            self._begin(message)
        facts = self.facts
        seen, told = len(self._seen), len(self._events)
        self._count(message)
        fields = self._tell(message)
        at = self._show(message)
        facts.length = max(facts.length, at)
        facts.missing += message.id - facts.next_id
        facts.next_id = message.id + 1
        facts.messages += 1
        if facts.ended:
            self._add_seen(self._transcript.finish())
        for part, event in enumerate(self._derived(fields, self._events[told:], self._seen[seen:]), 1):
            self._events.append(event._replace(id=message.id, part=part))
            line = events.search_line(event.action, events.parsed_detail(event.detail))
            if line is not None:
                self._seen.append(Seen(line[0], event.at, line[1]))

    def _is_repeated(self, message: Message, line: bytes) -> bool:
        """Whether it is there already; RefusedError when another message has its id."""
        there = self._lines.get(message.id) or self._stored(message.id)
        if there is None:
            return False
        if there != line and parse(there).fields != message.fields:
            raise RefusedError("another message has the same id")
        return True

    def _check(self, message: Message) -> None:
        facts = self.facts
        if (message.user, message.host, message.session) != (facts.user, facts.host, facts.session):
            raise RefusedError("user, host or session differ from the recording's first message")
        if facts.ended and message.id >= facts.next_id:
            raise RefusedError("it comes after the end of the recording")
        if message.id - facts.next_id > MAX_JUMP:
            raise RefusedError(f"more than {MAX_JUMP} message ids are missing before it")
        if message.id >= facts.next_id and message.pos < facts.length:
            raise RefusedError("its position lies before the end of the message before it")

    def _show(self, message: Message) -> int:
        """Feed the screen, count the bytes; the time of the last packet."""
        facts = self.facts
        at = message.pos
        seen: list[Seen] = []
        feed = self._transcript.feed
        for packet in message.packets:
            if type(packet) is Output:
                facts.printed += len(packet.data)
            elif type(packet) is Input:
                facts.typed += len(packet.data)
            elif type(packet) is Resize and not facts.columns:
                facts.columns, facts.rows = packet.columns, packet.rows
            seen += feed(packet)
            at = packet.at
        if seen:
            self._add_seen(seen)
        return at

    def _add_seen(self, seen: list[Seen]) -> None:
        self._seen += seen
        if self.facts.commands is not None:
            self.facts.commands += sum(line.kind == "command" for line in seen)
        self._seen += self._mentions.in_lines(seen)

    def _begin(self, message: Message) -> None:
        facts = self.facts
        ours = _object(message, "sessrec")
        process = _object(message, "process")
        arguments, pid = process.get("args"), process.get("pid")
        facts.marked = True
        facts.charset = _string(ours.get("charset"))[:64] or "UTF-8"
        facts.key = _string(ours.get("key"))[:64]
        facts.version = _string(ours.get("version"))[:64]
        if isinstance(arguments, list):
            facts.command = tuple(_string(argument)[:MAX_ARGUMENT] for argument in arguments[:100])
        if type(pid) is int and 0 < pid < 2**31:
            facts.pid = pid
        self._transcript = Transcript(facts.charset)

    def _count(self, message: Message) -> None:
        """What an event says of the recording as a whole."""
        action = _action(message)
        facts = self.facts
        ours = _object(message, "sessrec")
        if action == "session-end":
            code = _object(message, "process").get("exit_code")
            facts.ended = True
            facts.exit_code = code if type(code) is int and abs(code) < 2**31 else None
            facts.reason = _string(ours.get("reason"))[:64]
        elif action == "lost":
            lost = ours.get("lost_bytes")
            if type(lost) is int and 0 < lost < 2**53:
                facts.lost = min(facts.lost + lost, 2**53)
        if action and action not in events.OWN:
            facts.events += 1

    def _tell(self, message: Message) -> Mapping[str, Any]:
        """The event that a message is, and the lines that a search finds it by; its fields."""
        action = _action(message)
        if not action:
            return {}
        fields = self._mentions.named(action, message.fields)
        at = events.moment(fields, message.pos)
        self._events.append(Event(message.id, at, action, events.detail(fields)))
        line = events.search_line(action, fields)
        if line is not None:
            self._seen.append(Seen(line[0], at, line[1]))
        self._seen += self._mentions.in_event(action, at, fields)
        return fields

    def _derived(self, fields: Mapping[str, Any], told: Sequence[Event], seen: Sequence[Seen]) -> list[Event]:
        """What the watch makes of a message."""
        watch = self._watch
        if watch is None:
            return []
        derived = [each for event in told for each in watch.event(event, fields)]
        for line in seen:
            derived += watch.seen(line)
        return derived


def first_facts(message: Message, source: str, origin: str) -> Facts:
    """The facts of a recording of which this is the first message to arrive. RefusedError for names that no
    account, host or terminal has."""
    for name in (message.user, message.host, message.term):
        if len(name) > MAX_NAME:
            raise RefusedError(f"user, host or term is longer than {MAX_NAME} characters")
        if any("\ud800" <= char <= "\udfff" for char in name):
            raise RefusedError("user, host or term is not Unicode text")
    return Facts(
        rec=message.rec,
        host=message.host,
        user=message.user,
        term=message.term,
        session=message.session,
        start=max(message.time - message.pos / 1000, 0.0),
        commands=0,
        source=source,
        origin=origin,
    )


def parsed(line: bytes) -> Message:
    """The message of a line; RefusedError when it is none."""
    try:
        return parse(line)
    except MessageError as error:
        raise RefusedError(str(error)) from error


def _copied(transcript: Transcript, charset: str) -> Transcript:
    # The decoders of East Asian character sets refuse to be copied, but like all others they tell their state.
    copyreg.pickle(type(codecs.getincrementaldecoder(known_charset(charset))()), _reduced)
    return copy.deepcopy(transcript)


def _reduced(decoder: codecs.IncrementalDecoder) -> tuple[Any, ...]:
    return _restored, (type(decoder), decoder.errors, decoder.getstate())


def _restored(
    kind: type[codecs.IncrementalDecoder], errors: str, state: tuple[bytes, int]
) -> codecs.IncrementalDecoder:
    decoder = kind(errors)
    decoder.setstate(state)
    return decoder


def _parsed_again(lines: Iterable[list[bytes]]) -> Iterator[Message]:
    for batch in lines:
        for line in batch:
            try:
                yield parse(line)
            except MessageError:
                pass  # a store made by a version that took it


def _action(message: Message) -> str:
    return _string((message.event or {}).get("action"))[:64]


def _object(message: Message, name: str) -> dict[str, Any]:
    value = message.fields.get(name)
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str:
    """A string that can be stored: lone surrogates, which JSON can say, are no text."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
