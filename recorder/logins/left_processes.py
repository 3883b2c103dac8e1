"""What is left of a session that may not go on: asked to end, and ended."""

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from recorder.capture.session import UNSET_SESSION
from recorder.logins.process_status import real_uid_of, status_of

GRACE = 3.0
"""Seconds between the hang-up and the kill."""


@dataclass
class Left:
    """The processes of one login: those of the kernel's session `leader`, and those of `uid` that have left it by
    setsid(2) and which the audit session still shows. `parent` is what the session was begun by, sshd for example.
    `since`: when they were asked to end.
    """

    leader: int
    audit_session: int
    uid: int
    parent: int = 0
    since: float = 0.0


def is_alive(left: Left) -> bool:
    """Whether the process goes on that the session began with."""
    try:
        if status_of(left.leader).state == "Z":
            return False
    except (OSError, ValueError):
        return False
    return _is_of(left.leader, left, ())


def end_left(left: Left, others: Collection[int] = ()) -> bool:
    """Ask the processes to end, or make them; True when there is none any more. To be called again until then.

    `others` are leaders of sessions that go on, which may be of the same login: ssh opens several in a connection.
    """
    if left.leader <= 1:
        return True
    processes = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_of(pid, left, others)]
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


def _is_of(pid: int, left: Left, others: Collection[int]) -> bool:
    """A number stays that of a session as long as any process is in it; the audit session tells one from the next."""
    try:
        session = status_of(pid).session
        with open(f"/proc/{pid}/sessionid", "rb") as file:
            if int(file.read()) != left.audit_session:
                return False
        if session == left.leader:
            return True
        if session in others or pid == left.parent or real_uid_of(pid) != left.uid:
            return False
    except (OSError, ValueError):
        return False
    return pid == left.leader or left.audit_session != UNSET_SESSION
