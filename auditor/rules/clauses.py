r"""From TOML to clauses and examples: what a rule says of a line or of an event.

A clause has fields of an event by their names, with patterns, numbers, networks or { regex = "..." }, or one kind of
line with an expression:

    { event.action = "exec", process.executable = "/usr/bin/*sh", not.process.user.name = "root" }
    { command = '\bhistory\s+-c\b' }
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from auditor.rules import conditions
from auditor.rules.conditions import Condition, Criterion
from auditor.rules.event_fields import ACTIONS, FIELDS, GROUPS, Kind
from auditor.rules.rule import LINES, Clause, Example
from recorder.configuration.setting_kinds import shown

Complain = Callable[[str, str], None]
"""Told the name of a field, and what is wrong with what to write."""

_CONTEXT = ("user", "host", "groups", "time")
"""What an example can say of the recording that its line or event stands in."""


def clause_of(table: Mapping[str, Any], complain: Complain) -> Clause | None:
    """The clause of a table; None where it is not one, which is complained about."""
    unless = table.get("not", {})
    if not isinstance(unless, dict):
        complain("not", f"{shown(unless)} is no table; write not.FIELD = ...")
        unless = {}
    asked = dict(_flat({key: value for key, value in table.items() if key != "not"}, complain))
    unasked = dict(_flat(unless, lambda field, problem: complain(f"not.{field}", problem)))
    line = _line_of([*asked, *unasked], complain)
    if not asked:
        complain(
            "", f'asks for nothing; write a kind of line ({", ".join(LINES)}) or a field such as file.path = "..."'
        )
    if line is None or not asked:
        return None
    return Clause(
        line,
        tuple(_condition(field, value, complain) for field, value in asked.items()),
        tuple(_condition(field, value, complain, "not.") for field, value in unasked.items()),
    )


def example_of(table: Mapping[str, Any], complain: Complain) -> Example | None:
    """The example of a table; None where it is not one, which is complained about."""
    content = {key: value for key, value in table.items() if key not in _CONTEXT}
    flat = dict(_flat(content, complain))
    line = _line_of(list(flat), complain)
    if not flat:
        complain("", 'is no example; write { command = "..." } or { event.action = "exec", ... }')
    if line is None or not flat:
        return None
    for field, value in flat.items():
        _check_value(field, value, complain)
    if not line and "event.action" not in flat:
        complain("event.action", "is missing; every event has one")
    text = json.dumps(flat[line] if line else flat, ensure_ascii=False, default=str)  # TOML has dates, JSON has not
    groups = table.get("groups")
    if groups is not None and not _are_texts(groups):
        complain("groups", 'is not a list of texts; write ["...", "..."]')
        groups = None
    return Example(
        text=f"{line} {text}".lstrip(),
        line=line,
        value=flat[line] if line and isinstance(flat[line], str) else "",
        fields={} if line else content,
        user=_name(table, "user", complain),
        host=_name(table, "host", complain),
        groups=None if groups is None else frozenset(groups),
        time=_time(table, complain),
    )


def _flat(table: Mapping[str, Any], complain: Complain, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Field names with their values; others are complained about."""
    for key, value in table.items():
        name = prefix + key
        if name in FIELDS or (name in LINES and not prefix):
            yield name, value
        elif name in GROUPS and isinstance(value, dict):
            yield from _flat(value, complain, name + ".")
        else:
            complain(name, f"is no field{_meant(name)}")


def _meant(name: str) -> str:
    known = [*FIELDS, *LINES]
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    below = [field for field in known if field.startswith(name + ".")]
    return f"; write one of {', '.join(below or known)}"


