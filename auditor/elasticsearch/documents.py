"""Values of a store as documents of Elasticsearch, and back."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from auditor.elasticsearch.actions import document
from auditor.elasticsearch.id_ranges import IdRanges
from auditor.elasticsearch.joints import joints
from auditor.elasticsearch.mapping import MESSAGE
from auditor.query.words import fold, words
from auditor.recordings.store import Event, Facts
from auditor.transcript import Seen
from recorder.formats.message import parse_object

EVENT = "event"
"""The kind of text that an event is stored as, beside those of Seen."""

WINDOW = 240
"""Characters of a long word that are indexed together; the next window begins in the middle of the last, so that
every part of a word of up to half as many is whole in one of them. The whitespace analyzer cuts words at 255."""

MAX_TIMESTAMP = 253_402_300_799_999
"""ms since 1970: the last that Elasticsearch reads as a date of four digits' year."""


class Hold(NamedTuple):
    """A document of a recording as it stands: its fields, and the version that a change is to be based on."""

    fields: dict[str, Any]
    seq_no: int
    primary_term: int

    @property
    def deleted(self) -> bool:
        """Whether the recording was deleted."""
        return bool(self.fields.get("deleted"))

    @property
    def facts(self) -> Facts | None:
        """The recording's; None where it was deleted."""
        return None if self.deleted else facts_of(self.fields)

    @property
    def taken(self) -> IdRanges:
        """The ids of the messages that it has."""
        return IdRanges.read(self.fields.get("taken", ""))


def facts_of(fields: Mapping[str, Any]) -> Facts:
    """The facts in a recording's document."""
    facts = dict(fields["facts"])
    facts["command"] = tuple(facts["command"])
    return Facts(**facts)


def facts_fields(facts: Facts, source: str) -> dict[str, Any]:
    """What a recording's document says of its facts, with those by themselves that people filter and sum up by."""
    return {
        "@timestamp": milliseconds(facts.start),
        "rec": facts.rec,
        "host": facts.host,
        "user": facts.user,
        "session": facts.session,
        "start": facts.start,
        "finish": facts.finish,
        "added_by": source,
        "settled": facts.settled,
        "deleted": False,
        "revision": facts.revision,
        "length": facts.length,
        "messages": facts.messages,
        "missing": facts.missing,
        "printed": facts.printed,
        "typed": facts.typed,
        "lost": facts.lost,
        "events": facts.events,
        "ended": facts.ended,
        "exit_code": facts.exit_code,
        "reason": facts.reason,
        "command": list(facts.command),
        "facts": asdict(facts),
    }


def message_document(line: bytes) -> bytes:
    """The document of a message. Its line stands beside its fields where those alone would not give it again."""
    fields = parse_object(line)
    if "@timestamp" in fields or "line" in fields:
        return bare_document(line)
    stamp = milliseconds(fields.get("time") or 0.0)
    if _line(fields) == line:
        return b'{"@timestamp":%d,%b' % (stamp, line[1:])
    return document({"@timestamp": stamp, **fields, "line": base64.b64encode(line).decode()})


def bare_document(line: bytes) -> bytes:
    """The document of a message whose fields do not fit the mapping: what stands on every message, and its line."""
    fields = parse_object(line)
    names = ("rec", "host", "user", "session", "id", "pos")
    kept = {"@timestamp": milliseconds(fields.get("time") or 0.0)} | {name: fields[name] for name in names}
    return document(kept | {"line": base64.b64encode(line).decode()})


def message_line(fields: Mapping[str, Any]) -> bytes:
    """The line of a message from its document."""
    if "line" in fields:
        return base64.b64decode(fields["line"])
    return _line({name: value for name, value in fields.items() if name != "@timestamp" and name in MESSAGE})


def seen_document(shared: Mapping[str, Any], start: float, order: int, seen: Seen, *, passing: bool) -> bytes:
    """The document of a line."""
    text = storable(seen.text)
    folded = fold(text)
    return document(
        {
            "@timestamp": milliseconds(start + seen.at / 1000),
            **shared,
            "order": order,
            "passing": passing,
            "kind": seen.kind,
            "at": seen.at,
            "text": text,
            "words": " ".join(sorted(indexed_words(folded))),
            "joints": " ".join(sorted(joints(folded))),
        }
    )


def event_document(shared: Mapping[str, Any], start: float, order: int, event: Event) -> bytes:
    """The document of an event."""
    fields = {"order": order, "passing": False, "kind": EVENT}
    stamp = milliseconds(start + event.at / 1000)
    return document({"@timestamp": stamp, **shared, **fields, **event._asdict()})


def indexed_words(folded: str) -> set[str]:
    """The words of a folded text, long ones in windows."""
    found = words(folded)
    if any(len(word) > WINDOW for word in found):
        found = {part for word in found for part in _windows(word)}
    return found


def storable(text: str) -> str:
    """A line without newlines in it, and without half surrogate pairs, which are no text."""
    if "\n" not in text and text.isascii():
        return text
    return text.replace("\n", " ").encode("utf-8", "replace").decode()


def milliseconds(time: float) -> int:
    """Seconds since 1970 as ms, as far as they are a date."""
    return min(max(0, round(time * 1000)), MAX_TIMESTAMP)


def _line(fields: Mapping[str, Any]) -> bytes:
    """A message laid out as the recorder does."""
    return (
        json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        .replace("\x7f", "\\u007f")
        .encode("utf-8", "surrogatepass")
    )


def _windows(word: str) -> Iterator[str]:
    if len(word) <= WINDOW:
        yield word
        return
    for start in range(0, len(word) - WINDOW // 2, WINDOW // 2):
        yield word[start : start + WINDOW]
