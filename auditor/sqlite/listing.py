"""Lists of recordings in the SQLite store: those that a selection takes, in order of time, and how many by what.

An index has all that selections look at, so that the recordings themselves, a hundred times as large, are read only
where they are taken. What SQL cannot say exactly leaves nothing out; `Selection.takes` then decides.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from auditor.query.query import Grant, Selection
from auditor.recordings.recording_state import RECENT, State, recording_state
from auditor.recordings.store import Facts, GroupKey, Position, RecordingGroup, in_order

CHUNKS = (100, 2000)
"""Rows that are read first, and then at a time: most readers want some of the latest."""

MAX_PATTERN = 1000
"""Characters of a pattern that SQL is asked for; SQLite's limit is higher."""

_SUMS = "count(*), sum(finish - start), sum(events), max(start)"

STARTED = "start >= ? AND start < ?"
"""Recordings that started in a selection's time."""

OVERLAPS = "finish >= ? AND start < ?"
"""Recordings of which any part lies in it."""


class Listed(NamedTuple):
    """A recording's number and facts."""

    number: int
    facts: Facts


class Listing:
    """Lists of one store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def recordings(
        self,
        selection: Selection,
        in_time: str,
        *,
        oldest_first: bool = False,
        only: set[int] | None = None,
        after: Position | None = None,
    ) -> Iterator[Listed]:
        """Those that the selection takes, of `only` these numbers, `after` a position in their order."""
        where = _Where(selection, in_time)
        if only is not None:
            where.add("number IN (SELECT value FROM json_each(?))", json.dumps(sorted(only)))
        comparison, order = (">", "") if oldest_first else ("<", "DESC")
        last, size = (None if after is None else self._place(after, oldest_first)), CHUNKS[0]
        while True:
            further, values = ("", ()) if last is None else (f" AND (start, number) {comparison} (?, ?)", last)
            rows = self._connection.execute(
                f"SELECT number, rec, user, host, start FROM recordings WHERE {where.text}{further} "
                f"ORDER BY start {order}, number {order} LIMIT {size}",
                (*where.values, *values),
            ).fetchall()
            for number, rec, user, host, _ in rows:
                if selection.takes(rec, user, host):
                    facts = self._facts(number)
                    if facts and (not selection.states or recording_state(facts) in selection.states):
                        yield Listed(number, facts)
            if len(rows) < size:
                return
            last, size = (rows[-1][4], rows[-1][0]), CHUNKS[1]

    def groups(self, selection: Selection, by: GroupKey) -> list[RecordingGroup]:
        """See Store."""
        where = _Where(selection, STARTED)
        # What patterns take is decided here, so recordings are told apart by user and host as well.
        exact = replace(selection, recs=())
        apart = exact != Selection(since=exact.since, until=exact.until)
        found: dict[str, RecordingGroup] = {}
        rows = self._by_day(where, apart) if by == "day" else self._by_name(where, by, apart)
        for key, user, host, count, seconds, events, latest in rows:
            if count and (not apart or exact.takes("", user, host)):
                group = RecordingGroup(key, count, round(seconds * 1000), events, latest)
                found[key] = found[key].merged(group) if key in found else group
        return in_order(found.values(), by)

    def _by_name(self, where: "_Where", name: str, apart: bool) -> Iterator[tuple[Any, ...]]:
        names = "user, host" if apart else "'', ''"
        return self._connection.execute(
            f"SELECT {name}, {names}, {_SUMS} FROM recordings WHERE {where.text} "
            f"GROUP BY {'user, host' if apart else name}",
            where.values,
        )

    def _by_day(self, where: "_Where", apart: bool) -> Iterator[tuple[Any, ...]]:
        """Day by day along the index, which spares sorting."""
        names, group = ("user, host", "GROUP BY user, host") if apart else ("'', ''", "")
        since, until, *values = where.values
        while True:
            row = self._connection.execute(
                f"SELECT start FROM recordings WHERE {where.text} ORDER BY start LIMIT 1", (since, until, *values)
            ).fetchone()
            if row is None:
                return
            day, following = _local_day(row[0])
            yield from self._connection.execute(
                f"SELECT ?, {names}, {_SUMS} FROM recordings WHERE {where.text} {group}",
                (day, row[0], min(until, following), *values),
            )
            if following >= until:
                return
            since = following

    def _place(self, position: Position, oldest_first: bool) -> tuple[float, int]:
        """Start and number of the recording at a position, or, where it was deleted, what comes before all others
        that started at that moment."""
        row = self._connection.execute("SELECT number FROM recordings WHERE rec = ?", (position.rec,)).fetchone()
        return position.start, row[0] if row else (-1 if oldest_first else 2**62)

    def _facts(self, number: int) -> Facts | None:
        row = self._connection.execute("SELECT facts FROM recordings WHERE number = ?", (number,)).fetchone()
        return facts_of(row[0]) if row else None


def facts_of(text: str) -> Facts:
    """The facts as they are stored."""
    fields = json.loads(text)
    fields["command"] = tuple(fields["command"])
    return Facts(**fields)


def _local_day(moment: float) -> tuple[str, float]:
    """The day of local time in which a moment lies, as YYYY-MM-DD, and the next one's beginning; "" and all that
    follows where no calendar has it."""
    try:
        midnight = datetime.fromtimestamp(moment).replace(hour=0, minute=0, second=0, microsecond=0)
        return f"{midnight:%Y-%m-%d}", (midnight + timedelta(days=1)).timestamp()
    except (OverflowError, ValueError, OSError):
        return "", float("inf")


class _Where:
    """Conditions of SQL that leave out none of a selection's recordings, and their values."""

    def __init__(self, selection: Selection, in_time: str) -> None:
        since = float("-inf") if selection.since is None else selection.since
        until = float("inf") if selection.until is None else selection.until
        self._parts = [in_time]
        self.values: list[Any] = [since, until]
        for name, patterns, unwanted in (
            ("user", selection.users, selection.not_users),
            ("host", selection.hosts, selection.not_hosts),
        ):
            if patterns:
                self._any([_like(name, pattern) for pattern in patterns])
            for pattern in unwanted:
                condition, values = _like(name, pattern, or_other=False)
                if condition:
                    self.add(f"NOT ({condition})", *values)
        if selection.recs:
            self._any([("rec >= ? AND substr(rec, 1, ?) = ?", [rec, len(rec), rec]) for rec in selection.recs])
        if selection.within is not None:
            self._any([_grant(grant) for grant in selection.within])
        if selection.states:
            self._any([_state(state) for state in selection.states])

    @property
    def text(self) -> str:
        """The condition."""
        return " AND ".join(f"({part})" for part in self._parts)

    def add(self, condition: str, *values: Any) -> None:
        """And this one."""
        self._parts.append(condition)
        self.values += values

    def _any(self, conditions: list[tuple[str, list[Any]]]) -> None:
        """One of them must hold; an empty one says nothing and always does."""
        if all(condition for condition, _ in conditions):
            text = " OR ".join(f"({condition})" for condition, _ in conditions)
            self.add(text or "0", *(value for _, values in conditions for value in values))


