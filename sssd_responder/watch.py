"""When to read all policies: how a host notices, cheaply, that something in the directory has changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

BURST = 10
"""Full reads that may follow each other at once while the directory is quiet."""

FULL_READ = 30.0
"""Seconds between two full reads, on the average and at the most, while the directory changes all the time."""


@dataclass(frozen=True)
class Signs:
    """What a cheap look at the directory shows of this host's policies.

    `changed` is how many entries that the host may see were written since a number; `member_of` the groups of the
    host; `policies` how many policies there are, as the directory counts them, -1 where it does not say.
    """

    changed: int
    member_of: frozenset[str]
    policies: int


class Directory(Protocol):
    """A server of the directory."""

    def last_usn(self) -> int:
        """The number of its last change, of anything."""

    def signs(self, since: int) -> Signs:
        """What is to be seen, with the entries that were written with the number `since` or a later one."""


class Polling:
    """Tells whether to read, of one connection to one server; another server numbers its changes otherwise.

    Every look asks for the number of the server's last change, which costs it next to nothing. If that has moved on
    and the directory is quiet, everything is read again. Where it moves on at every look, as with thousands of hosts,
    only what concerns the host makes it read; what leaves no such sign is found by a full read every 30 s.
    """

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._usn = -1
        self._signs: Signs | None = None
        self._unread = False
        self._reads = float(BURST)
        self._counted = clock()

    def due(self) -> bool:
        """Whether everything is to be read now. Call `reading` before it is, or all is asked again."""
        usn = self._directory.last_usn()
        if usn == self._usn and not self._unread:
            return False
        self._earn()
        if self._usn < 0 or self._reads >= 1:
            return True
        signs = self._directory.signs(self._usn + 1)
        seen = self._signs
        self._unread = True
        self._usn = usn
        if seen is None:
            self._signs = signs
            return False
        return signs.changed > 0 or (signs.member_of, signs.policies) != (seen.member_of, seen.policies)

    def reading(self) -> None:
        """All that is written from now on is news. Call it before a full read, so that nothing falls in between."""
        self._usn = self._directory.last_usn()
        self._signs = self._directory.signs(self._usn + 1)
        self._unread = False
        self._earn()
        self._reads = max(0.0, self._reads - 1)

    def _earn(self) -> None:
        now = self._clock()
        self._reads = min(float(BURST), self._reads + (now - self._counted) / FULL_READ)
        self._counted = now
