"""The time line: one row of the terminal for the whole recording, with a mark where something happened.

ASCII, so that it is the same on every terminal; marks differ in their letter, not only in their colour.
"""

from auditor.player.timeline import Timeline

MARKS = {"other": ("!", "31"), "network": ("n", "35"), "file": ("f", "33"), "exec": ("x", "32")}
"""Letter and colour (SGR) of each kind of event; where several fall on one column, the first in this order."""

_PLAYED, _AHEAD = ("=", "0"), ("-", "0;2")
_HERE = "7"
_PLAIN = "\x1b[0m"


def time_line(timeline: Timeline, position: float, columns: int) -> str:
    """The row: what was played, where playback stands, and what is known to come."""
    length = max(timeline.length, 1)
    here = min(int(position * columns / length), columns - 1)
    parts: list[str] = []
    before = ""
    for column in range(columns):
        first, last = column * length / columns, (column + 1) * length / columns
        if column == columns - 1:
            last = float("inf")
        letter, pen = _PLAYED if column <= here else _AHEAD
        for kind, (mark, colour) in MARKS.items():
            if timeline.has_event(kind, first, last):
                letter, pen = mark, f"0;{colour}"
                break
        if column == here:
            pen = f"{pen};{_HERE}"
            letter = "|" if letter == _PLAYED[0] else letter
        if pen != before:
            parts.append(f"\x1b[{pen}m")
            before = pen
        parts.append(letter)
    return "".join(parts) + _PLAIN
