"""When to read all policies: how a host notices, cheaply, that something of its policies has changed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

IN_FLIGHT = 100
"""Changes that the server may have numbered before another that it shows already, and be still at."""

SETTLED = 60.0
"""Seconds after which none of them is under way any more."""

FULL_READ = 600.0
"""Seconds after which everything is read, whatever the signs say."""


@dataclass(frozen=True)
class Signs:
    """What a look at the directory shows of this host's policies, at a fortieth of the cost of reading a hundred.

    `written` are the entries of any policies and of the configuration that were written lately, each with the number
    of that change; `groups` those that the host is in; `policies` how many policies there are, None where the server
    hides it.
    """

    written: frozenset[tuple[str, int]]
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

    A server that does not show how many policies there are, since its session recording is of an older version, is
    read at every look.
    """

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._signs: Signs | None = None
        self._written: frozenset[tuple[str, int]] = frozenset()
        self._highest = 0
        self._moved = 0.0
        self._read = 0.0

    def due(self) -> bool:
        """Whether everything is to be read now. What is written after this call makes it due again."""
        now = self._clock()
        seen = self._signs
        if seen is None:
            self._highest, self._moved = self._directory.last_usn(), now
        back = IN_FLIGHT if now - self._moved < SETTLED else 0
        self._signs = signs = self._directory.signs(max(0, self._highest + 1 - back))
        news = signs.written - self._written
        if news:
            self._moved = now
            self._highest = max(self._highest, *(usn for _, usn in news))
            self._written = frozenset(one for one in self._written | news if one[1] > self._highest - IN_FLIGHT)
        due = (
            seen is None
            or signs.policies is None
            or bool(news)
            or (signs.groups, signs.policies) != (seen.groups, seen.policies)
            or now - self._read >= FULL_READ
        )
        if due:
            self._read = now
        return due

    def taken(self, numbers: Mapping[str, int]) -> None:
        """What was read shows these entries as of these changes. One of which the signs showed a later change makes
        it due at the next look: a server may show a change, take it back, and make it again with the same number."""
        self._written -= {(dn, usn) for dn, usn in self._written if numbers.get(dn, usn) < usn}
