"""What the values of a rule's settings mean. Each takes a value as tomllib read it, and raises ValueError with what
is wrong with it and what to write."""

import re
from typing import Any
from urllib.parse import urlsplit

from auditor.rules import conditions
from auditor.rules.rule import SEVERITIES, Actions, Order, Rate
from auditor.rules.time_window import FORM, TimeWindow, days_of, hours_of, zone_of

MAX_COUNT = 10_000
"""Occurrences that a rate can ask for: their times are kept for each recording."""

LONGEST = 366 * 86400.0
"""Seconds of a duration."""

_DURATION = re.compile(r"(\d{1,9}) ?(s|m|h|d)", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_of(value: Any) -> float:
    """Seconds that a number or a text as "90s", "10m", "1h", "1d" means. Raises ValueError with what to write."""
    seconds = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(max(value, -1), LONGEST + 1))
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        seconds = float(int(found[1]) * _UNITS[found[2]])
    if not 0 <= seconds <= LONGEST:
        raise ValueError('is no duration; write a number of seconds, or "90s", "10m", "1h", "1d"')
    return seconds


def text_of(value: Any) -> str:
    """A line of printable text."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= 1000:
        raise ValueError('is not a printable text; write it in one line and "quotes"')
    return value


def flag_of(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def severity_of(value: Any) -> int:
    """0 to 100, from a word or a number."""
    if isinstance(value, str) and value in SEVERITIES:
        return SEVERITIES[value]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return value
    raise ValueError(f"is no severity; write one of {', '.join(SEVERITIES)}, or 0 to 100")


def names_of(value: Any) -> tuple[str, ...]:
    """Patterns of names."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError('is not a list of names; write ["...", "..."], in which * and ? match')
    for name in value:
        try:
            conditions.name(name)
        except ValueError as error:
            raise ValueError(f"has a name that is none: {error}; write it shorter") from error
    return tuple(value)


def rate_of(value: Any) -> Rate:
    """How often within which time."""
    form = 'write { count = 5, within = "1m" }'
    if not isinstance(value, dict) or set(value) != {"count", "within"}:
        raise ValueError(f"is no rate; {form}")
    count = value["count"]
    if not isinstance(count, int) or isinstance(count, bool) or not 2 <= count <= MAX_COUNT:
        raise ValueError(f"has a count that is not 2 to {MAX_COUNT}; {form}")
    within = duration_of(value["within"])
    if not within:
        raise ValueError(f"has no time; {form}")
    return Rate(count, within)


def windows_of(value: Any) -> tuple[TimeWindow, ...]:
    """Times of the week."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"is not a list of times; write [{FORM}]")
    return tuple(_window(table) for table in value)


def _window(table: Any) -> TimeWindow:
    if not isinstance(table, dict) or not table or not set(table) <= {"days", "hours", "zone"}:
        raise ValueError(f"has what is no time of the week; write {FORM}")
    if not all(isinstance(text, str) for text in table.values()):
        raise ValueError(f"has what is not a text; write {FORM}")
    window = TimeWindow()
    first, last = hours_of(table["hours"]) if "hours" in table else (window.first, window.last)
    days = days_of(table["days"]) if "days" in table else window.days
    return TimeWindow(days, first, last, zone_of(table["zone"]) if "zone" in table else "")


def actions_of(value: Any) -> Actions:
    """What an alert starts."""
    form = 'write { webhook = "https://...", run = ["/path", "argument"], session = "suspend" }, or some of it'
    if not isinstance(value, dict) or not set(value) <= {"webhook", "run", "session"}:
        raise ValueError(f"has unknown actions; {form}")
    return Actions(
        webhook=_webhook(value["webhook"]) if "webhook" in value else "",
        run=_argv(value["run"]) if "run" in value else (),
        session=_order(value["session"]) if "session" in value else None,
    )


def _webhook(value: Any) -> str:
    try:
        parts = urlsplit(value if isinstance(value, str) and value.isprintable() and " " not in value else "")
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return str(value)
    except ValueError:
        pass
    raise ValueError('has a webhook that is no URL; write webhook = "https://..."')


def _argv(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise ValueError('has a run that is no list of texts; write run = ["/path", "argument"]')
    if not value[0].startswith("/") or any("\0" in word for word in value):
        raise ValueError("has a run whose program is no absolute path; write it from / on, without a shell")
    return tuple(value)


def _order(value: Any) -> Order:
    try:
        return Order(value)
    except ValueError as error:
        raise ValueError(
            f"has an unknown order; write session = {' or '.join(map(repr, map(str, Order)))}"
        ) from error
