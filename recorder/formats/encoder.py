"""What goes into one io message: terminal bytes with their times become timing, text and binary parts.

The format is tlog's (docs/format.md). This runs inside the recorded session for every byte that it prints, so it
works on whole runs of bytes: one decode, one escape and one encode per message in the ordinary case.
"""

import re

REPLACEMENT = "\ufffd".encode()

MOSTLY_INVALID = 4
"""A run with more than one invalid byte in this many is stored as bytes altogether: as text, each would cost a
replacement character (3 bytes) and a number. Random bytes come out at 3.6 times their size, with tlog at 6.2."""

_INVALID = re.compile("([\udc80-\udcff]+)")

_COMMON = (
    (b"\\", b"\\\\"),  # first: the others bring backslashes of their own
    (b'"', b'\\"'),
    (b"\r\n", b"\\r\\n"),  # most line ends at once
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
    (b"\t", b"\\t"),
    (b"\x1b", b"\\u001b"),
    (b"\b", b"\\b"),
    (b"\f", b"\\f"),
)
_RARE = bytes(value for value in range(32) if value not in b"\n\r\t\x1b\b\f")

_NUMBERS = [b"%d" % byte for byte in range(256)]


class Body:
    """The parts of an io message that come from the terminal, ready to be written.

    `timing` is bytes of the timing string; `in_txt` and `out_txt` are JSON strings with their quotes, UTF-8;
    `in_bin` and `out_bin` are JSON lists without their brackets. `at` is milliseconds since the recording began,
    `size` the terminal bytes inside.
    """

    __slots__ = ("at", "in_bin", "in_txt", "out_bin", "out_txt", "size", "timing")

    def __init__(
        self, at: int, timing: bytes, in_txt: bytes, in_bin: bytes, out_txt: bytes, out_bin: bytes, size: int
    ) -> None:
        self.at = at
        self.timing = timing
        self.in_txt = in_txt
        self.in_bin = in_bin
        self.out_txt = out_txt
        self.out_bin = out_bin
        self.size = size


EMPTY = b'""'


class Encoder:
    """Collects packets of one recording and turns them into message bodies."""

    def __init__(self) -> None:
        self.size = 0
        """Terminal bytes collected for the next message."""
        self._runs: list[tuple[bool, int, list[bytes]]] = []
        self._current: list[bytes] | None = None
        self._last: tuple[bool, int] = (False, -1)
        # A character that came in two reads is stored when it is complete: the beginning waits here.
        self._held = {False: b"", True: b""}

    def held(self) -> tuple[bytes, bytes]:
        """What waits for its rest, of output and input; all that is not in a message once `take` was asked."""
        return self._held[False], self._held[True]

    def hold(self, output: bytes, input: bytes) -> None:
        """Begin with what another encoder held."""
        self._held = {False: output, True: input}

    def output(self, at: int, data: bytes) -> None:
        """The session printed `data` at `at` ms. `at` never goes backwards."""
        if self._last != (False, at) or self._current is None:
            self._open(False, at)
        self._current.append(data)  # type: ignore[union-attr]
        self.size += len(data)

    def input(self, at: int, data: bytes) -> None:
        """`data` was typed at `at` ms."""
        if self._last != (True, at) or self._current is None:
            self._open(True, at)
        self._current.append(data)  # type: ignore[union-attr]
        self.size += len(data)

    def _open(self, typed: bool, at: int) -> None:
        self._current = []
        self._last = (typed, at)
        self._runs.append((typed, at, self._current))

    def take(self, columns: int, rows: int, *, end: int | None = None) -> Body | None:
        """The body of the next message, or None where there is nothing to write.

        `end` is the position, in ms, at which the stream ends: what never became a whole character is then stored
        as bytes.
        """
        runs, size = self._runs, self.size
        self._runs, self._current, self.size = [], None, 0
        if end is not None:
            runs.extend((typed, end, [b""]) for typed, held in self._held.items() if held)
        if not runs:
            return None
        at = runs[0][1]
        timing = ["=%dx%d" % (columns, rows)] if columns else []  # noqa: UP031  (an f-string is slower here)
        streams = (_Stream(">", "]"), _Stream("<", "["))
        now = at
        for index, (typed, moment, chunks) in enumerate(runs):
            data = self._held[typed] + b"".join(chunks)
            final = end is not None and not any(later[0] == typed for later in runs[index + 1 :])
            self._held[typed] = b"" if final else incomplete_tail(data)
            if self._held[typed]:
                data = data[: -len(self._held[typed])]
            if not data:
                continue
            if moment > now:
                timing.append(f"+{moment - now}")
                now = moment
            timing.append(streams[typed].add(data))
        printed, typed_text = streams
        if not printed.texts and not typed_text.texts and not size:
            return None
        return Body(
            at,
            "".join(timing).encode(),
            typed_text.json_text(),
            typed_text.json_bytes(),
            printed.json_text(),
            printed.json_bytes(),
            size,
        )


