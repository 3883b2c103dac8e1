"""A session without a terminal: its command keeps the descriptors it was given, or has its bytes copied.

Copied means three streams that are never merged, each passed on whole and recorded up to a bound.
"""

import os
import signal
from select import POLLHUP, POLLIN, POLLOUT, poll
from time import monotonic

from recorder.capture.copy_loop import ASLEEP
from recorder.capture.session_process import Child
from recorder.formats.encoder import Encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from recorder.capture.copy_loop import Control, Limits
    from recorder.capture.log import Log
    from recorder.capture.session_process import SessionProcess
    from recorder.capture.signals import Signals

CHUNK = 4096
"""PIPE_BUF: what a pipe that poll calls writable takes without blocking, so O_NONBLOCK, which would be set for
everybody who shares the descriptor, is not needed."""

_FORWARDED = (signal.SIGHUP, signal.SIGTERM)
"""Signals passed on to the command. Ctrl-C and Ctrl-\\ reach its process group from the terminal by themselves."""


def wait(
    process: "SessionProcess", signals: "Signals", control: "Control | None" = None, sleeps: float | None = None
) -> str:
    """Wait for the command's end: "exit", or what the control or a signal to the recorder says before.

    ASLEEP, when nothing has happened for `sleeps` seconds and nobody is connected.
    """
    longest = None if sleeps is None else int(sleeps * 1000)
    while not process.ended():
        watch = poll()
        watch.register(signals.descriptor, POLLIN)
        if process.descriptor >= 0:
            watch.register(process.descriptor, POLLIN)
        controls = _register(watch, control)
        ready = watch.poll(longest)
        if not ready and (control is None or control.idle()):
            return ASLEEP
        for descriptor, _ in ready:
            if descriptor == signals.descriptor and forward(process, signals):
                return "signal"
            if control is not None and descriptor in controls and (reason := control.woken(descriptor)):
                return reason
    return "exit"


def forward(process: "SessionProcess", signals: "Signals") -> bool:
    """Hand on the signals that were meant for a command of ours; True where one was meant for the recorder itself."""
    meant = [number for number in signals.read() if number in _FORWARDED]
    if not isinstance(process, Child):
        return bool(meant)
    for number in meant:
        os.kill(process.pid, number)
    return False


def _register(watch: "Any", control: "Control | None") -> list[int]:
    descriptors = [] if control is None else control.watched()
    for descriptor in descriptors:
        watch.register(descriptor, POLLIN)
    return descriptors


class _Direction:
    """One stream on its way: read from `source`, written to `target`, recorded up to `limit` bytes."""

    def __init__(self, name: str, source: int, target: int, limit: int) -> None:
        self.name = name
        self.source = source
        self.target = target
        self.limit = limit
        self.total = 0
        self.recorded = 0
        self.pending = b""
        self.open = True


class Pipes:
    """Copies the three streams of a command. `child_ends` are the descriptors that the command gets."""

    def __init__(self, log: "Log", limits: "Limits", signals: "Signals", *, bound: int, began: float) -> None:
        self.log = log
        self.limits = limits
        self._signals = signals
        self._began = began
        self._due: float | None = None
        self._encoders = {False: Encoder(), True: Encoder()}
        self._complaint = False
        """Whether what was collected is standard error, which has messages of its own."""
        ends = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
        self.child_ends = (ends[0][0], ends[1][1], ends[2][1])
        self._directions = (
            _Direction("stdin", 0, ends[0][1], bound),
            _Direction("stdout", ends[1][0], 1, bound),
            _Direction("stderr", ends[2][0], 2, bound),
        )

    def run(self, process: "SessionProcess", control: "Control | None" = None) -> str:
        """Copy until the command has ended and closed its output: "exit", or what the control or a signal says."""
        for descriptor in self.child_ends:
            os.close(descriptor)
        _, printed, complained = self._directions
        reason = ""
        while not reason and (printed.open or complained.open):
            reason = self._step(process, control)
        self.flush()
        for complaint in (False, True):
            self._complaint = complaint
            self.flush(end=int((monotonic() - self._began) * 1000))
        return reason or wait(process, self._signals, control)

    def totals(self) -> dict[str, dict[str, int]]:
        """Bytes that each stream carried, and how many of them are recorded."""
        return {one.name: {"bytes": one.total, "recorded": one.recorded} for one in self._directions}

    def _step(self, process: "SessionProcess", control: "Control | None") -> str:
        watch = poll()
        watch.register(self._signals.descriptor, POLLIN)
        controls = _register(watch, control)
        wanted: dict[int, _Direction] = {}
        for one in self._directions:
            if not one.open:
                continue
            descriptor = one.target if one.pending else one.source
            watch.register(descriptor, POLLOUT if one.pending else POLLIN)
            wanted[descriptor] = one
            if one.name == "stdin" and not one.pending:
                # The command may close its standard input long before there is more of it.
                watch.register(one.target, 0)
                wanted[one.target] = one
        now = monotonic()
        timeout = None if self._due is None else max(0, int((self._due - now) * 1000) + 1)
        for descriptor, event in watch.poll(timeout):
            if descriptor == self._signals.descriptor:
                if forward(process, self._signals):
                    return "signal"
                continue
            if control is not None and descriptor in controls:
                if reason := control.woken(descriptor):
                    return reason
                continue
            one = wanted[descriptor]
            if not one.open:
                continue
            if one.pending:
                self._write(one)
            elif descriptor == one.source:
                self._read(one)
            elif event & ~POLLHUP:
                self._close(one)
        if self._due is not None and monotonic() >= self._due:
            self.flush()
        return ""

    def _read(self, one: _Direction) -> None:
        try:
            data = os.read(one.source, CHUNK)
        except OSError:
            data = b""
        if not data:
            self._close(one)
            return
        one.total += len(data)
        one.pending = data
        self._write_ready(one)
        taken = data[: max(0, one.limit - one.recorded)]
        if not taken:
            return
        one.recorded += len(taken)
        complaint = one.name == "stderr"
        if complaint != self._complaint or self._encoders[complaint].size + len(taken) > self.limits.payload:
            self.flush()
            self._complaint = complaint
        now = monotonic()
        if self._due is None:
            self._due = now + self.limits.latency
        at = int((now - self._began) * 1000)
        if one.name == "stdin":
            self._encoders[False].input(at, taken)
        else:
            self._encoders[complaint].output(at, taken)

    def _write_ready(self, one: _Direction) -> None:
        watch = poll()
        watch.register(one.target, POLLOUT)
        if watch.poll(0):
            self._write(one)

    def _write(self, one: _Direction) -> None:
        try:
            one.pending = one.pending[os.write(one.target, one.pending) :]
        except OSError:
            # Nobody reads any more: the source learns it as it would without us.
            one.pending = b""
            self._close(one)

    def _close(self, one: _Direction) -> None:
        one.open = False
        # The user's own descriptors stay open: others may share them.
        os.close(one.target if one.name == "stdin" else one.source)

    def flush(self, *, end: int | None = None) -> None:
        """Make a message of what was collected; `end` is the position at which the recording ends."""
        self._due = None
        body = self._encoders[self._complaint].take(0, 0, end=end)
        if body is None:
            return
        if self._complaint:
            self.log.stream(body, "stderr", monotonic())
        else:
            self.log.io(body, monotonic())
