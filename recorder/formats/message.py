"""Reading messages: one line of a recording becomes a `Message` of packets.

The format is tlog's JSON message format 2.3, described in docs/format.md. Writing is `recorder.formats.encoder`,
which runs in the recorded session and imports as little as possible.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from recorder.errors import SessrecError

MAX_LINE = 4 * 1024 * 1024
"""Bytes. 64 KiB of terminal output escape to at most 400 KiB; tlog's own messages stay below 200 kB."""

MAX_TIME = 253_402_300_800.0
"""Seconds since 1970: the year 10000, which no calendar function of Python can show."""

MAX_ID = 2**53
"""The largest integer that every JSON implementation keeps exactly (RFC 8785)."""

MAX_SIZE = 65_535
"""Columns and rows: `struct winsize` holds 16 bits each."""

_TIMING = re.compile(r"\+(\d{1,18})|([<>])(\d{1,9})|([\[\]])(\d{1,9})/(\d{1,9})|=(\d{1,5})x(\d{1,5})", re.ASCII)


class MessageError(SessrecError):
    """A line is not a message; the text says which rule it breaks."""


class Output(NamedTuple):
    """What the session printed. `at`: milliseconds since the recording began; `data`: the exact bytes."""

    at: int
    data: bytes


class Input(NamedTuple):
    """What was typed. `at`: milliseconds since the recording began; `data`: the exact bytes."""

    at: int
    data: bytes


class Resize(NamedTuple):
    """A new size of the terminal, in character cells. `at`: milliseconds since the recording began."""

    at: int
    columns: int
    rows: int


Packet = Output | Input | Resize


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a recording.

    `session` is the kernel's audit session id, `id` counts from 1, `pos` is milliseconds since the recording
    began and `time` seconds since 1970 at that position. `event` is the ECS `event` object of an event message,
    else None. `fields` is the whole object as it was read, with event details such as `process`.
    """

    host: str
    rec: str
    user: str
    term: str
    session: int
    id: int
    pos: int
    time: float
    packets: tuple[Packet, ...]
    event: Mapping[str, Any] | None
    fields: Mapping[str, Any]

    def wall(self, at: int) -> float:
        """Seconds since 1970 for `at` milliseconds into the recording."""
        return self.time + (at - self.pos) / 1000


def parse(line: bytes) -> Message:
    """One line (with or without its newline) as a message.

    Raises MessageError for anything that is not a message of format 2.x: bad UTF-8 or JSON, a missing field, a
    wrong type, numbers out of range, timing that does not match the text. No other exception, whatever the bytes.
    """
    fields = parse_object(line)
    version = _text(fields, "ver")
    if not re.fullmatch(r"2\.[0-9]{1,3}", version):
        raise MessageError(f"format version {version[:20]!r} is not supported: only 2.x is")
    event = fields.get("event")
    if event is not None and not isinstance(event, dict):
        raise MessageError("field 'event' is not an object")
    pos = _integer(fields, "pos", 0, MAX_ID)
    return Message(
        host=_text(fields, "host"),
        rec=_rec(fields),
        user=_text(fields, "user"),
        term=_text(fields, "term"),
        session=_integer(fields, "session", 0, 2**32 - 1),
        id=_integer(fields, "id", 1, MAX_ID),
        pos=pos,
        time=_seconds(fields),
        packets=_packets(fields, pos),
        event=event,
        fields=fields,
    )


def parse_object(line: bytes) -> dict[str, Any]:
    """One line as a JSON object, strictly: UTF-8, no repeated keys, no NaN or infinity; else MessageError."""
    if len(line) > MAX_LINE:
        raise MessageError(f"line of {len(line)} bytes is longer than {MAX_LINE}")
    try:
        value = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MessageError(f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise MessageError("nested too deeply") from error
    except ValueError as error:
        raise MessageError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MessageError("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise MessageError(f"field {name!r} is {'missing' if value is None else 'not a string'}")
    return value


def _rec(fields: Mapping[str, Any]) -> str:
    rec = _text(fields, "rec")
    if not rec or len(rec) > 256 or not rec.isprintable():
        raise MessageError("field 'rec' is not a usable recording id: 1 to 256 printable characters")
    return rec


def _integer(fields: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = fields.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MessageError(f"field {name!r} is {'missing' if value is None else 'not an integer'}")
    if not low <= value <= high:
        raise MessageError(f"field {name!r} is out of range: {low} to {high}")
    return value


def _seconds(fields: Mapping[str, Any]) -> float:
    """The field `time`; tlog before 2.3 had no such field, and then it is 0."""
    value = fields.get("time", 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MessageError("field 'time' is not a number")
    if not 0 <= value < MAX_TIME or not math.isfinite(value):
        raise MessageError("field 'time' is out of range")
    return float(value)


def _packets(fields: Mapping[str, Any], pos: int) -> tuple[Packet, ...]:
    timing = _text(fields, "timing")
    typed = _Stream(fields, "in")
    printed = _Stream(fields, "out")
    packets: list[Packet] = []
    at = pos
    end = 0
    for match in _TIMING.finditer(timing):
        if match.start() != end:
            break
        end = match.end()
        delay, direction, count, bracket, skipped, length, columns, rows = match.groups()
        if delay:
            at += int(delay)
            if at > MAX_ID:
                raise MessageError("timing runs past the end of time")
        elif direction == ">":
            packets.append(Output(at, printed.text(int(count))))
        elif direction == "<":
            packets.append(Input(at, typed.text(int(count))))
        elif bracket == "]":
            packets.append(Output(at, printed.binary(int(skipped), int(length))))
        elif bracket == "[":
            packets.append(Input(at, typed.binary(int(skipped), int(length))))
        else:
            if int(columns) > MAX_SIZE or int(rows) > MAX_SIZE:
                raise MessageError(f"terminal size {columns}x{rows} is out of range")
            packets.append(Resize(at, int(columns), int(rows)))
    if end != len(timing):
        raise MessageError(f"timing cannot be read at character {end}")
    typed.finish()
    printed.finish()
    return tuple(packets)


class _Stream:
    """The text and the bytes of one direction, consumed as the timing says."""

    def __init__(self, fields: Mapping[str, Any], name: str) -> None:
        self.name = name
        self.chars = _text(fields, f"{name}_txt", "")
        values = fields.get(f"{name}_bin", [])
        if not isinstance(values, list):
            raise MessageError(f"field '{name}_bin' is not a list")
        try:
            # bytes() takes True for 1; a list of booleans must not pass for data.
            if any(type(value) is not int for value in values):
                raise ValueError("not an integer")
            self.bytes = bytes(values)
        except ValueError as error:
            raise MessageError(f"field '{name}_bin' has an element that is not a byte") from error
        self.char = 0
        self.byte = 0

    def text(self, count: int) -> bytes:
        taken = self.chars[self.char : self.char + count]
        if len(taken) != count:
            raise MessageError(f"timing asks for more characters than '{self.name}_txt' has")
        self.char += count
        try:
            return taken.encode()
        except UnicodeEncodeError as error:
            raise MessageError(f"field '{self.name}_txt' has half a surrogate pair") from error

    def binary(self, skipped: int, length: int) -> bytes:
        if self.char + skipped > len(self.chars) or self.byte + length > len(self.bytes):
            raise MessageError(f"timing asks for more bytes than '{self.name}_bin' has")
        self.char += skipped
        self.byte += length
        return self.bytes[self.byte - length : self.byte]

    def finish(self) -> None:
        if self.char != len(self.chars) or self.byte != len(self.bytes):
            raise MessageError(f"'{self.name}_txt' or '{self.name}_bin' has more than timing asks for")
