"""One thing that was looked at, and how grave what was found is."""

from typing import NamedTuple

from recorder.doctor import LEVELS
from recorder.errors import SessrecError

__all__ = ["CRITICAL", "INSTALL", "LEVELS", "OK", "WARNING", "Check", "UnknownStatusError"]

OK, WARNING, CRITICAL = LEVELS


INSTALL = "sessrec host install"
"""Mends whatever is missing or changed of what was placed; done twice, it changes nothing."""


class Check(NamedTuple):
    """`level` is one of LEVELS. critical: sessions are not recorded, or logins fail. `mend` is the command that puts
    it right, or shows what else has to be."""

    name: str
    level: str
    text: str
    mend: str = ""


class UnknownStatusError(SessrecError):
    """Nobody can say how session recording is; the text says why."""

    exit_status = len(LEVELS)
    """As monitoring has it for what it does not know."""
