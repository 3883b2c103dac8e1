"""The messages of one recording, for the formats it is exported to."""

import json
from collections.abc import Iterator

from auditor.output.printable import printable
from auditor.recordings.recording import Recording
from recorder.capture.locale_charset import known_charset
from recorder.errors import SessrecError
from recorder.formats.message import Message, MessageError, parse


class ExportError(SessrecError):
    """A recording cannot be exported; the text says why."""


def messages(recording: Recording) -> Iterator[Message]:
    """The messages that are there now. Raises ExportError at what is none, and at those of a second recording."""
    number = 0
    rec = None
    while lines := recording.read():
        for line in lines:
            number += 1
            if not line:
                continue
            try:
                message = parse(line)
            except MessageError as error:
                raise ExportError(f"line {number} is not a message: {printable(str(error))}") from error
            rec = rec or message.rec
            if message.rec != rec:
                raise ExportError(
                    "the file holds several recordings: take it in with `sessrec ingest` and export them by id"
                )
            yield message


def charset(message: Message) -> str:
    """The character set that a session-start names, as Python calls it; UTF-8 in other messages."""
    ours = message.fields.get("sessrec")
    name = ours.get("charset") if isinstance(ours, dict) else None
    return known_charset(name) if isinstance(name, str) else "utf-8"


def json_line(value: object) -> bytes:
    """One line of JSON in UTF-8; in ASCII where it has half surrogate pairs, which only an escape can say."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"
