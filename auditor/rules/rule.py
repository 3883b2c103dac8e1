"""What a rule is: values, as `auditor.rules.document` reads them and `auditor.rules.matcher` follows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from auditor.rules.conditions import Condition
from auditor.rules.time_window import TimeWindow
from recorder.errors import SessrecError

LINES = ("printed", "entered", "command")
"""The kinds of lines that a rule can look at, as `auditor.transcript.Seen` has them."""

SEVERITIES = {"low": 21, "medium": 47, "high": 73, "critical": 99}
"""Words for `event.severity`; the numbers are those that Elastic's detection rules use for the same words."""

QUIET = 60.0
"""Seconds for which a rule that has alerted is silent in a recording, unless it says otherwise: one deed is seen as a
typed command, as the process that ran, and as what it printed."""


class RuleError(SessrecError):
    """Rules cannot be used: lines of "FILE:LINE: rule: what is wrong; what to write"."""


class Order(StrEnum):
    """What is to become of a session, as the commands `ipa recordedsession-...` call it."""

    SUSPEND = "suspend"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Clause:
    """Conditions on one line or one event, all of which must hold, and such of which none may.

    `line` is the kind of line that it is about, "" for events. The conditions of a line have the field `line`.
    """

    line: str
    conditions: tuple[Condition, ...]
    unless: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """In whose recordings, and when. Names are patterns with * and ?; an empty tuple says nothing."""

    users: tuple[str, ...] = ()
    not_users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    not_groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    times: tuple[TimeWindow, ...] = ()
    not_times: tuple[TimeWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """Alert when it is seen `count` times within so many seconds."""

    count: int
    within: float


@dataclass(frozen=True, slots=True)
class Example:
    """A line or an event that must match, or must not. `user`, `host`, `groups`, `time` (s since 1970) as far as it
    names them; what it does not name fits to any rule."""

    text: str
    line: str
    value: str
    fields: Mapping[str, Any]
    user: str | None = None
    host: str | None = None
    groups: frozenset[str] | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Actions:
    """What an alert starts beside its entry in the journal."""

    webhook: str = ""
    run: tuple[str, ...] = ()
    session: Order | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `severity` 0 to 100; `quiet` seconds; `place` is file and line."""

    name: str
    place: str
    description: str = ""
    severity: int = 0
    enabled: bool = True
    when: tuple[Clause, ...] = ()
    scope: Scope = field(default_factory=Scope)
    rate: Rate | None = None
    quiet: float = QUIET
    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()
    actions: Actions = field(default_factory=Actions)
