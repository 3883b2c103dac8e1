"""Signals as something to look at between two steps, and to wake up for."""

import os
import signal
from types import FrameType, TracebackType
from typing import Self

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WATCHED = (*ENDING, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)


class Signals:
    """Used as a context, in the main thread. `wake` becomes readable when a signal came.

    A signal that was ignored when we were started stays ignored, as nohup wants it.
    """

    def __init__(self) -> None:
        self.wake, self._tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._came: set[int] = set()
        self._before: dict[int, signal._HANDLER] = {}
        self._wake_before = -1

    def __enter__(self) -> Self:
        self._wake_before = signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)
        for number in _WATCHED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wake_before)
        os.close(self.wake)
        os.close(self._tell)

    def take(self) -> set[int]:
        """The signals that came since the last call."""
        try:
            while os.read(self.wake, 512):
                pass
        except BlockingIOError:
            pass
        came, self._came = self._came, set()
        return came

    def stop(self) -> None:
        """Be stopped, as SIGTSTP does without a handler; returns when the process was continued."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came.add(number)
