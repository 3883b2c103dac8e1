"""What the kernel says of a process in /proc (proc_pid_stat(5), proc_pid_status(5))."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessStatus:
    """`state` is a letter, Z of one that has ended and is not reaped; `session` is the number of the leader.

    `terminal` is the device number of the controlling terminal, 0 without one.
    """

    state: str
    parent: int
    session: int
    terminal: int


def status_of(pid: int) -> ProcessStatus:
    """Raises OSError and ValueError where the process has gone."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The name in parentheses may hold any characters.
        fields = file.read().rpartition(b")")[2].split()
    if len(fields) < 5:
        raise ValueError(f"process {pid} has gone")
    number = int(fields[4]) & 0xFFFF_FFFF
    terminal = os.makedev(number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)
    return ProcessStatus(fields[0].decode(), int(fields[1]), int(fields[3]), terminal)


def parent_of(pid: int) -> int:
    """Its parent; 0 where it has gone."""
    try:
        return status_of(pid).parent
    except (OSError, ValueError):
        return 0


def real_uid_of(pid: int) -> int:
    """The owner of its directory is another where it has made itself undumpable. Raises OSError and ValueError."""
    with open(f"/proc/{pid}/status", "rb") as file:
        words = file.read().partition(b"\nUid:")[2].split(None, 1)
    if not words:
        raise ValueError(f"process {pid} has gone")
    return int(words[0])
