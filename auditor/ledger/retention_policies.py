"""How long recordings are kept: a file of policies, TOML, of which every mistake is told with its line.

    daily = "03:30"                       # when `sessrec serve` does it; left out: it does not

    [[policy]]
    name = "contractors"
    users = ["ext-*"]                     # patterns with * and ?; also not_users, hosts, not_hosts
    keep = "90d"                          # after the end: days (d), weeks (w) or years of 365 days (y)

    [[policy]]
    name = "all others"
    keep = "2y"                           # or "forever"

The first policy that takes a recording decides. What none of them takes is kept.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from auditor.query.query import Selection
from auditor.recordings.store import Facts
from auditor.rules.statements import Lines
from recorder.configuration.setting_kinds import shown
from recorder.errors import SessrecError

FILE = Path("/etc/session-recording/retention.toml")

MAX_SIZE = 256 * 1024
"""Bytes of the file."""

DAY = 86_400.0
"""Seconds."""

_UNITS = {"d": 1, "w": 7, "y": 365}
_KEEP = re.compile(r"([1-9][0-9]{0,4}) ?([dwy])", re.ASCII)
_DAILY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_PATTERNS = ("users", "not_users", "hosts", "not_hosts")
_KEYS = ("name", "keep", *_PATTERNS)


class RetentionError(SessrecError):
    """The policies cannot be used: "FILE:LINE: KEY: what is wrong; what to write"."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """Recordings that `selection` takes are kept for `keep` seconds after their end; None is for ever. `written` is
    how the file has it."""

    name: str
    keep: float | None
    written: str
    selection: Selection

    def takes(self, facts: Facts) -> bool:
        """Whether the recording is one of those that the policy is about."""
        return self.selection.takes(facts.rec, facts.user, facts.host)


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a file in their order. `daily` is minutes after midnight, by the clock of the machine."""

    policies: tuple[Policy, ...] = ()
    daily: int | None = None
    source: str = ""

    def deciding(self, facts: Facts) -> Policy | None:
        """The one that decides about a recording."""
        return next((policy for policy in self.policies if policy.takes(facts)), None)


def load(path: Path = FILE) -> Policies:
    """The policies of a file. Raises RetentionError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise RetentionError(f"{path}: cannot be read: {error.strerror}; write policies into it") from error
    return parse(data, str(path))


def parse(data: bytes, name: str) -> Policies:
    """The policies of the TOML document `data`; `name` is the file in messages. Raises RetentionError and nothing
    else, whatever the bytes: a mistake must not decide what is deleted."""
    if len(data) > MAX_SIZE:
        raise RetentionError(f"{name}:1: longer than {MAX_SIZE} bytes; is it a file of policies?")
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RetentionError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line (\d+)", str(error))
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(" (at ")[0]
        raise RetentionError(f"{name}:{found[1] if found else 1}: not TOML: {reason}; correct this line") from error
    return _File(name, Lines(text), document).read()


class _File:
    def __init__(self, name: str, lines: Lines, document: Mapping[str, Any]) -> None:
        self.name, self.lines, self.document = name, lines, document

    def read(self) -> Policies:
        for key in self.document:
            if key not in ("daily", "policy"):
                raise self.error([key], "unknown; write [[policy]] or daily")
        tables = self.document.get("policy", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.error(["policy"], "is not a list of tables; write [[policy]]")
        policies = tuple(self.policy(number, table) for number, table in enumerate(tables))
        names = [policy.name for policy in policies]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise self.error(["policy", number, "name"], f"{shown(name)} is there twice; give each its own name")
        return Policies(policies, self.daily(), self.name)

    def daily(self) -> int | None:
        value = self.document.get("daily")
        if value is None:
            return None
        match = _DAILY.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise self.error(["daily"], f'{shown(value)} is not a time of day; write "03:30"')
        return int(match[1]) * 60 + int(match[2])

    def policy(self, number: int, table: Mapping[str, Any]) -> Policy:
        where: list[str | int] = ["policy", number]
        for key in table:
            if key not in _KEYS:
                close = get_close_matches(key, _KEYS, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"write one of {', '.join(_KEYS)}"
                raise self.error([*where, key], f"unknown; {hint}")
        name = table.get("name")
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > 100:
            raise self.error([*where, "name"] if "name" in table else where, 'write a name, such as name = "all"')
        users, not_users, hosts, not_hosts = (self.patterns([*where, key], table.get(key)) for key in _PATTERNS)
        selection = Selection(users=users, not_users=not_users, hosts=hosts, not_hosts=not_hosts)
        return Policy(name, self.keep(where, table.get("keep")), str(table["keep"]), selection)

    def keep(self, where: list[str | int], value: object) -> float | None:
        if value == "forever":
            return None
        match = _KEEP.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            problem = "keep is missing" if value is None else f"{shown(value)} is no time to keep"
            raise self.error([*where, "keep"], f'{problem}; write "90d", "2y" or "forever"')
        return int(match[1]) * _UNITS[match[2]] * DAY

    def patterns(self, where: list[str | int], value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            # An empty list would take everybody, which is the opposite of what it looks like.
            raise self.error(where, f'{shown(value)} is not a list of patterns; write ["ext-*"]')
        return tuple(value)

    def error(self, path: list[str | int], message: str) -> RetentionError:
        key = shown(".".join(str(each) for each in path))[1:-1]
        return RetentionError(f"{self.name}:{self.lines.of(path)}: {key}: {message}")
