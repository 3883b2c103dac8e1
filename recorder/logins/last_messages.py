"""Recorders whose session is over while the sink does not take its last messages: they go on trying for a while.

Nobody waits for them: the service takes the session for ended, the terminal is given back, and its user is gone. So
that what is begun while a sink is away for long does not fill the memory, only so many stay.
"""

import fcntl
import os
import signal

SECONDS = 600.0
"""For which one goes on trying: journald and a log daemon are started again long before."""

MOST = 64
"""Recorders of one host that do, each with some MB and its spool."""


class Places:
    """To be made before processes are forked, which then share them: a place is a byte of a file, locked by whoever
    has it, for as long as he lives."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("last-messages", os.MFD_CLOEXEC)

    def take(self) -> bool:
        """Whether there was a place left; it is this process's then."""
        for number in range(MOST):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue
            return True
        return False


def stay_behind() -> None:
    """Let go of what somebody could wait for, and end when the machine does."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
