"""Which lines were seen on a screen, and when for the first time.

The screen is looked at from time to time (`look`). What stood there the last time, or went away a short while
ago, is not reported again; what scrolled off in between is, even if no look fell on it: it can be scrolled back to.
The cursor's line is waited for while it only grows, so that a line that is typed, or comes in parts, is reported
once, when it is complete, with the time at which its last character came.

Two limits keep the reports in proportion to the output: a row that changes only in digits and punctuation (a clock,
a counter) is reported some times and then once in a while (`recent`), and long lines are paid for by output
(`budget`).
"""

from collections.abc import Collection
from operator import itemgetter
from typing import NamedTuple

from auditor.screen import Screen
from auditor.screen.cells import WRAP
from auditor.transcript.budget import Budget
from auditor.transcript.recent import Recent, shape

LONGEST = 64 * 1024
"""Characters of a logical line; a longer one is reported in pieces."""

OVERLAP = 1024
"""Characters that such a piece repeats of the one before, so that what lies over the cut is found."""

_MANY = 2000
_MUCH = 1024 * 1024
"""Lines and characters that wait for the next look; it comes early then."""


class Line(NamedTuple):
    """`at`: milliseconds; `text`: a logical line, rows that were wrapped joined, trailing blanks cut."""

    at: int
    text: str


class _Held(NamedTuple):
    """The cursor's line while it is waited for. `said`: what was reported of it already."""

    text: str = ""
    since: int = 0
    said: str = ""