def _like(name: str, pattern: str, *, or_other: bool = True) -> tuple[str, list[Any]]:
    """A pattern as LIKE has it, which folds the case of ASCII letters only: names with others are left to Python."""
    if not pattern.isascii() or len(pattern) > MAX_PATTERN or "\0" in pattern:
        return "", []
    escaped = "".join("\\" + char if char in "%_\\" else {"*": "%", "?": "_"}.get(char, char) for char in pattern)
    other = f" OR {name} GLOB '*[^ -~]*'" if or_other else ""
    return f"{name} LIKE ? ESCAPE '\\'{other}", [escaped]


def _grant(grant: Grant) -> tuple[str, list[Any]]:
    if grant.user is not None:
        return "user = ?", [grant.user]
    sides = []
    for name, patterns in (("user", grant.users), ("host", grant.hosts)):
        conditions = [_like(name, pattern) for pattern in patterns]
        if all(condition for condition, _ in conditions):
            text = " OR ".join(f"({condition})" for condition, _ in conditions) or "0"
            sides.append((text, [value for _, values in conditions for value in values]))
    return " AND ".join(f"({text})" for text, _ in sides), [value for _, values in sides for value in values]


def _state(state: str) -> tuple[str, list[Any]]:
    if state == State.LIVE:
        # A recording of this machine is live as long as its process is, however long it was silent.
        return "NOT ended AND (finish > ? OR host = ?)", [time.time() - RECENT, os.uname().nodename]
    return {
        State.ENDED: "ended AND NOT missing",
        State.OPEN: "NOT ended AND NOT marked AND NOT missing",
        State.BROKEN: "NOT ended AND marked AND NOT missing",
        State.INCOMPLETE: "missing",
    }.get(State(state), ""), []
