"""Moments of a recording as people write and read them: `1:02:03.5` and milliseconds since it began."""

import re

END = float("inf")
"""The moment behind every other: where "end" goes."""

_DECIMALS = 9
_PARTS = 3


class MomentError(ValueError):
    """A text is no moment."""


def parse(text: str) -> float:
    """Milliseconds for "start", "end" (END) or HH:MM:SS.sss as tlog-play reads it, where any part may be missing.

    "90", "1:30" and ":90" are the same moment, and "2::" is two hours. Raises MomentError.
    """
    word = text.strip().lower()
    if word in ("start", "end"):
        return 0.0 if word == "start" else END
    if not re.fullmatch(rf"[0-9:]*(\.[0-9]{{0,{_DECIMALS}}})?", word):
        raise MomentError("not HH:MM:SS.sss, start or end")
    whole, _, fraction = word.partition(".")
    typed = TypedMoment()
    if not all(typed.feed(char) for char in whole):
        raise MomentError("more than hours, minutes and seconds")
    return typed.milliseconds() + float(f"0.{fraction or 0}") * 1000


def clock(milliseconds: float) -> str:
    """A moment or a length for reading: `0:07`, `12:34`, `1:02:03`; always rounded down, as clocks are."""
    seconds = int(milliseconds // 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class TypedMoment:
    """A moment that is being typed, digit by digit, before the key G; the grammar is tlog-play's.

    A leading colon opens the first part rather than closing an empty one, so ":30" are 30 seconds.
    """

    def __init__(self) -> None:
        self.text = ""
        self._parts: list[int] = []

    def feed(self, char: str) -> bool:
        """Take one digit or colon; False, and nothing typed any more, when no moment begins like that."""
        if char == ":" and len(self._parts) < _PARTS:
            self._parts.append(0)
        elif char != ":" and (not self._parts or self._parts[-1] < 10**15):
            if not self._parts:
                self._parts.append(0)
            self._parts[-1] = self._parts[-1] * 10 + int(char)
        else:
            self.clear()
            return False
        self.text += char
        return True

    def milliseconds(self) -> float:
        """What was typed so far."""
        seconds = 0
        for part in self._parts:
            seconds = seconds * 60 + part
        return seconds * 1000.0

    def clear(self) -> None:
        """Forget it: another key was pressed in between."""
        self.text = ""
        self._parts = []
