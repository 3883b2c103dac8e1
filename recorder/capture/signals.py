"""Signals as something to poll: their numbers arrive on a descriptor, none is lost, and none kills the recorder.

Set up before the session starts: from then on every way out leads through the code that restores the terminal.
"""

import os
import select
import signal
from collections.abc import Iterable

LEAVE = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""Signals that ask the recorder to end."""

_WATCHED = (signal.SIGWINCH, signal.SIGCHLD, *LEAVE)


class Signals:
    """Signals that a program looks at: a recorder's, or `numbers`. `descriptor` is readable when one has come."""

    def __init__(self, numbers: Iterable[int] = _WATCHED) -> None:
        self.descriptor, self._written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)
        # What is ignored stays so, for the session as well: nohup means it.
        watched = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = [(number, signal.signal(number, _nothing)) for number in watched]

    def read(self) -> bytes:
        """The numbers of the signals that have come, one byte each."""
        try:
            return os.read(self.descriptor, 4096)
        except BlockingIOError:
            return b""

    def wait(self) -> bytes:
        """What `read` gives, as soon as it is something.

        Whoever waits for a lock in place of this sleeps on when a signal comes just before: it only interrupts who
        sleeps already.
        """
        select.select([self.descriptor], [], [])
        return self.read()

    def repeat(self, *numbers: int) -> None:
        """Pretend that these have come just now, to look at what may have happened before."""
        os.write(self._written, bytes(numbers))

    def close(self) -> None:
        """Everything as it was before."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before:
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._written)


def _nothing(_number: int, _frame: object) -> None:
    """A handler that does nothing: the number arrives on the wake-up descriptor."""
