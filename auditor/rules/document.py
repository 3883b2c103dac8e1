"""A file of rules: TOML, of which every mistake is told with its line, its rule and what to write.

[groups]                                # of users; who is not in any table is asked of the system
dba = ["alice", "bob"]

[[rule]]
name = "database-dumped"
description = "A database was dumped by hand"
severity = "high"                       # low, medium, high, critical, or 0 to 100
enabled = true                          # the default
users = ["*"]                           # also not_users, groups, not_groups, hosts, not_hosts
not_times = [{ days = "mon-fri", hours = "08:00-18:00", zone = "Europe/Berlin" }]
when = [                                # one of these must hold
  { event.action = "exec", process.name = "pg_dump*" },
  { command = '\bmysqldump\b', not.command = '--no-data' },
]
rate = { count = 3, within = "10m" }    # alert at every third one within ten minutes
quiet = "1m"                            # nothing more for so long after an alert, in the same recording
match = [{ command = "mysqldump shop" }]
no_match = [{ command = "mysqldump --no-data shop" }, { command = "man mysqldumpslow" }]
actions = { webhook = "https://...", run = ["/usr/local/bin/page"], session = "suspend" }
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar

from auditor.rules import values
from auditor.rules.clauses import clause_of, example_of
from auditor.rules.rule import QUIET, SEVERITIES, Actions, Rule, Scope
from auditor.rules.statements import Lines
from recorder.configuration.setting_kinds import shown

MAX_SIZE = 1024 * 1024
"""Bytes of one file."""

_SCOPE = ("users", "not_users", "groups", "not_groups", "hosts", "not_hosts")
_KEYS = (
    *("name", "description", "severity", "enabled", *_SCOPE, "times", "not_times"),
    *("when", "rate", "quiet", "match", "no_match", "actions"),
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)

Value = TypeVar("Value")


class Mistake(NamedTuple):
    """Something wrong in a file, and what to write; `line` 0 where it is about the file as a whole."""

    file: str
    line: int
    where: str
    problem: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {where}{self.problem}"


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, as far as it can be understood."""

    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, frozenset[str]] | None = None
    mistakes: tuple[Mistake, ...] = ()


def parse(data: bytes, name: str) -> Document:
    """The rules of the TOML document `data`; `name` is the file in messages. Raises nothing, whatever the bytes."""
    if len(data) > MAX_SIZE:
        return _refused(name, 1, f"longer than {MAX_SIZE} bytes; is it a file of rules?")
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return _refused(name, data.count(b"\n", 0, error.start) + 1, "not UTF-8; save the file as UTF-8")
    except RecursionError:
        return _refused(name, 1, "nested too deeply; is it a file of rules?")
    except ValueError as error:
        message, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+)", place)
        line = int(found[1]) if found else text.count("\n") + 1
        return _refused(name, line, f"not TOML: {message}; correct this line")
    return _File(name, text, document).read()


def _refused(name: str, line: int, problem: str) -> Document:
    return Document(mistakes=(Mistake(name, line, "", problem),))


