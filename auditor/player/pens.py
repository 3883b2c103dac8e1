"""Pens: the colours and attributes that text is written with, as SGR (ECMA-48 8.3.117, ISO 8613-6, xterm) sets them.

A pen is one code point, so that the pens of a row are a string beside its text. DEFAULT is a terminal's own pen.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from auditor.screen.cells import PAD

DEFAULT = "\0"

_MOST_PENS = 200_000
"""Different pens known at a time; about 100 bytes each. A recording that shows more is shown without the others."""

_MOST_STEPS = 20_000

_ATTRIBUTES = frozenset(("1", "2", "3", "5", "7", "8", "9", "53"))
_ENDS = {
    "22": ("1", "2"),
    "23": ("3",),
    "25": ("5",),
    "27": ("7",),
    "28": ("8",),
    "29": ("9",),
    "55": ("53",),
}
_COLOUR_KINDS = {"38": "foreground", "48": "background", "58": "line_colour"}
_COLOUR_ENDS = {"39": "foreground", "49": "background", "59": "line_colour"}


@dataclass(frozen=True, slots=True)
class _Look:
    """What a pen stands for; each text is a parameter of SGR, or empty."""

    attributes: frozenset[str] = frozenset()
    underline: str = ""
    foreground: str = ""
    background: str = ""
    line_colour: str = ""


_PLAIN = _Look()
_LOOKS: list[_Look] = [_PLAIN]
_GROUNDS: list[str] = [DEFAULT]
"""By pen, as _LOOKS: what is erased while it is set."""

_CODES: dict[_Look, str] = {_PLAIN: DEFAULT}
_STEPS: dict[tuple[str, str], str] = {}
"""The same few changes come again and again: (pen, parameters) to pen."""


RUN = re.compile("(.)\\1*", re.DOTALL)
"""One pen after the other in the pens of a row."""


def runs(cells: str, pens: str) -> Iterator[tuple[str, int, int]]:
    """Pen, start and end of each piece of a row that was written with one pen. The second half of a wide character
    belongs to the pen of its first half."""
    for run in RUN.finditer(pens):
        start, end = run.span()
        while start < end and cells[start] == PAD and start:
            start += 1
        while end < len(cells) and cells[end] == PAD:
            end += 1
        if start < end:
            yield run[1], start, end


def changed(pen: str, parameters: str) -> str:
    """The pen after `CSI parameters m`. Parameters that are not known change nothing."""
    if not parameters or parameters == "0":
        return DEFAULT
    step = (pen, parameters)
    after = _STEPS.get(step)
    if after is None:
        if len(_STEPS) >= _MOST_STEPS:
            _STEPS.clear()
        after = _STEPS[step] = _code(_applied(_LOOKS[ord(pen)], parameters))
    return after


def ground(pen: str) -> str:
    """The pen of what is erased while `pen` is set: its background alone (terminals "erase with background")."""
    return _GROUNDS[ord(pen)]


def inverted(pen: str) -> str:
    """The pen with foreground and background exchanged: to mark text that already has its colours."""
    look = _LOOKS[ord(pen)]
    return _code(replace(look, attributes=look.attributes ^ {"7"}))


def sgr(pen: str) -> str:
    """The control sequence that sets this pen and nothing else."""
    if pen == DEFAULT:
        return "\x1b[0m"
    look = _LOOKS[ord(pen)]
    parts = ["0", *sorted(look.attributes), look.underline, look.foreground, look.background, look.line_colour]
    return f"\x1b[{';'.join(part for part in parts if part)}m"


def _code(look: _Look) -> str:
    code = _CODES.get(look)
    if code is None:
        if len(_LOOKS) >= _MOST_PENS:
            return DEFAULT
        code = _CODES[look] = chr(len(_LOOKS))
        _LOOKS.append(look)
        _GROUNDS.append(DEFAULT)
        if look.background:
            _GROUNDS[ord(code)] = _code(_Look(background=look.background))
    return code


def _applied(look: _Look, parameters: str) -> _Look:
    parts = parameters.split(";")
    while parts:
        part = parts.pop(0)
        kind = _COLOUR_KINDS.get(part.partition(":")[0])
        if kind is not None:
            colour = _colour(part, parts)
            if colour:
                look = _with(look, kind, colour)
        elif ":" in part:
            if re.fullmatch("4:[0-5]", part):
                look = replace(look, underline="" if part == "4:0" else part)
        else:
            look = _simple(look, part.lstrip("0") or "0")
    return look


def _simple(look: _Look, part: str) -> _Look:
    """One parameter that stands for itself."""
    if part == "0":
        return _PLAIN
    if part in _ATTRIBUTES:
        return replace(look, attributes=look.attributes | {part})
    if part in _ENDS:
        return replace(look, attributes=look.attributes.difference(_ENDS[part]))
    if part in ("4", "21"):
        return replace(look, underline="4" if part == "4" else "4:2")
    if part == "24":
        return replace(look, underline="")
    if part in _COLOUR_ENDS:
        return _with(look, _COLOUR_ENDS[part], "")
    number = int(part) if len(part) <= 3 else 0
    if 30 <= number <= 37 or 90 <= number <= 97:
        return replace(look, foreground=part)
    if 40 <= number <= 47 or 100 <= number <= 107:
        return replace(look, background=part)
    return look


def _with(look: _Look, kind: str, colour: str) -> _Look:
    changes: dict[str, Any] = {kind: colour}
    return replace(look, **changes)


def _colour(part: str, parts: list[str]) -> str:
    """An indexed or direct colour, with colons in one part, or with semicolons taken from the parts that follow.

    Given back with semicolons, which every terminal with such colours understands; only 58 is never written so.
    """
    kind, _, rest = part.partition(":")
    if rest:
        values = rest.split(":")
        if values[0] == "2" and len(values) >= 5:
            del values[1]  # ISO 8613-6 has the colour space there; xterm's first form had not
    else:
        count = {"5": 2, "2": 4}.get(parts[0] if parts else "", 1)
        values, parts[:count] = parts[:count], []
    wanted = {"5": 2, "2": 4}.get(values[0] if values else "", 0)
    if not wanted or len(values) < wanted:
        return ""
    numbers = [value.lstrip("0") or "0" for value in values[1:wanted]]
    if any(not number.isdigit() or len(number) > 3 or int(number) > 255 for number in numbers):
        return ""
    separator = ":" if kind == "58" else ";"
    return separator.join([kind, values[0], *numbers])
