"""What is left of a session that may not go on: asked to end, and ended."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

GRACE = 3.0
"""Seconds between the hang-up and the kill."""


@dataclass
class Left:
    """The processes of the kernel's session `leader`, of one audit session. `since`: when they were asked to end."""

    leader: int
    audit_session: int
    since: float = 0.0


def end_left(left: Left) -> bool:
    """Ask the processes to end, or make them; True when there is none any more. To be called again until then."""
    if left.leader <= 1:
        return True
    processes = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_of(pid, left)]
    if not processes:
        return True
    if not left.since:
        left.since = monotonic()
        number = signal.SIGHUP
    elif monotonic() - left.since < GRACE:
        return False
    else:
        number = signal.SIGKILL
    for pid in processes:
        with suppress(OSError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
    return False


def _is_of(pid: int, left: Left) -> bool:
    """A number stays that of a session as long as any process is in it; the audit session tells one from the next."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            if int(file.read().rpartition(b")")[2].split()[3]) != left.leader:
                return False
        with open(f"/proc/{pid}/sessionid", "rb") as file:
            return int(file.read()) == left.audit_session
    except (OSError, ValueError, IndexError):
        return False
