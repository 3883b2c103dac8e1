"""Where processes come from: which of them began with which recording's leader, as far as was seen.

Forks are not audited, so parents are learned from the records of what processes do, and from /proc when a process is
first seen. Most have ended by then; their children have been seen with them as parent, or will not be known.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from recorder.audit_service.recordings import Login

MOST = 65_536
"""Processes that are remembered."""
DEEPEST = 64
"""Generations that are gone up."""
SAME = 5.0
"""Seconds in which a number that comes again is taken for the same process where it has gone."""
ROUNDED = 0.05
"""Seconds by which the clocks of records (4 ms) and of the starts of processes (10 ms) may differ, with some more."""

_TICKS = os.sysconf("SC_CLK_TCK")


class Origin(Enum):
    """Of a process that no recording began with."""

    OUTSIDE = "outside"
    """What has begun the session, as sshd does, or something else that it does for the login."""
    UNKNOWN = "unknown"
    """Somebody between it and its beginning has gone unseen."""


@dataclass(frozen=True)
class Seen:
    """What /proc says of a process: when it started, in the kernel's ticks and in seconds since 1970, its parent, and
    its login.
    """

    started: int
    begun: float
    parent: int
    login: Login


Look = Callable[[int], Seen | None]
"""Looks at a process; None where it has gone."""


@dataclass(slots=True)
class _Known:
    login: Login
    started: int
    owner: str
    at: float


class ProcessOrigins:
    """Remembers the recording, by id, that processes belong to. Times are seconds since 1970."""

    def __init__(self, look: Look, most: int = MOST) -> None:
        self._look = look
        self._most = most
        self._known: OrderedDict[int, _Known] = OrderedDict()

    def learn(self, pid: int, login: Login, owner: str, at: float) -> None:
        """A process was of a recording at that time."""
        known = self._known.get(pid)
        if known is not None and known.owner == owner and known.login == login and at - known.at < SAME:
            known.at = max(at, known.at)
            return
        self._remember(pid, login, owner, self._seen(pid, login, at), at)

    def find(
        self, pid: int, parent: int, login: Login, leaders: dict[int, str], roots: Collection[int], at: float
    ) -> str | Origin:
        """The recording that a process belongs to which had this parent at that time; -1: nobody has told its parent.

        `leaders` are the processes that recordings of its login begin with, `roots` those that have begun these.
        """
        way: list[tuple[int, Seen | None]] = []
        passed = False
        for _ in range(DEEPEST):
            seen = self._seen(pid, login, at)
            owner = leaders.get(pid) or self._owner(pid, seen, login, at)
            if owner:
                for one, one_seen in way:
                    self._remember(one, login, owner, one_seen, at)
                return owner
            passed = passed or pid in roots
            way.append((pid, seen))
            if parent < 0:
                if seen is None:
                    # Gone, or of another login, which is where those of this one have their beginning.
                    return Origin.OUTSIDE if passed or self._look(pid) is not None else Origin.UNKNOWN
                parent = seen.parent
            if parent <= 1:
                break
            pid, parent = parent, -1
        return Origin.OUTSIDE if passed else Origin.UNKNOWN

    def _seen(self, pid: int, login: Login, at: float) -> Seen | None:
        """The process, if it is the one that had this number then."""
        seen = self._look(pid)
        return seen if seen is not None and seen.login == login and seen.begun <= at + ROUNDED else None

    def _owner(self, pid: int, seen: Seen | None, login: Login, at: float) -> str:
        """What is remembered of a process, if it is the same one; "" if nothing is."""
        known = self._known.get(pid)
        if known is None or known.login != login:
            return ""
        if seen is not None:
            same = seen.started == known.started if known.started else seen.begun <= known.at + ROUNDED
        else:
            same = abs(at - known.at) < SAME
        if same:
            known.at = max(at, known.at)
        return known.owner if same else ""

    def _remember(self, pid: int, login: Login, owner: str, seen: Seen | None, at: float) -> None:
        self._known[pid] = _Known(login, 0 if seen is None else seen.started, owner, at)
        self._known.move_to_end(pid)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def look(pid: int) -> Seen | None:
    """What /proc says now."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        login = int(_read(f"/proc/{pid}/loginuid")), int(_read(f"/proc/{pid}/sessionid"))
        ticks = int(fields[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / _TICKS
        return Seen(ticks, time.time() - age, int(fields[1]), login)
    except (OSError, ValueError, IndexError):
        return None


def processes_of(login: Login) -> list[int]:
    """The processes of a login that there are now."""
    auid, session = b"%d" % login[0], b"%d" % login[1]
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if _read(f"/proc/{name}/sessionid") == session and _read(f"/proc/{name}/loginuid") == auid:
                    found.append(int(name))
            except OSError:
                continue
    return found


def living() -> frozenset[Login]:
    """The logins that have processes."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                found.add((int(_read(f"/proc/{name}/loginuid")), int(_read(f"/proc/{name}/sessionid"))))
            except (OSError, ValueError):
                continue
    return frozenset(found)


def _read(path: str) -> bytes:
    # Two system calls less than open() makes.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)
