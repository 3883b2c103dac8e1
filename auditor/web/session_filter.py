"""The filter of the list of sessions, as its URL says it.

    /sessions?user=a*,-bob&host=web*&range=today&since=2026-03-01T08:00&until=2026-03-01T09:30&state=live&group=host

Whoever opens the URL tomorrow is shown the same filter, with `range` and relative times counted from then.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, get_args
from urllib.parse import urlencode

from auditor.query.query import QueryError, Selection
from auditor.query.time_forms import TimeFormError, point_in_time
from auditor.recordings.recording_state import State
from auditor.recordings.store import GroupKey, Position
from auditor.verify import Verdict

MAX_TEXT = 500
"""Characters of a field."""

MAX_PATTERNS = 50
"""Of one field."""


class Range(NamedTuple):
    """A range of time with a name: from and to, as auditor.query.time_forms has them."""

    title: str
    since: str
    until: str = ""


RANGES: Mapping[str, Range] = {
    "hour": Range("Last hour", "1h"),
    "day": Range("Last 24 hours", "24h"),
    "today": Range("Today", "today"),
    "yesterday": Range("Yesterday", "yesterday", "today"),
    "week": Range("Last 7 days", "7d"),
    "month": Range("Last 30 days", "30d"),
    "quarter": Range("Last 90 days", "90d"),
}
STATES: Mapping[str, str] = {state.value: state.value for state in State}
VERDICTS: Mapping[str, str] = {verdict.value: verdict.value for verdict in Verdict}
UNVERIFIED = "unverified"
GROUPS: tuple[GroupKey, ...] = get_args(GroupKey)

_FIELDS = ("user", "host", "rec", "range", "since", "until", "state", "group")


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """What was asked for: `fields` as they were given, without empty ones and `before`; what they mean; and what is
    wrong with them, "" for nothing."""

    fields: Mapping[str, str]
    selection: Selection
    verdict: str = ""
    group: GroupKey | None = None
    before: Position | None = None
    complaint: str = ""

    def url(self, path: str = "/sessions", **changed: str) -> str:
        """The list with these fields changed; "" takes one away. It begins at its first page."""
        fields = {name: value for name, value in {**self.fields, **changed}.items() if value}
        return f"{path}?{urlencode(fields)}" if fields else path

    @property
    def query(self) -> str:
        """The fields as the query of a URL."""
        return urlencode(self.fields)


def read_filter(parameters: Iterable[tuple[str, str]], now: datetime) -> SessionFilter:
    """The filter of a URL's parameters. Raises nothing: what cannot be understood is a complaint, and selects
    nothing."""
    fields: dict[str, str] = {}
    before = ""
    for name, value in parameters:
        value = value.strip()
        if name == "before":
            before = value
        elif name in _FIELDS and value:
            joined = f"{fields[name]},{value}" if name in ("user", "host") and name in fields else value
            fields[name] = joined
    try:
        return _understood(fields, before, now)
    except QueryError as error:
        return SessionFilter(fields, Selection(within=()), complaint=str(error))


def written(position: Position) -> str:
    """A position in the list as a URL has it."""
    return f"{position.start!r}~{position.rec}"


def read_position(text: str) -> Position:
    """The position that a URL has. Raises QueryError."""
    start, tilde, rec = text.partition("~")
    if not tilde or not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,2})?", start) or len(rec) > 1000:
        raise QueryError("this page of the list is not known: begin at its first one")
    return Position(float(start), rec)


def times(fields: Mapping[str, str], now: datetime) -> tuple[float | None, float | None]:
    """From and to: what the range and the two times have in common. Raises QueryError."""
    named = fields.get("range", "")
    if named and named not in RANGES:
        raise QueryError(f"no range {named[:40]!r}: use one of {', '.join(RANGES)}")
    chosen = RANGES[named] if named else Range("", "")
    since = [_moment(text, now) for text in (chosen.since, fields.get("since", "")) if text]
    until = [_moment(text, now) for text in (chosen.until, fields.get("until", "")) if text]
    return max(since, default=None), min(until, default=None)


def minute(time: float | None) -> str:
    """A time as a field for date and time has it."""
    if time is None:
        return ""
    try:
        return datetime.fromtimestamp(time).strftime("%Y-%m-%dT%H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def _understood(fields: Mapping[str, str], before: str, now: datetime) -> SessionFilter:
    for name, value in fields.items():
        if len(value) > MAX_TEXT:
            raise QueryError(f"{name} is longer than {MAX_TEXT} characters")
    since, until = times(fields, now)
    users, not_users = _patterns(fields.get("user", ""))
    hosts, not_hosts = _patterns(fields.get("host", ""))
    state, group = fields.get("state", ""), fields.get("group", "")
    if state and state not in STATES and state not in VERDICTS and state != UNVERIFIED:
        raise QueryError(f"no state {state[:40]!r}: use one of {', '.join([*STATES, *VERDICTS, UNVERIFIED])}")
    if group and group not in GROUPS:
        raise QueryError(f"sessions are not grouped by {group[:40]!r}: use one of {', '.join(GROUPS)}")
    if group and (state in VERDICTS or state == UNVERIFIED):
        raise QueryError(f"sessions that are {state} are not grouped: choose another state, or no groups")
    selection = Selection(
        users=users,
        hosts=hosts,
        not_users=not_users,
        not_hosts=not_hosts,
        recs=(fields["rec"],) if "rec" in fields else (),
        since=since,
        until=until,
        states=(state,) if state in STATES else (),
    )
    return SessionFilter(
        fields,
        selection,
        verdict=state if state not in STATES else "",
        group=next((name for name in GROUPS if name == group), None),
        before=read_position(before) if before else None,
    )


def quoted(name: str) -> str:
    """A name as a field of patterns has it: in quotes where it would be taken for several or for one to leave out."""
    plain = not re.search(r'[\s,"]', name) and not name.startswith("-")
    return name if plain else '"{}"'.format(name.replace('"', "?"))


def _patterns(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns that are wanted, and those that are not, with a "-" in front."""
    each = [part for part in re.findall(r'-?"[^"]*"|[^\s,]+', text) if part.strip('-"')]
    if len(each) > MAX_PATTERNS:
        raise QueryError(f"a filter has at most {MAX_PATTERNS} names: use patterns with * and ?")
    wanted = tuple(part.strip('"') for part in each if not part.startswith("-"))
    return wanted, tuple(part[1:].strip('"') for part in each if part.startswith("-"))


def _moment(text: str, now: datetime) -> float:
    try:
        return point_in_time(text, now)
    except TimeFormError as error:
        raise QueryError(str(error)) from error
