"""Times of the week: days, hours and a time zone."""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

FORM = '{ days = "mon-fri", hours = "18:00-08:00", zone = "Europe/Berlin" }'
"""What to write; each of the three may be left out."""

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """`days` 0 (Monday) to 6; minutes of the day from `first` up to but without `last`, over midnight where that is
    not later: the day is then the one on which the window begins. `zone` "" is the machine's own."""

    days: frozenset[int] = frozenset(range(7))
    first: int = 0
    last: int = _DAY
    zone: str = ""

    def holds(self, time: float) -> bool:
        """Whether a point in time (s since 1970) lies in it. A time that no calendar has does not."""
        try:
            moment = datetime.fromtimestamp(time, zoneinfo.ZoneInfo(self.zone) if self.zone else None)
            minute = moment.hour * 60 + moment.minute
            if self.first < self.last:
                return moment.weekday() in self.days and self.first <= minute < self.last
            yesterday = (moment - timedelta(days=1)).weekday()
        except (ValueError, OverflowError, OSError):
            return False
        return (minute >= self.first and moment.weekday() in self.days) or (
            minute < self.last and yesterday in self.days
        )


def days_of(text: str) -> frozenset[int]:
    """The days that "mon-fri, sun" means. Raises ValueError with what to write."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError('write days such as "mon-fri", "sat, sun"')
        start = DAYS.index(first)
        count = (DAYS.index(last) - start) % 7 if dash else 0
        found |= {(start + day) % 7 for day in range(count + 1)}
    return frozenset(found)


def hours_of(text: str) -> tuple[int, int]:
    """The minutes of the day that "18:00-08:00" means. Raises ValueError with what to write."""
    found = _HOURS.fullmatch(text)
    if not found:
        raise ValueError('write hours such as "08:00-18:00", from 00:00 to 24:00')
    first = int(found[1]) * 60 + int(found[2])
    last = _DAY if found[3] is None else int(found[3]) * 60 + int(found[4])
    if first == last:
        raise ValueError("it has no length; write another end, or leave hours out for the whole day")
    return first, last


def zone_of(text: str) -> str:
    """A time zone that is known here. Raises ValueError with what to write."""
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            'is no time zone that is known here; write "UTC" or one such as "Europe/Berlin" (package tzdata)'
        ) from error
    return text
