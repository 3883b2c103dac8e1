"""The language of searches, and which recordings a listing takes.

    error -warning "no such file"        lines with the word and the phrase, without the other word
    cmd:git -cmd:status                  commands; entered: what was typed; printed: (or screen:) what was shown
    exec:curl file:/etc net:192.0.2.1    processes and their arguments, files, addresses, ports and names of hosts
    url:example.test event:denied        addresses of the web in any line; any event
    user:alice host:web* since:monday    in whose recordings, and when
    rec:0f3a                             in the recording whose id begins so

Words are found inside of longer ones too, and letter case does not matter. Words without a field must stand in one
line, whatever its kind; words for one field likewise. Words for different fields must be in the same recording. A
word excluded for a field that nothing else is asked of excludes whole recordings.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from auditor.query.time_forms import TimeFormError, point_in_time
from auditor.query.words import fold
from auditor.transcript import Kind
from recorder.errors import SessrecError

MAX_TERMS = 50
"""Every term costs a look into the index; no person types that many."""

ANY = "any"
UNTYPED = "untyped"
EVENT = "event"
LINE_KINDS: Mapping[str, tuple[Kind, ...]] = {
    ANY: ("printed", "entered", "command", "exec", "file", "network", "other"),
    UNTYPED: ("printed", "command", "exec", "file", "network", "other"),
    EVENT: ("exec", "file", "network", "other"),
    "printed": ("printed",),
    "entered": ("entered",),
    "command": ("command",),
    "exec": ("exec",),
    "file": ("file",),
    "net": ("network", "host"),
    "url": ("url",),
}
"""The kinds of lines that a group of each kind looks through. Lines of the kinds `url` and `host` repeat what others
have in them, and are found by their fields only. UNTYPED is ANY for those who may not see what was typed."""

_FIELDS = {
    "cmd": "command",
    "command": "command",
    "entered": "entered",
    "printed": "printed",
    "screen": "printed",
    "exec": "exec",
    "file": "file",
    "net": "net",
    "url": "url",
    "event": EVENT,
}
_FILTERS = ("user", "host", "rec", "since", "until")


class QueryError(SessrecError):
    """A query cannot be understood; the text says which part."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Grant:
    """Recordings that somebody may know of: those of users that match one of the patterns with * and ?, on hosts that
    match one of theirs; none where there are no patterns. `user`: and only those of the user with exactly this name.
    Letter case matters in a user's name."""

    users: tuple[str, ...] = ("*",)
    hosts: tuple[str, ...] = ("*",)
    user: str | None = None

    def takes(self, user: str, host: str) -> bool:
        """Whether it takes a recording with these."""
        return (
            (self.user is None or user == self.user)
            and any(_pattern(pattern).match(user) for pattern in self.users)
            and _matches(host, self.hosts)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which recordings: `users`, `hosts` are patterns with * and ?, one of which must match, unless there are none;
    `not_users`, `not_hosts` must not; `recs` are beginnings of ids; `since`, `until` seconds since 1970. `within`:
    one of the grants must take it, where it is not None. `states`: the values of
    `auditor.recordings.recording_state.State`, one of which it must have, unless there are none."""

    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    not_users: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    recs: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    within: tuple[Grant, ...] | None = None
    states: tuple[str, ...] = ()

    def takes(self, rec: str, user: str, host: str) -> bool:
        """Whether a recording with these is among them; times and states are not looked at."""
        return (
            (not self.recs or rec.startswith(self.recs))
            and (not self.users or _matches(user, self.users))
            and (not self.hosts or _matches(host, self.hosts))
            and not _matches(user, self.not_users)
            and not _matches(host, self.not_hosts)
            and (self.within is None or any(grant.takes(user, host) for grant in self.within))
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that one line must have, and must not have. `kind` is one of LINE_KINDS. The terms are folded, with
    single spaces where any white space may stand."""

    kind: str
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A search: `groups` that must all have a line in the recording, `without` that must have none in it."""

    groups: tuple[Group, ...]
    without: tuple[Group, ...]
    selection: Selection


def parse_query(text: str, now: datetime) -> Query:
    """The query that a person typed. Raises QueryError and nothing else, whatever the text."""
    wanted: dict[str, list[str]] = {}
    unwanted: dict[str, list[str]] = {}
    filters: dict[str, list[str]] = {}
    for term in _terms(text):
        if term.field in _FILTERS:
            filters.setdefault(("-" if term.negative else "") + term.field, []).append(term.text)
        else:
            kind = _FIELDS.get(term.field, ANY)
            into = unwanted if term.negative else wanted
            into.setdefault(kind, []).append(term.text)
    if sum(map(len, (*wanted.values(), *unwanted.values()))) > MAX_TERMS:
        raise QueryError(f"the query has more than {MAX_TERMS} words: use fewer")
    if not wanted:
        raise QueryError(
            "the query has nothing to look for: give a word (`sessrec list` selects by user, host and time alone)"
        )
    return Query(
        groups=tuple(Group(kind, tuple(terms), tuple(unwanted.get(kind, ()))) for kind, terms in wanted.items()),
        without=tuple(
            Group(kind, (term,)) for kind, terms in unwanted.items() if kind not in wanted for term in terms
        ),
        selection=_selection(filters, now),
    )


class _Term(NamedTuple):
    negative: bool
    field: str
    text: str


_TERM = re.compile(
    r"""\s*(?P<negative>-?)(?:(?P<field>[A-Za-z]+):)?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<open>".*)|(?P<plain>\S*))""",
    re.DOTALL,
)


def _terms(text: str) -> Iterator[_Term]:
    position = 0
    while text[position:].strip():
        match = _TERM.match(text, position)
        assert match is not None  # every part of the expression may be empty
        position = match.end()
        if match["open"] is not None:
            raise QueryError('a phrase is not closed: add a " at its end')
        field = (match["field"] or "").lower()
        quoted = match["quoted"]
        value = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else match["plain"]
        if field and field not in _FIELDS and field not in _FILTERS:
            field, value = "", f"{match['field']}:{value}"
        if field not in _FILTERS:
            value = fold(" ".join(value.split()))
        if not value:
            raise QueryError(f"{match[0].strip()!r} names nothing: write a word behind it")
        yield _Term(bool(match["negative"]), field, value)


def _selection(filters: dict[str, list[str]], now: datetime) -> Selection:
    for name in ("-rec", "-since", "-until"):
        if name in filters:
            raise QueryError(f"{name}: cannot be excluded: only words, user: and host: can")
    return Selection(
        users=tuple(filters.get("user", ())),
        hosts=tuple(filters.get("host", ())),
        not_users=tuple(filters.get("-user", ())),
        not_hosts=tuple(filters.get("-host", ())),
        recs=tuple(filters.get("rec", ())),
        since=max(_times(filters, "since", now), default=None),
        until=min(_times(filters, "until", now), default=None),
    )


def _times(filters: dict[str, list[str]], name: str, now: datetime) -> list[float]:
    try:
        return [point_in_time(text, now) for text in filters.get(name, ())]
    except TimeFormError as error:
        raise QueryError(f"{name}: {error}") from error


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    folded = name.lower()
    return any(_pattern(pattern.lower()).match(folded) for pattern in patterns)


@lru_cache(maxsize=1000)
def _pattern(pattern: str) -> re.Pattern[str]:
    # Not fnmatch(), which folds case by the platform; [ is nothing special in a user's or host's name.
    return re.compile(translate(pattern.replace("[", "[[]")))
