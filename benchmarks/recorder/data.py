"""What is sent through the recorders: the same bytes on every machine, made in a temporary directory."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

MB = 1_000_000

WORDS = "alpha beta kernel: [OK] 127.0.0.1 GET /index.html error 0x7ffe sshd[1234]: Accepted session opened for user"

FULL = {"ascii": 200 * MB, "cjk": 50 * MB, "random": 5 * MB}
QUICK = {"ascii": 20 * MB, "cjk": 20 * MB, "random": 5 * MB}

BLOCK = 2 * MB
"""Text is made once to this size and repeated; a recorder has no memory that would notice."""


def generate(directory: Path, sizes: dict[str, int]) -> dict[str, Path]:
    """A file of each kind, of at least so many bytes: lines of log files, coloured Chinese text, random bytes."""
    made = {}
    for kind, size in sizes.items():
        made[kind] = directory / kind
        lines = _KINDS[kind]
        rng = random.Random(kind)
        block = bytearray()
        for line in lines(rng):
            block += line
            if len(block) >= (size if kind == "random" else min(BLOCK, size)):
                break
        with made[kind].open("wb") as file:
            written = 0
            while written < size:
                written += file.write(block)
    return made


def _ascii(rng: random.Random) -> Iterator[bytes]:
    words = WORDS.split()
    while True:
        yield " ".join(rng.choices(words, k=rng.randint(4, 18))).encode() + b"\n"


def _cjk(rng: random.Random) -> Iterator[bytes]:
    signs = [chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(500)]
    while True:
        line = ""
        for _ in range(rng.randint(3, 10)):
            text = "".join(rng.choices(signs, k=rng.randint(1, 8)))
            end = rng.choice((" ", "é", "😀", 'abc "q" \\ '))
            line += f"\x1b[{rng.randint(0, 1)};3{rng.randint(0, 7)}m{text}{end}\x1b[0m"
        yield line.encode() + b"\r\n"


def _random(rng: random.Random) -> Iterator[bytes]:
    while True:
        yield rng.randbytes(100_000)


_KINDS: dict[str, Callable[[random.Random], Iterator[bytes]]] = {"ascii": _ascii, "cjk": _cjk, "random": _random}
