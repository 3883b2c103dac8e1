"""The process that a session begins with, and whose end is the session's: a child of ours, or somebody else's.

Both have `descriptor` to poll for its end (-1 where a signal tells it), `ended()`, and then `status` as waitpid has
it.
"""

import errno
import fcntl
import os
import struct
from select import POLLIN, poll
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

_GET_INFO = 0xC0400000 | 0xFF << 8 | 11
"""ioctl PIDFD_GET_INFO of linux/pidfd.h: _IOWR(0xFF, 11, 64 bytes), the first form of struct pidfd_info."""
_EXIT = 1 << 3
"""PIDFD_INFO_EXIT, of Linux 6.15."""
_INFO = struct.Struct("QQ11Ii")

REAPED = 0.1
"""Seconds in which its parent takes notice of a process that has ended; the kernel tells others its status after."""


class SessionProcess(Protocol):
    """What is asked of it."""

    descriptor: int
    status: int | None

    def ended(self) -> bool:
        """Whether it has; `status` is what waitpid tells, None where nobody does."""


class Child:
    """A process that this one has started."""

    descriptor = -1

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    def ended(self) -> bool:
        """Reaps it."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None


class Foreign:
    """A process that is somebody else's child, by its pidfd."""

    def __init__(self, pidfd: int) -> None:
        self.descriptor = pidfd
        self.status: int | None = None
        self._watch = poll()
        self._watch.register(pidfd, POLLIN)

    def ended(self) -> bool:
        """Without waiting."""
        return self.ends(0)

    def ends(self, seconds: float) -> bool:
        """Wait for its end; False: it goes on."""
        return bool(self._watch.poll(int(seconds * 1000)))

    def wait(self, seconds: float) -> bool:
        """Wait for its end and learn its status, where the kernel tells it (Linux 6.15). False: it goes on."""
        if not self.ends(seconds):
            return False
        until = monotonic() + REAPED
        while self.status is None and monotonic() < until:
            asked = bytearray(_INFO.pack(_EXIT, 0, *[0] * 11, 0))
            try:
                fcntl.ioctl(self.descriptor, _GET_INFO, asked)
            except OSError as error:
                if error.errno in (errno.ENOTTY, errno.EINVAL):
                    return True  # an older kernel
            else:
                mask, *_, status = _INFO.unpack(asked)
                self.status = status if mask & _EXIT else None
            if self.status is None:
                sleep(0.002)
        return True
