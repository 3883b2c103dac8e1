"""The screen and what is read from it: any bytes, cut into packets anywhere, at any size."""

from auditor.transcript import Transcript
from recorder.formats.message import Input, Output, Resize
from tests import fuzz

CHARSETS = ("UTF-8", "iso8859-1", "gb18030", "no such set")
SIZES = (0, 1, 2, 9, 80, 65535)

SEEDS = [
    b"\x00\x04\x04\x10$ ls \x1b[1;31mx\x1b[m\r\n\xe6\xbc\xa2\xe5\xad\x97\r\n",
    b"\x01\x01\x01\x05\x1b[?1049h\x1b[2;3r\x1b[5;5Hx\x1b[3L\x1b[2M\x1b[4@\x1b[2P\x1b[?1049l",
    b"\x02\x03\x05\x40\x1b[?2004h\x1b]133;B\x07make\r\n\x1b[?2004l\x1b]0;t\x07\x1b(0qx\x1b(B\x1b[20b\x1bc",
    b"\x00\x05\x05\x08e\xcc\x81\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9\x1b#8\x1b[4h\x1b[?7l\x1bPq\x1b\\\x1b]",
]


def target(data):
    """The first four bytes choose charset, size and length of the packets."""
    if len(data) < 4:
        return "short"
    transcript = Transcript(CHARSETS[data[0] % len(CHARSETS)])
    columns, rows, length = SIZES[data[1] % len(SIZES)], SIZES[data[2] % len(SIZES)], data[3] + 1
    packets = [Resize(0, columns, rows)]
    for number, start in enumerate(range(4, len(data), length)):
        part = data[start : start + length]
        packets.append(Output(number * 70, part))
        if number % 5 == 3:
            packets.append(Input(number * 70, part[:9]))
            packets.append(Resize(number * 70, SIZES[part[0] % len(SIZES)], rows))
    lines = [line for packet in packets for line in transcript.feed(packet)] + transcript.finish()
    size = sum(len(line.text) for line in lines)
    assert size < 3_000_000
    for line in lines:
        allowed = "\n" if line.kind == "command" else ""
        assert line.text.strip()
        assert all(char in allowed or not (char < " " or "\x7f" <= char < "\xa0") for char in line.text)
    return frozenset(line.kind for line in lines), len(lines).bit_length(), size.bit_length()


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
