"""Points in time as people type them."""

import re
from datetime import datetime, timedelta

from recorder.errors import SessrecError

FORMS = "'today', 'yesterday 14:30', 'monday', '2 hours ago', '90m', '14:30', '2026-03-01', '2026-03-01 14:30'"
"""Examples, for help and error messages."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(
    r"(\d{1,9}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)( ago)?", re.ASCII
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)


class TimeFormError(SessrecError):
    """A text is not a point in time."""

    exit_status = 2


def point_in_time(text: str, now: datetime) -> float:
    """Seconds since 1970 for a point in time as typed; one without a time zone is in that of `now`.

    A day by itself is its first moment, a weekday the last one past (or today), a time by itself today.
    Raises TimeFormError.
    """
    words = " ".join(text.split()).lower()
    try:
        moment = _moment(words, now)
        return moment.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise TimeFormError(f"{text[:60]!r} is not a point in time: use for example {FORMS}") from error


def _moment(words: str, now: datetime) -> datetime:
    if words == "now":
        return now
    ago = _AGO.fullmatch(words)
    if ago:
        return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2][0]])
    if words.startswith("@"):
        return datetime.fromtimestamp(float(words[1:]), now.tzinfo)
    day, _, clock = words.partition(" ")
    midnight = _day(day, now)
    if midnight is None:
        if _CLOCK.fullmatch(words):
            return _at(words, _midnight(now))
        # Also what has a T between, a zone, or fractions of a second.
        moment = datetime.fromisoformat(words.upper())
        return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    return _at(clock, midnight) if clock else midnight


def _day(word: str, now: datetime) -> datetime | None:
    back = {"today": 0, "yesterday": 1}.get(word)
    if back is None and len(word) >= 3:
        back = next(((now.weekday() - day) % 7 for day, name in enumerate(_DAYS) if name.startswith(word)), None)
    return None if back is None else _midnight(now - timedelta(days=back))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _at(clock: str, midnight: datetime) -> datetime:
    match = _CLOCK.fullmatch(clock)
    if not match:
        raise ValueError("not a time of day")
    return midnight.replace(hour=int(match[1]), minute=int(match[2]), second=int(match[3] or 0))