class Printed:
    """Looks at a screen, whose `scrolled` rows it is given."""

    def __init__(self, screen: Screen, budget: Budget) -> None:
        self._screen = screen
        self._budget = budget
        self._gone: list[Line] = []
        self._much = 0
        self._carry = ""
        self._rows: list[str] = []
        self._texts: dict[int, str] = {}
        self._y = -1
        self._alternate = False
        self._standing: dict[str, int] = {}
        self._behind: dict[str, int] = {}
        self._held = _Held()
        self._waiting: dict[str, int] = {}
        self._recent = Recent()

    def scrolled(self, at: int, rows: list[str]) -> None:
        """Rows that left the screen at its top."""
        clusters = self._screen.clusters
        self._much += sum(map(len, rows))
        if not self._carry and not any(row.endswith(WRAP) for row in rows):
            self._gone += [Line(at, clusters.text(row)) for row in rows]
            return
        parts = [self._carry]
        length = len(self._carry)
        for row in rows:
            wrapped = row.endswith(WRAP)
            parts.append(clusters.joined(row) if wrapped else clusters.text(row))
            length += len(parts[-1])
            if not wrapped:
                self._gone.append(Line(at, "".join(parts).rstrip()))
                parts = []
                length = 0
            elif length >= LONGEST:
                whole = "".join(parts)
                self._gone.append(Line(at, whole[:LONGEST]))
                parts = [whole[LONGEST - OVERLAP :]]
                length = len(parts[0])
        self._carry = "".join(parts)

    @property
    def full(self) -> bool:
        """Whether so much has scrolled off that it should be looked at now."""
        return len(self._gone) > _MANY or self._much > _MUCH

    def look(self, at: int) -> list[Line]:
        """The lines to report: new since the last look, as they stand at `at`."""
        screen = self._screen
        if screen.alternate != self._alternate:
            self._alternate = screen.alternate
            self._standing, self._behind = self._behind, self._standing
            self._texts = {}
            self._end_carry(at)
        elif self._only_cursor_row():
            self._rows[self._y] = screen.rows[self._y]
            reported: list[Line] = []
            self._hold(at, screen.clusters.text(screen.rows[self._y]), (), reported)
            return self._paid(reported)
        return self._paid(self._compare(at))

    def finish(self, at: int) -> list[Line]:
        """What has been waited for until the end of the recording."""
        lines = self._compare(at)
        held, self._held = self._held, _Held()
        if held.text.strip() and not held.said.startswith(held.text):
            lines.append(Line(held.since, held.text))
        lines += [Line(since, text) for text, since in self._waiting.items()]
        self._waiting = {}
        return self._paid(lines)

    def _only_cursor_row(self) -> bool:
        """Whether nothing but the cursor's row has changed, and only that may have: the usual case of typing."""
        screen = self._screen
        rows, before, y = screen.rows, self._rows, screen.y
        if self._gone or y != self._y or len(rows) != len(before) or not self._holds_cursor():
            return False
        if WRAP in rows[y] or WRAP in before[y] or (rows[y - 1].endswith(WRAP) if y else self._carry):
            return False
        return rows[:y] == before[:y] and rows[y + 1 :] == before[y + 1 :]

    def _holds_cursor(self) -> bool:
        """Whether the cursor's line may go on. In a full-screen program it does where the cursor is at its end."""
        screen = self._screen
        return not screen.alternate or screen.x >= len(screen.rows[screen.y].rstrip())

    def _compare(self, at: int) -> list[Line]:
        """All lines of the screen against those of the last look."""
        screen = self._screen
        if not screen.rows[0]:
            self._end_carry(at)
        texts, cursor_line = self._lines()
        before = self._standing
        reported: list[Line] = []
        for line in self._gone:
            # Rows may have left the other screen just before it was switched.
            stood = before if before.get(line.text) else self._behind
            count = stood.get(line.text)
            if count:
                stood[line.text] = count - 1
                if screen.alternate:
                    self._recent.left(line.text, at)
            elif line.text:
                reported.append(line)
        reported = [Line(self._waiting.pop(line.text, line.at), line.text) for line in dict.fromkeys(reported)]
        current = texts.pop(cursor_line) if cursor_line is not None else None
        standing: dict[str, int] = {}
        fresh: dict[str, int] = {}
        for y, text in texts.items():
            standing[text] = standing.get(text, 0) + 1
            count = before.get(text)
            if count:
                before[text] = count - 1
            else:
                fresh.setdefault(text, y)
        held: list[Line] = []
        told = self._hold(at, current, {*fresh, *(line.text for line in reported)}, held)
        reported = [line for line in reported if line.text not in told] + held
        waiting: dict[str, int] = {}
        for text, y in fresh.items():
            since = self._waiting.get(text, at)
            if text in told or (standing[text] == 1 and self._recent.returns(text, at)):
                continue
            if (since != at or self._counts(y, text)) and not self._recent.may_change(text, at):
                waiting[text] = since
                del standing[text]
            else:
                reported.append(Line(since, text))
        for text, count in before.items():
            if count and text not in standing:
                self._recent.left(text, at)
        self._standing, self._waiting = standing, waiting
        self._gone = []
        self._much = 0
        self._rows, self._y = screen.rows.copy(), screen.y
        self._texts = texts
        return reported

    def _end_carry(self, at: int) -> None:
        """A line whose beginning has left the screen does not go on there any more."""
        if self._carry:
            self._gone.append(Line(at, self._carry.rstrip()))
            self._carry = ""

    def _lines(self) -> tuple[dict[int, str], int | None]:
        """Row -> the logical line that begins there, blank ones left out; and the row of the line held."""
        screen = self._screen
        clusters = screen.clusters
        texts: dict[int, str] = {}
        parts = [self._carry] if self._carry else []
        first = 0
        held = None
        for y, row in enumerate(screen.rows):
            if row.endswith(WRAP) and y + 1 < screen.height:
                parts.append(clusters.joined(row))
                continue
            text = clusters.text(row)
            if parts:
                text = "".join([*parts, text])[:LONGEST].rstrip()
                parts = []
            if text:
                texts[first] = text
            if first <= screen.y <= y and self._holds_cursor():
                held = first
                texts[first] = text
            first = y + 1
        return texts, held

    def _counts(self, y: int, text: str) -> bool:
        """Whether the line at a row was rewritten in place, with other numbers."""
        old = self._texts.get(y)
        return old is not None and not self._gone and shape(old) == shape(text)

    def _hold(self, at: int, current: str | None, others: Collection[str], reported: list[Line]) -> Collection[str]:
        """Waits on for the cursor's line, or reports it; the lines among the others that need no report then."""
        held = self._held
        if current == held.text:
            return ()
        if current and held.text and grows(held.text, current):
            self._held = _Held(current, at, held.said)
            return ()
        said = ""
        told: tuple[str, ...] = ()
        reported_before = held.said.startswith(held.text)
        # The line stands somewhere else now, or has been completed and left.
        moved = bool(held.text) and (held.text in others or any(other.startswith(held.text) for other in others))
        if held.text in others:
            told = (held.text,)
        if held.text and not reported_before:
            if told or (not moved and self._was_seen(held.text, current, at)):
                reported.append(Line(held.since, held.text))
            if not moved:
                self._recent.left(held.text, at)
        if current and not moved and held.text.startswith(current):
            # Its end was deleted.
            said = held.said if reported_before else held.text
        elif current and self._standing.get(current):
            self._standing[current] -= 1
            said = current
        self._held = _Held(current or "", at, said)
        return told

    def _was_seen(self, text: str, current: str | None, at: int) -> bool:
        """Whether a line that was overwritten is to be reported."""
        if self._recent.returns(text, at):
            return False
        return not current or shape(current) != shape(text) or self._recent.may_change(text, at)

    def _paid(self, lines: list[Line]) -> list[Line]:
        return [
            Line(line.at, self._budget.spend(line.text))
            for line in sorted(lines, key=itemgetter(0))
            if not line.text.isspace()
        ]


def grows(old: str, new: str) -> bool:
    """Whether `new` is `old` with something put in at one place, usually at its end."""
    if new.startswith(old):
        return True
    if len(new) <= len(old):
        return False
    same = next((index for index, char in enumerate(old) if char != new[index]), len(old))
    return new.endswith(old[same:])