class _File:
    """A whole document on its way to rules."""

    def __init__(self, name: str, text: str, document: Mapping[str, Any]) -> None:
        self.name, self.document, self.lines = name, document, Lines(text)
        self.mistakes: list[Mistake] = []

    def read(self) -> Document:
        for key in self.document:
            if key not in ("rule", "groups"):
                self.complain((key,), shown(key)[1:-1], "unknown; write [[rule]] or [groups]")
        rules: list[Rule] = []
        names: dict[str, str] = {}
        for number, table in enumerate(self.tables()):
            rule = _Table(self, number, table).rule()
            if rule.name and rule.name in names:
                problem = f"is there twice, first at {names[rule.name]}; give each rule a name of its own"
                self.complain(("rule", number, "name"), f"rule {shown(rule.name)}: name", problem)
            names.setdefault(rule.name, rule.place)
            rules.append(rule)
        groups = self.groups()
        return Document(tuple(rules), groups, tuple(sorted(self.mistakes, key=lambda mistake: mistake.line)))

    def tables(self) -> list[Mapping[str, Any]]:
        tables = self.document.get("rule", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.complain(("rule",), "rule", "is not a list of tables; write [[rule]]")
            return []
        return tables

    def groups(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        table = self.document.get("groups", {})
        if not isinstance(table, dict):
            self.complain(("groups",), "groups", "is not a table; write [groups]")
            return {}
        for group, users in table.items():
            if isinstance(users, list) and all(isinstance(user, str) for user in users):
                found[group] = frozenset(users)
            else:
                problem = 'is not a list of users; write ["...", "..."]'
                self.complain(("groups", group), f"groups: {shown(group)[1:-1]}", problem)
        return found

    def complain(self, path: tuple[str | int, ...], where: str, problem: str) -> None:
        self.mistakes.append(Mistake(self.name, self.lines.of(path), where, problem))


class _Table:
    """One [[rule]]. What is wrong is complained about and read as if it were not there."""

    def __init__(self, file: _File, number: int, table: Mapping[str, Any]) -> None:
        self.file, self.number, self.table = file, number, table
        name = table.get("name")
        self.title = f"rule {shown(name)}" if isinstance(name, str) else f"rule {number + 1}"

    def rule(self) -> Rule:
        for key in self.table:
            if key not in _KEYS:
                close = get_close_matches(key, _KEYS, n=1)
                meant = f"did you mean {close[0]}?" if close else f"write one of {', '.join(_KEYS)}"
                self.complain(key, f"unknown; {meant}")
        name = self.value("name", values.text_of, None)
        if name is None or not _NAME.fullmatch(name):
            self.complain("name", 'write name = "..." of small letters, digits, - and _, at most 64')
        enabled = self.value("enabled", values.flag_of, True)
        rule = Rule(
            name=name or "",
            place=f"{self.file.name}:{self.file.lines.of(('rule', self.number))}",
            description=self.value("description", values.text_of, ""),
            severity=self.value("severity", values.severity_of, 0),
            enabled=enabled,
            when=tuple(self.each("when", clause_of)),
            scope=self.scope(),
            rate=self.value("rate", values.rate_of, None),
            quiet=self.value("quiet", values.duration_of, QUIET),
            match=tuple(self.each("match", example_of)),
            no_match=tuple(self.each("no_match", example_of)),
            actions=self.value("actions", values.actions_of, Actions()),
        )
        if enabled:
            self.require()
        return rule

    def require(self) -> None:
        """A rule that is switched off needs its name only."""
        for key, what in (
            ("description", 'write description = "..." for those who read the alert'),
            ("severity", f"write one of {', '.join(SEVERITIES)}, or 0 to 100"),
            ("when", "write when = [{ ... }], of which one must hold"),
            ("match", "write at least one example that must match: match = [{ ... }]"),
            ("no_match", "write at least one example that must not match: no_match = [{ ... }]"),
        ):
            if not self.table.get(key) and self.table.get(key) != 0:
                self.complain(key, f"is missing; {what}")

    def scope(self) -> Scope:
        names = {key: self.value(key, values.names_of, ()) for key in _SCOPE}
        return Scope(
            **names,
            times=self.value("times", values.windows_of, ()),
            not_times=self.value("not_times", values.windows_of, ()),
        )

    def each(self, key: str, meaning: Callable[[Mapping[str, Any], Callable[[str, str], None]], Value | None]) -> Any:
        """What the tables of a list mean, those that mean something."""
        tables = self.table.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.complain(key, f"is not a list of tables; write {key} = [{{ ... }}, {{ ... }}]")
            return
        for number, table in enumerate(tables, 1):

            def complain(field: str, problem: str, number: int = number) -> None:
                self.complain(key, problem, f" {number}: {shown(field)[1:-1]}" if field else f" {number}")

            found = meaning(table, complain)
            if found is not None:
                yield found

    def value(self, key: str, meaning: Callable[[Any], Any], default: Any) -> Any:
        """What the value of a key means; `default` without it."""
        if key not in self.table:
            return default
        try:
            return meaning(self.table[key])
        except ValueError as error:
            self.complain(key, f"{shown(self.table[key])} {error}")
            return default

    def complain(self, key: str, problem: str, below: str = "") -> None:
        path = ("rule", self.number, key) if key in self.table else ("rule", self.number)
        self.file.complain(path, f"{self.title}: {shown(key)[1:-1]}{below}", problem)