def _line_of(fields: list[str], complain: Complain) -> str | None:
    """The kind of line that the fields are about, "" for an event; None for a mixture."""
    lines = {field for field in fields if field in LINES}
    if not lines:
        return ""
    if len(set(fields)) > 1:
        line, other = sorted(lines)[0], next(field for field in fields if field not in lines or len(lines) > 1)
        if other == line:
            other = sorted(lines)[1]
        complain(other, f"stands beside {line}: a line is one thing and an event another; give each {{ }} of its own")
        return None
    return lines.pop()


def _condition(field: str, value: Any, complain: Complain, prefix: str = "") -> Condition:
    given = value if isinstance(value, list) else [value]
    criteria = []
    if not given:
        complain(prefix + field, f"is an empty list; write {_form(field)}")
    for each in given:
        try:
            criteria.append(_criterion(field, each))
        except (ValueError, OverflowError) as error:
            complain(prefix + field, f"{shown(each)}: {error}; write {_form(field)}")
    return Condition(field, tuple(criteria))


def _criterion(field: str, value: Any) -> Criterion:
    if field in LINES:
        if not isinstance(value, str):
            raise ValueError("is not a text")
        return conditions.expression(value)
    if isinstance(value, dict):
        found = value.get("regex")
        if list(value) != ["regex"] or not isinstance(found, str) or FIELDS[field] is Kind.NUMBER:
            raise ValueError("is not a condition for this field")
        return conditions.expression(found)
    if FIELDS[field] is Kind.NUMBER:
        return _number(value)
    if not isinstance(value, str):
        raise ValueError("is not a text")
    if FIELDS[field] is Kind.ADDRESS and not any(char in value for char in "*?"):
        return conditions.network(value)
    if field == "event.action" and value not in ACTIONS and not any(char in value for char in "*?"):
        raise ValueError("is no action of an event")
    return conditions.pattern(value)


def _number(value: Any) -> Criterion:
    if isinstance(value, int) and not isinstance(value, bool):
        return conditions.number(value, value)
    if isinstance(value, str):
        first, dash, last = value.partition("-")
        if dash and all(part.isascii() and part.isdigit() and len(part) < 19 for part in (first, last)):
            return conditions.number(int(first), int(last))
    raise ValueError("is not a number")


def _form(field: str) -> str:
    """What to write for a field."""
    if field in LINES:
        return "an RE2 expression in 'quotes', or a list of them"
    if field == "event.action":
        return f"one of {', '.join(ACTIONS)}, or a pattern with * and ?"
    if FIELDS[field] is Kind.NUMBER:
        return 'a number, a range such as "1-1023", or a list of them'
    if FIELDS[field] is Kind.ADDRESS:
        return 'an address or a network such as "192.0.2.0/24", or a list of them'
    return """a text in which * and ? match, { regex = '...' }, or a list of them"""


def _check_value(field: str, value: Any, complain: Complain) -> None:
    kind = str if field in LINES or FIELDS[field] is not Kind.NUMBER else int
    given = value if isinstance(value, list) and field not in LINES else [value]
    if not all(isinstance(each, str | int) and not isinstance(each, bool) for each in given):
        complain(field, f"{shown(value)} is no value that an event has there; write a text, a number or a list")
    elif kind is int and not all(isinstance(each, int) for each in given):
        complain(field, f"{shown(value)} is not a number")
    elif field in LINES and not isinstance(value, str):
        complain(field, f"{shown(value)} is not a text")
    elif field == "event.action" and value not in ACTIONS:
        complain(field, f"{shown(value)} is no action of an event; write one of {', '.join(ACTIONS)}")


def _name(table: Mapping[str, Any], key: str, complain: Complain) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        complain(key, f'{shown(value)} is not a text; write {key} = "..."')
        return None
    return value


def _time(table: Mapping[str, Any], complain: Complain) -> float | None:
    value = table.get("time")
    if value is None:
        return None
    try:
        if isinstance(value, datetime):
            return value.timestamp()
    except (ValueError, OverflowError):
        pass
    complain("time", "is no point in time; write it without quotes: 2026-11-21T03:00:00+01:00")
    return None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
