"""What the values of fields mean: text that a user has chosen, numbers, names of errors, times."""

import errno
import time

UNSET = 2**32 - 1
"""A login uid or session that nobody has set."""

_NOTHING = ("(null)", "(none)", "?", "")
_RESTARTS = {512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}
"""Of the kernel alone (include/linux/errno.h): a signal interrupted the call, which is made once more."""


def text(value: str) -> str:
    """A text that the kernel does not trust, unquoted or out of hexadecimal; "" for none.

    Bytes that are not UTF-8 become `\\xff` and the like.
    """
    if value[:1] == '"':
        return value[1:-1] if value[-1:] == '"' else value[1:]
    if value in _NOTHING:
        return ""
    try:
        return bytes.fromhex(value).decode(errors="backslashreplace")
    except ValueError:
        return value


def plain(value: str) -> str:
    """A text that is never in hexadecimal; "" for none."""
    return "" if value in _NOTHING else value.strip('"')


def title(value: str) -> list[str]:
    """The arguments in a `proctitle`, of which the kernel keeps the first 128 bytes."""
    return text(value).rstrip("\0").split("\0")


def number(value: str, base: int = 10) -> int:
    """0 for what is none, and for what no kernel would say."""
    try:
        return int(value, base) if len(value) < 32 else 0
    except ValueError:
        return 0


def login(value: str) -> int | None:
    """A login uid or session id; None where nobody has logged in."""
    found = number(value) if value else UNSET
    return None if found in (UNSET, -1) else found


def error(exit_value: str) -> str:
    """The name of the error that a failed call returned, as "EACCES"."""
    code = -number(exit_value)
    return errno.errorcode.get(code) or _RESTARTS.get(code) or str(code)


class Clock:
    """Stamps of records as ISO 8601; the second is written once for all its records."""

    def __init__(self) -> None:
        self._second = self._text = ""

    def iso(self, stamp: str) -> str:
        """`1700000000.123:4711` as `2023-11-14T22:13:20.123Z`."""
        second, _, rest = stamp.partition(".")
        if second != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(second)))
            self._second = second
        return f"{self._text}.{rest[:3]}Z"
