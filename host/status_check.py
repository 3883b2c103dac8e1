"""One thing that was looked at, and how grave what was found is."""

from typing import NamedTuple

OK, WARNING, CRITICAL = LEVELS = ("ok", "warning", "critical")
"""From the best to the gravest; the exit status for monitoring is the place in it."""


class Check(NamedTuple):
    """`level` is one of LEVELS. critical: sessions are not recorded, or logins fail."""

    name: str
    level: str
    text: str
