"""The JSON objects of a log in any layout: one a line, indented over many lines, or as elements of one array.

For `auditor.verify`, whose answer must not change where a log collector has laid out the same JSON differently.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from typing import Any

from recorder.formats.message import MAX_LINE, MessageError, parse_object

_SPACE = re.compile(rb"[ \t\r\n]*+")

_BRACE_OR_STRING = re.compile(rb'[{}]|"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+("|\\?\Z)?')

# What may be left of a JSON text that was cut anywhere, from where the decoder could not go on: space, or a string,
# an escape, a number or a word that has no end.
_CUT = re.compile(
    r'[ \t\r\n]*+(?:"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+(?:\\(?:u[0-9a-fA-F]{0,3})?)?'
    r"|(?<=\\)u[0-9a-fA-F]{0,4}|-|\.|[eE][+-]?|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)?\Z"
)

# Outside objects: (state, byte) -> next state. A log is a sequence of objects or one array of objects.
_START, _SEQUENCE, _OPENED, _ELEMENT, _AFTER_ELEMENT, _CLOSED = range(6)
_NEXT = {
    (_START, b"{"): _SEQUENCE,
    (_START, b"["): _OPENED,
    (_SEQUENCE, b"{"): _SEQUENCE,
    (_OPENED, b"{"): _AFTER_ELEMENT,
    (_OPENED, b"]"): _CLOSED,
    (_ELEMENT, b"{"): _AFTER_ELEMENT,
    (_AFTER_ELEMENT, b","): _ELEMENT,
    (_AFTER_ELEMENT, b"]"): _CLOSED,
}


class CutShortError(MessageError):
    """The log ends within an object, and what is there of it is the beginning of one."""


def json_objects(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Every object of a log that comes in chunks, cut anywhere; fastest where a chunk is one object.

    Raises MessageError at the first thing that does not belong there, CutShortError where the log ends within an
    object. Holds one chunk and one object of at most MAX_LINE bytes.
    """
    splitter = _Splitter()
    for chunk in chunks:
        if splitter.between_objects:
            try:
                fields = parse_object(chunk)
            except MessageError:
                pass  # Part of an object, perhaps: the splitter knows.
            else:
                splitter.state = _SEQUENCE
                yield fields
                continue
        for text in splitter.split(chunk):
            yield parse_object(text)
    splitter.finish()


class _Splitter:
    """Finds where objects begin and end by their braces; whether they are JSON inside is for the decoder to say."""

    def __init__(self) -> None:
        self.state = _START
        self._buffer = bytearray()
        self._scanned = 0
        self._depth = 0

    @property
    def between_objects(self) -> bool:
        """Whether the next chunk may be an object of a sequence."""
        return not self._buffer and self.state in (_START, _SEQUENCE)

    def split(self, chunk: bytes) -> Iterator[bytes]:
        """The objects that are whole with this chunk."""
        self._buffer += chunk
        while self._depth or self._enter():
            end = self._object_end()
            if end is None:
                if len(self._buffer) > MAX_LINE:
                    raise MessageError(f"an object is longer than {MAX_LINE} bytes")
                return
            text = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield text

    def finish(self) -> None:
        """Raises MessageError if the log ends within an object: CutShortError if it was only cut."""
        if not self._buffer:
            return
        try:
            # Without the beginning of a character that was cut in two.
            text, _ = codecs.utf_8_decode(self._buffer, "strict", False)
            parse_object(text.encode())
        except UnicodeDecodeError as error:
            raise MessageError(f"not UTF-8 at byte {error.start}") from error
        except MessageError as error:
            cause = error.__cause__
            if isinstance(cause, JSONDecodeError) and _CUT.match(text, cause.pos):
                raise CutShortError("the last message is cut short") from error
            raise

    def _enter(self) -> bool:
        """Pass what stands before an object. False: no object begins in what is there."""
        while True:
            match = _SPACE.match(self._buffer)
            del self._buffer[: match.end() if match else 0]
            if not self._buffer:
                return False
            byte = bytes(self._buffer[:1])
            state = _NEXT.get((self.state, byte))
            if state is None:
                raise MessageError(f"not JSON: {byte!r} stands where a message should begin")
            self.state = state
            if byte == b"{":
                self._depth = self._scanned = 1
                return True
            del self._buffer[:1]

    def _object_end(self) -> int | None:
        """The end of the object that the buffer begins with, or None if it is not there yet."""
        for match in _BRACE_OR_STRING.finditer(self._buffer, self._scanned):
            token = self._buffer[match.start()]
            if token == ord("{"):
                self._depth += 1
            elif token == ord("}"):
                self._depth -= 1
            elif match[1] is None:
                raise MessageError("not JSON: a string holds a control character")
            elif match[1] != b'"':
                # The rest of the string has not come yet.
                self._scanned = match.start()
                return None
            if not self._depth:
                self._scanned = 0
                return match.end()
        self._scanned = len(self._buffer)
        return None
