"""When to read all policies: how a host notices, cheaply, that something of its policies has changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

IN_FLIGHT = 100
"""Changes that the server may have numbered and not yet shown, so that a look must go back behind its last number."""

FULL_READ = 600.0
"""Seconds after which everything is read, whatever the signs say, in a directory that changes all the time."""


@dataclass(frozen=True)
class Signs:
    """What a look at the directory shows of this host's policies, at a small part of the cost of reading them.

    `written` are the entries of any policies and of the configuration that were written lately, each with the number
    of that change; `groups` those that the host is in; `policies` how many there are, None where the server hides it.
    """

    written: frozenset[tuple[str, str]]
    groups: frozenset[str]
    policies: int | None


class Directory(Protocol):
    """A server of the directory."""

    def last_usn(self) -> int:
        """The number of its last change, of anything."""

    def signs(self, since: int) -> Signs:
        """What is to be seen, with the entries that were written by the change `since` or a later one."""


class Polling:
    """Tells when to read, of one connection to one server; another server numbers its changes otherwise.

    Every look asks for the number of the server's last change, which costs it next to nothing. Where that has moved
    on, the signs tell whether it was something else, as it mostly is in a directory of thousands of hosts. One that
    shows no signs, since its session recording is of an older version, is read after each of its changes.
    """

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._usn = -1
        self._settled = False
        self._signs: Signs | None = None
        self._read = 0.0

    def due(self) -> bool:
        """Whether everything is to be read now. What is written after this call makes it due again."""
        usn = self._directory.last_usn()
        if usn == self._usn and self._settled:
            return False
        # After the last change another look is taken, for those that were numbered and not shown.
        self._settled = usn == self._usn
        since = self._usn if self._usn >= 0 else usn
        seen, self._signs = self._signs, self._directory.signs(max(0, since - IN_FLIGHT))
        self._usn = usn
        due = seen is None or self._clock() - self._read >= FULL_READ or _differ(seen, self._signs)
        if due:
            self._read = self._clock()
        return due


def _differ(old: Signs, new: Signs) -> bool:
    return (
        new.policies is None
        or bool(new.written - old.written)
        or (new.groups, new.policies) != (old.groups, old.policies)
    )
