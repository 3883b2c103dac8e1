"""Records of one event, joined: they come interleaved with those of others, and not always in order.

The kernel ends an event with a PROCTITLE and an EOE; auditd's log has no EOE. Whether all is there by then is told by
SYSCALL. What stays incomplete is given out after a while as it is.
"""

from recorder.audit.record import (
    CWD,
    EOE,
    EXECVE,
    OPENAT2,
    PATH,
    PROCTITLE,
    SINGLES,
    SOCKADDR,
    SYSCALL,
    Record,
)
from recorder.audit.syscalls import EXEC_CALLS, syscall
from recorder.audit.values import number

TIMEOUT = 2.0
"""Seconds of the records' own time, as in auditd (end_of_event_timeout)."""
MAX_GROUPS = 4096
"""Events that may be incomplete at once; beyond it the oldest is given out."""
MAX_RECORDS = 1024
"""Of one event. The longest arguments that a program can have are 2 MiB, some 550 records."""
MAX_SIZE = 16 << 20
"""Characters of all records that wait."""

_SINGLE = frozenset(SINGLES.values())
_LAST = (PROCTITLE, EOE)


class Group:
    """The records of one event. `whole` is false where some are known to be missing."""

    __slots__ = ("ended", "records", "size", "whole")

    def __init__(self, records: list[Record], whole: bool = True) -> None:
        self.records = records
        self.whole = whole
        self.ended = False
        self.size = 0

    @property
    def stamp(self) -> str:
        """Of all of its records."""
        return self.records[0].stamp


class Assembler:
    """Takes records, gives groups. Bounded in what it keeps."""

    def __init__(self) -> None:
        self._waiting: dict[str, Group] = {}
        self._size = 0

    def feed(self, records: list[Record]) -> list[Group]:
        """The groups that these records complete, and those that their time has left behind."""
        found: list[Group] = []
        waiting = self._waiting
        for record in records:
            type = record.type
            if type in _SINGLE:
                found.append(Group([record]))
                continue
            key = f"{record.node} {record.stamp}" if record.node else record.stamp
            group = waiting.get(key)
            if group is None:
                if type == EOE:
                    continue  # the end of what has been given out already
                group = waiting[key] = Group([])
            if type in _LAST:
                group.ended = True
            size = len(record.body)
            if type != EOE:
                if len(group.records) < MAX_RECORDS:
                    group.records.append(record)
                    group.size += size
                    self._size += size
                else:
                    group.whole = False
            if group.ended and _complete(group.records):
                del waiting[key]
                self._size -= group.size
                found.append(group)
        if waiting:
            if records:
                found += self.expire(records[-1].time)
            while len(waiting) > MAX_GROUPS or self._size > MAX_SIZE:
                found.append(self._oldest())
        return found

    def expire(self, now: float) -> list[Group]:
        """The groups that have waited for too long at `now`, in seconds since 1970."""
        found = []
        while self._waiting:
            group = next(iter(self._waiting.values()))
            if abs(now - group.records[0].time) < TIMEOUT:
                break
            found.append(self._oldest())
        return found

    def finish(self) -> list[Group]:
        """All that is left."""
        return [self._oldest() for _ in range(len(self._waiting))]

    def _oldest(self) -> Group:
        group = self._waiting.pop(next(iter(self._waiting)))
        self._size -= group.size
        group.whole = group.whole and group.ended and _complete(group.records)
        return group


def _complete(records: list[Record]) -> bool:
    """Whether all is there that SYSCALL promises: so many files, and what its call always has beside it."""
    for record in records:
        if record.type == SYSCALL:
            have = [other.type for other in records]
            call = syscall(record.value("arch"), record.value("syscall"))
            # The arguments are told of programs only that were run.
            wanted = call in _BESIDE and (call not in EXEC_CALLS or record.value("success") == "yes")
            if wanted and _BESIDE[call] not in have:
                return False
            files = number(record.value("items"))
            return not files or (have.count(PATH) >= files and CWD in have)
    return False


_BESIDE = {
    **dict.fromkeys(EXEC_CALLS, EXECVE),
    **dict.fromkeys(("connect", "bind", "socketcall"), SOCKADDR),
    "openat2": OPENAT2,
}
"""Of calls that fail because of a wrong pointer there is no such record, and they wait for their time."""
