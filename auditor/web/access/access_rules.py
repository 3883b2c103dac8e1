"""[web.access]: what groups, roles and users of FreeIPA may see and do.

    [web.access]
    refresh = 60                # seconds until a change in FreeIPA is in force for who is signed in
    keep = 900                  # seconds for which what was known counts while FreeIPA does not answer

    [[web.access.rule]]
    group = "auditors"
    scope = "all"
    rights = ["watch", "input", "export", "control"]

    [[web.access.rule]]
    group = ["web-operators", "web-developers"]
    hostgroups = ["web"]
    rights = ["watch"]

    [[web.access.rule]]
    group = "ipausers"
    scope = "own"
    rights = ["watch"]

The first rule that names somebody says what he may do. Rules after it that name him and give the same rights add
their recordings; others do not count, so that no right of one rule reaches the recordings of another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from auditor.web.access.viewer import Right
from recorder.configuration.setting_kinds import shown
from recorder.errors import SessrecError

REFRESH = 60
KEEP = 900

ALL, OWN = "all", "own"
WHO = ("group", "role", "user")
WHERE = ("hosts", "hostgroups", "users", "groups")


class AccessError(SessrecError):
    """[web.access] cannot be used; the text says where and what to write."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Account:
    """A user of FreeIPA: with the groups and roles that he has, through others too."""

    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who it is about: members of one of `group`, of one of `role`, or one of `user`. What it gives: `rights`, to all
    recordings, to one's own, or to those made on `hosts` (patterns) or hosts of `hostgroups` by `users` (patterns) or
    members of `groups`; a side where nothing is named takes everything."""

    group: tuple[str, ...] = ()
    role: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    scope: str = ""
    hosts: tuple[str, ...] = ()
    hostgroups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    rights: frozenset[Right] = frozenset()

    def names(self, account: Account) -> bool:
        """Whether it is about this user. FreeIPA's names know no letter case."""
        groups, roles = _folded(account.groups), _folded(account.roles)
        return bool(_folded(self.group) & groups or _folded(self.role) & roles or {account.name} & set(self.user))


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """All of [web.access]; `servers` and `realm` are empty where the machine's enrolment says them."""

    rules: tuple[AccessRule, ...]
    refresh: int = REFRESH
    keep: int = KEEP
    servers: tuple[str, ...] = ()
    realm: str = ""
    authority: Path | None = None

    def decide(self, account: Account) -> tuple[AccessRule, ...]:
        """The rules that count for a user, all with the same rights; none where none names him."""
        found = [rule for rule in self.rules if rule.names(account)]
        return tuple(rule for rule in found if rule.rights == found[0].rights)


def read_access(table: Mapping[str, Any]) -> AccessSettings:
    """Read [web.access] as tomllib read it. Raises AccessError."""
    _known(table, ("refresh", "keep", "server", "realm", "ca", "rule"), "web.access")
    rules = table.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise AccessError("web.access.rule: not rules; write [[web.access.rule]] above each")
    if not rules:
        raise AccessError("web.access: nobody may see anything; write a [[web.access.rule]]")
    return AccessSettings(
        tuple(_rule(rule, f"web.access.rule {number}") for number, rule in enumerate(rules, 1)),
        _seconds(table, "refresh", REFRESH, 1, 3600),
        _seconds(table, "keep", KEEP, 0, 86_400),
        _strings(table, "server", "web.access"),
        "".join(_strings(table, "realm", "web.access")[:1]),
        Path(table["ca"]) if _strings(table, "ca", "web.access") else None,
    )


def _rule(table: Mapping[str, Any], place: str) -> AccessRule:
    _known(table, (*WHO, "scope", *WHERE, "rights"), place)
    lists = {name: _strings(table, name, place) for name in (*WHO, *WHERE)}
    if not any(lists[name] for name in WHO):
        raise AccessError(f"{place}: about nobody; write group, role or user")
    scope = table.get("scope", "")
    narrowed = any(lists[name] for name in WHERE)
    if (scope not in (ALL, OWN) and "scope" in table) or bool(scope) == narrowed:
        raise AccessError(
            f'{place}: write scope = "{ALL}" or "{OWN}", or else some of {", ".join(WHERE)}, and not both'
        )
    return AccessRule(scope=scope, rights=_rights(table, place), **lists)


def _rights(table: Mapping[str, Any], place: str) -> frozenset[Right]:
    rights = _strings(table, "rights", place)
    unknown = [right for right in rights if right not in set(Right)]
    if unknown or Right.WATCH not in rights:
        wrong = f"{shown(unknown[0])} is none; " if unknown else ""
        raise AccessError(
            f"{place}: rights: {wrong}write a list of {', '.join(Right)}; {Right.WATCH} is part of each"
        )
    return frozenset(Right(right) for right in rights)


def _known(table: Mapping[str, Any], names: Sequence[str], place: str) -> None:
    for name in table:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"write one of {', '.join(names)}"
            raise AccessError(f"{place}: {shown(name)[1:-1]}: unknown; {hint}")


def _strings(table: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    """A text, or a list of them."""
    value = table.get(name, [])
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(each, str) and each.isprintable() for each in several):
        raise AccessError(f"{place}: {name}: {shown(value)} is neither a text nor a list of them")
    # An empty one would be about nobody, or about everybody, by an oversight.
    if name in table and not (several and all(several)):
        raise AccessError(f"{place}: {name}: it is empty; leave it out or write a name")
    return tuple(several)


def _seconds(table: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = table.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise AccessError(f"web.access: {name}: {shown(value)}: write a number of seconds from {least} to {most}")
    return value


def _folded(names: Sequence[str] | frozenset[str]) -> set[str]:
    return {name.casefold() for name in names}
