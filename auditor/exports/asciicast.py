"""asciicast v2, which asciinema plays: https://docs.asciinema.org/manual/asciicast/v2/."""

import codecs
from collections.abc import Iterable, Iterator

from auditor.exports.messages import charset, json_line
from recorder.formats.message import Input, Message, Output, Resize

_DEFAULT_SIZE = (80, 24)


def export(messages: Iterable[Message], *, with_input: bool) -> Iterator[bytes]:
    """A header and one line for each piece of output, change of size and, `with_input`, of what was typed.

    Times are seconds since the recording began. Bytes are decoded by the session's character set; what it does not
    have is U+FFFD, as a terminal would show it.
    """
    cast = None
    for message in messages:
        if cast is None:
            cast = _Cast(message, with_input)
            yield cast.header
        yield from cast.lines(message)
    if cast is not None:
        yield from cast.rest()


class _Cast:
    def __init__(self, first: Message, with_input: bool) -> None:
        decoder = codecs.getincrementaldecoder(charset(first))
        self._decoders = {"o": decoder("replace"), "i": decoder("replace")}
        self._with_input = with_input
        self._at = 0
        size = next((packet for packet in first.packets[:1] if isinstance(packet, Resize)), None)
        self._size = (size.columns, size.rows) if size else _DEFAULT_SIZE
        self.header = json_line(
            {
                "version": 2,
                "width": self._size[0],
                "height": self._size[1],
                "timestamp": int(first.wall(0)),
                "env": {"TERM": first.term},
            }
        )

    def lines(self, message: Message) -> Iterator[bytes]:
        for packet in message.packets:
            self._at = packet.at
            if isinstance(packet, Resize):
                if (packet.columns, packet.rows) != self._size:
                    self._size = (packet.columns, packet.rows)
                    yield self._line("r", f"{packet.columns}x{packet.rows}")
            elif isinstance(packet, Output) or self._with_input:
                code = "i" if isinstance(packet, Input) else "o"
                text = self._decoders[code].decode(packet.data)
                if text:
                    yield self._line(code, text)

    def rest(self) -> Iterator[bytes]:
        for code, decoder in self._decoders.items():
            text = decoder.decode(b"", True)
            if text:
                yield self._line(code, text)

    def _line(self, code: str, text: str) -> bytes:
        return json_line([self._at / 1000, code, text])
