"""Who else has a terminal open: a process that waited for its user's next login and was quicker than the recorder."""

import os

from recorder.logins.process_status import parent_of, real_uid_of


def holders(descriptor: int, uid: int, leader: int) -> list[int]:
    """Processes of `uid` with the terminal of `descriptor` open, but for those that `leader` descends from.

    What is open stays open when a terminal is taken. A descriptor that is under way in a socket is not seen. Of an
    earlier terminal of the same number, which is gone, the status is another.
    """
    wanted = _identity(os.fstat(descriptor))
    spared = _ancestors(leader)
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in spared and _is_of(name, uid) and _has_open(name, wanted):
            found.append(int(name))
    return found


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_rdev, status.st_ctime_ns, status.st_mode, status.st_uid


def _ancestors(pid: int) -> set[int]:
    found = set()
    while pid > 1 and pid not in found:
        found.add(pid)
        pid = parent_of(pid)
    return found


def _is_of(pid: str, uid: int) -> bool:
    try:
        return real_uid_of(int(pid)) == uid
    except (OSError, ValueError):
        return False


def _has_open(pid: str, wanted: tuple[int, ...]) -> bool:
    directory = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(directory):
            try:
                if _identity(os.stat(f"{directory}/{name}")) == wanted:
                    return True
            except OSError:
                continue
    except OSError:
        pass
    return False
