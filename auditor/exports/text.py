"""Plain text: what was to be read on the screen, line by line."""

from collections.abc import Iterable, Iterator

from auditor.exports.messages import charset
from auditor.output.printable import printable
from auditor.transcript import Seen, Transcript
from recorder.formats.message import Message


def export(messages: Iterable[Message], *, with_input: bool) -> Iterator[bytes]:
    """Each line that was seen, in UTF-8 and safe to show; `with_input` also what was typed, behind "> "."""
    transcript = None
    for message in messages:
        transcript = transcript or Transcript(charset(message))
        for packet in message.packets:
            yield from _lines(transcript.feed(packet), with_input)
    if transcript is not None:
        yield from _lines(transcript.finish(), with_input)


def _lines(seen: Iterable[Seen], with_input: bool) -> Iterator[bytes]:
    for kind, _, text in seen:
        if kind == "printed":
            yield printable(text).encode() + b"\n"
        elif kind == "entered" and with_input:
            yield b"> " + printable(text).encode() + b"\n"
