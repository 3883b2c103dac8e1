"""Local policies: a TOML file with the same policies that FreeIPA has, for hosts without it or besides it.

    [defaults]                      # what a policy of this file leaves open; all keys may be left out
    capture = ["output", "resize"]
    on_failure = "deny"

    [[policy]]
    name = "contractors"
    action = "record"               # the default; or "exempt"
    order = 100                     # 0 if left out
    enabled = true                  # the default
    users = ["bob"]
    groups = ["contractors"]        # or everyone = true
    hosts = ["web.example.com"]     # hosts, hostgroups, or every_host = true, which is the default
    capture = ["output", "input", "resize", "command-bytes"]
    audit = ["exec", "network"]
    audit_changes = ["/etc"]
    audit_reads = ["/srv/secrets"]
    notice = "This session is recorded."
    on_failure = "deny"

Words and limits are those of `ipa_plugin.policy`; so is the meaning.
"""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ipa_plugin.policy import (
    Action,
    Members,
    Overrides,
    Policy,
    action_of,
    audit_of,
    capture_of,
    check_name,
    check_notice,
    on_failure_of,
    order_of,
    paths_of,
    shown,
)
from recorder.errors import SessrecError

MAX_SIZE = 1024 * 1024
"""Bytes of the file."""

SETTINGS = ("capture", "audit", "audit_changes", "audit_reads", "notice", "on_failure")
MEMBERS = ("users", "groups", "everyone", "hosts", "hostgroups", "every_host")
KEYS = ("name", "action", "order", "enabled", *MEMBERS, *SETTINGS)

Value = TypeVar("Value")


class LocalPolicyError(SessrecError):
    """The local policies cannot be used: "FILE:LINE: what is wrong; what to write"."""


@dataclass(frozen=True)
class LocalPolicies:
    """The policies of the file, with their gaps filled from its defaults; `present` tells whether there is a file."""

    policies: tuple[Policy, ...] = ()
    present: bool = False


def read_local(path: str) -> LocalPolicies:
    """The policies of the file at `path`. Raises LocalPolicyError; a file that is half right is wrong."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise LocalPolicyError(f"{path}: others than root may write it; chown root and chmod 0644 it")
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise LocalPolicyError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(data, path)


def parse(data: bytes, name: str) -> LocalPolicies:
    """The policies in the TOML document `data`; `name` is the file in messages. Raises LocalPolicyError only."""
    if len(data) > MAX_SIZE:
        raise LocalPolicyError(f"{name}:1: longer than {MAX_SIZE} bytes; is it a file of policies?")
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LocalPolicyError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise LocalPolicyError(f"{name}:1: nested too deeply") from error
    except ValueError as error:
        message, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+)", place)
        line = int(found[1]) if found else text.count("\n") + 1
        raise LocalPolicyError(f"{name}:{line}: not TOML: {message}; correct this line") from error
    return _Document(name, text, document).policies()


class _Document:
    """A TOML document on its way to policies."""

    def __init__(self, name: str, text: str, document: Mapping[str, Any]) -> None:
        self.name = name
        self.lines = text.split("\n")
        self.document = document

    def policies(self) -> LocalPolicies:
        for key in self.document:
            if key not in ("defaults", "policy"):
                raise self.error(self.line_of(key, 0), key, "unknown; write [defaults] or [[policy]]")
        tables = self.document.get("policy", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.error(self.line_of("policy", 0), "policy", "is not a list of tables; write [[policy]]")
        table = self.document.get("defaults", {})
        if not isinstance(table, dict):
            raise self.error(self.line_of("defaults", 0), "defaults", "is not a table; write [defaults]")
        line = self.header("[defaults]", 0)
        defaults = _Table(self, table, line, "defaults", SETTINGS).overrides()
        found: list[Policy] = []
        names: set[str] = set()
        for number, table in enumerate(tables):
            line = self.header("[[policy]]", number)
            policy = _Table(self, table, line, f"policy {number + 1}", KEYS).policy(defaults)
            if policy.name.lower() in names:
                raise self.error(line, "name", f"{shown(policy.name)} is there twice; give each policy its own")
            names.add(policy.name.lower())
            found.append(policy)
        return LocalPolicies(tuple(found), True)

    def error(self, line: int, where: str, problem: str) -> LocalPolicyError:
        return LocalPolicyError(f"{self.name}:{line}: {shown(where)[1:-1]}: {problem}")

    def header(self, header: str, number: int) -> int:
        """The line of a table's header; tomllib gives no positions. Of an inline table, the first line."""
        at = [n for n, line in enumerate(self.lines, 1) if re.sub(r"\s|#.*", "", line) == header]
        return at[number] if number < len(at) else 1

    def line_of(self, key: str, after: int) -> int:
        """The first line that sets `key` below the line `after`, else that line."""
        for number, line in enumerate(self.lines[after:], after + 1):
            bare = line.strip().lstrip("[\"' ")
            if bare.startswith(key) and re.match(r"[\"'\] ]*[=.\]]", bare[len(key) :]):
                return number
            if number > after + 1 and line.lstrip().startswith("[") and after:
                break
        return max(after, 1)