class _Stream:
    """The text and bytes of one direction within one message."""

    __slots__ = ("binary", "bracket", "mark", "texts")

    def __init__(self, mark: str, bracket: str) -> None:
        self.mark = mark
        self.bracket = bracket
        self.texts: list[bytes] = []
        self.binary = bytearray()

    def add(self, data: bytes) -> str:
        """Take a run of bytes; the timing that says how to read it back."""
        try:
            characters = len(data.decode())
        except UnicodeDecodeError:
            return self._add_invalid(data)
        self.texts.append(data)
        return f"{self.mark}{characters}"

    def _add_invalid(self, data: bytes) -> str:
        valid = data.decode("utf-8", "ignore")
        if MOSTLY_INVALID * (len(data) - len(valid.encode())) > len(data):
            self.texts.append(REPLACEMENT)
            self.binary += data
            return f"{self.bracket}1/{len(data)}"
        timing = []
        # An undecodable byte becomes one lone surrogate, so a run of them is a run of those: linear, and in C.
        for index, piece in enumerate(_INVALID.split(data.decode("utf-8", "surrogateescape"))):
            if index & 1:
                self.texts.append(REPLACEMENT * len(piece))
                self.binary += piece.encode("utf-8", "surrogateescape")
                timing.append(f"{self.bracket}{len(piece)}/{len(piece)}")
            elif piece:
                self.texts.append(piece.encode())
                timing.append(f"{self.mark}{len(piece)}")
        return "".join(timing)

    def json_text(self) -> bytes:
        if not self.texts:
            return EMPTY
        return b'"%s"' % escape(b"".join(self.texts))

    def json_bytes(self) -> bytes:
        return b",".join(map(_NUMBERS.__getitem__, self.binary))


def escape(data: bytes) -> bytes:
    """UTF-8 bytes as the inside of a JSON string, escaped as RFC 8785 has it.

    A `bytes.replace` runs at the speed of memchr, which beats the escaping of the json module on terminal output:
    its special characters are few and mostly the same.
    """
    for byte, escaped in _COMMON:
        if byte in data:
            data = data.replace(byte, escaped)
    if len(data.translate(None, _RARE)) != len(data):
        for value in _RARE:
            data = data.replace(b"%c" % value, b"\\u%04x" % value)
    return data


def incomplete_tail(data: bytes) -> bytes:
    """The beginning of a UTF-8 character at the end of `data` that further bytes may complete, or b""."""
    for length in range(1, min(3, len(data)) + 1):
        byte = data[-length]
        if byte < 0x80:
            return b""
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            tail = data[-length:]
            return tail if length < wanted and _may_become_valid(tail) else b""
    return b""


def _may_become_valid(tail: bytes) -> bool:
    """UTF-8 forbids some second bytes (overlong forms, surrogates, beyond U+10FFFF) and first bytes C0, C1, F5-FF."""
    try:
        tail.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False
