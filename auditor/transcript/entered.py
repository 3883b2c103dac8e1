"""Lines as they were typed, from recorded input: what the keys say, not what the program made of them."""

import codecs
import re
from typing import NamedTuple

LONGEST = 64 * 1024
"""Characters of a line; a longer one (a file pasted without a line end) comes in pieces."""

TOGETHER = 100
"""Milliseconds. Escape and what comes later are two keys, not the two parts of one."""

_SEQUENCES = re.compile(
    r"\x1b\[M..."  # a mouse click as X10 reports it
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # arrows and other keys, answers of the terminal, marks of a paste
    r"|\x1bO[ -~]"  # keys of the application keypad
    r"|\x1b[]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"  # the terminal's answers in strings
    r"|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    re.DOTALL,
)
_CUT = re.compile(r"\x1b(?:\[M?.{0,2}|\[[0-?]*[ -/]*|O|[]P_^X][^\x07\x1b]{0,256}\x1b?)?\Z", re.DOTALL)
"""A sequence whose end has not come yet."""


class Line(NamedTuple):
    """`at`: milliseconds at which Enter was pressed; `text`: what was typed before it."""

    at: int
    text: str


class Entered:
    """Typed bytes in, lines out. Control characters and escape sequences are left out; nothing is edited by them."""

    def __init__(self, decoder: codecs.IncrementalDecoder) -> None:
        self._decoder = decoder
        self._line = ""
        self._cut = ""
        self._at = 0

    def feed(self, at: int, data: bytes) -> list[Line]:
        """The lines that these bytes complete."""
        begun = self._cut if at - self._at <= TOGETHER else ""
        self._at = at
        text = begun + self._decoder.decode(data)
        cut = _CUT.search(text, max(0, len(text) - 300))
        self._cut = cut[0] if cut is not None else ""
        text = _SEQUENCES.sub("", text[: len(text) - len(self._cut)])
        *complete, rest = re.split("[\r\n]", text)
        lines = []
        for part in complete:
            lines += self._pieces(at, self._line + part)
            self._line = ""
        self._line += rest
        whole = len(self._line) // LONGEST * LONGEST
        lines += self._pieces(at, self._line[:whole])
        self._line = self._line[whole:]
        return lines

    def finish(self, at: int) -> list[Line]:
        """What was typed last, without Enter."""
        return self._pieces(at, self._line)

    def _pieces(self, at: int, text: str) -> list[Line]:
        parts = (text[start : start + LONGEST] for start in range(0, len(text), LONGEST))
        return [Line(at, part) for part in parts if part.strip()]