class _Table:
    """One table of the document: [defaults], or a [[policy]]."""

    def __init__(
        self, document: _Document, table: Mapping[str, Any], line: int, title: str, keys: tuple[str, ...]
    ) -> None:
        self.document, self.table, self.line, self.title = document, table, line, title
        for key in table:
            if key not in keys:
                raise self.error(key, f"unknown; write one of {', '.join(keys)}")
        if isinstance(table.get("name"), str):
            self.title = f"policy {shown(table['name'])}"

    def error(self, key: str, problem: str) -> LocalPolicyError:
        line = self.document.line_of(key, self.line)
        return LocalPolicyError(f"{self.document.name}:{line}: {self.title}: {shown(key)[1:-1]}: {problem}")

    def policy(self, defaults: Overrides) -> Policy:
        name = self.value("name", str, _checked(check_name))
        if name is None:
            raise self.error("name", 'is missing; write name = "..."')
        action = self.value("action", str, action_of) or Action.RECORD
        overrides = self.overrides()
        if action is Action.EXEMPT:
            for key in SETTINGS:
                if key in self.table:
                    raise self.error(key, 'an exempt policy records nothing: remove it, or set action = "record"')
        else:
            overrides = _filled(overrides, defaults)
        users = self.members("everyone", "users", "groups", False)
        if users == Members():
            raise self.error("users", "names nobody; write users, groups or everyone = true")
        return Policy(
            name=name,
            enabled=self.value("enabled", bool, bool) is not False,
            order=self.value("order", int, lambda number: order_of(str(number))) or 0,
            action=action,
            users=users,
            hosts=self.members("every_host", "hosts", "hostgroups", True),
            overrides=overrides,
        )

    def members(self, all_key: str, names_key: str, groups_key: str, default: bool) -> Members:
        names = frozenset(self.texts(names_key) or ())
        groups = frozenset(self.texts(groups_key) or ())
        everyone = self.value(all_key, bool, bool)
        if everyone and (names or groups):
            raise self.error(all_key, f"is true, and {names_key if names else groups_key} are named; remove one")
        if everyone is None:
            everyone = default and names_key not in self.table and groups_key not in self.table
        return Members(everyone, names, groups)

    def overrides(self) -> Overrides:
        changes = self.texts("audit_changes", paths_of)
        reads = self.texts("audit_reads", paths_of)
        audit = None
        if "audit" in self.table or changes or reads:
            words = self.texts("audit") or []
            audit = self.checked("audit", lambda: audit_of(words, changes or (), reads or ()))
        notice = self.value("notice", str, lambda text: text and _checked(check_notice)(text))
        return Overrides(
            capture=self.texts("capture", capture_of),
            audit=audit,
            notice=notice,
            on_failure=self.value("on_failure", str, on_failure_of),
        )

    def value(self, key: str, kind: type, meaning: Callable[[Any], Value]) -> Value | None:
        """What the value of a key means; None without it."""
        if key not in self.table:
            return None
        given = self.table[key]
        if type(given) is not kind:  # True is an int as well
            words = {str: 'a text in "quotes"', bool: "true or false", int: "a whole number"}
            raise self.error(key, f"is not {words[kind]}")
        return self.checked(key, lambda: meaning(given))

    def texts(self, key: str, meaning: Callable[[list[str]], Any] = list) -> Any:
        """What a list of texts means; None without it."""
        if key not in self.table:
            return None
        given = self.table[key]
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise self.error(key, 'is not a list of texts; write ["...", "..."]')
        return self.checked(key, lambda: meaning(given))

    def checked(self, key: str, made: Callable[[], Value]) -> Value:
        try:
            return made()
        except ValueError as error:
            raise self.error(key, str(error)) from error


def _checked(check: Callable[[str], None]) -> Callable[[str], str]:
    def value(text: str) -> str:
        check(text)
        return text

    return value


def _filled(overrides: Overrides, defaults: Overrides) -> Overrides:
    """`overrides` with its gaps filled from the file's own defaults, which say nothing about FreeIPA's policies."""
    return Overrides(
        capture=defaults.capture if overrides.capture is None else overrides.capture,
        audit=defaults.audit if overrides.audit is None else overrides.audit,
        notice=defaults.notice if overrides.notice is None else overrides.notice,
        on_failure=defaults.on_failure if overrides.on_failure is None else overrides.on_failure,
    )
