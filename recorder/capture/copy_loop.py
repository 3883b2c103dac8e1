"""The copy loop: between the user's terminal and the session's PTY, exact to the byte, keeping a record.

What the user waits for comes first: bytes are written on before they are recorded. Nothing here blocks but poll:
a terminal that takes no more output stops the reading from the PTY, as it would stop the program without us, and
neither the keyboard nor the log waits for it.
"""

import os
import signal
from select import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, epoll, poll
from time import monotonic

from recorder.capture import terminal
from recorder.capture.outlet import Outlet
from recorder.capture.signals import LEAVE
from recorder.formats.encoder import Encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from recorder.capture.log import Log
    from recorder.capture.masking import InputMask
    from recorder.capture.session_process import SessionProcess
    from recorder.capture.signals import Signals
    from recorder.configuration.settings import Settings
    from recorder.sinks.rate_limit import RateLimit
    from recorder.sinks.sink import Sink
else:
    Protocol = object

CHUNK = 16_384
"""Bytes asked for in one read. Linux hands out at most 4095 of a PTY's output at once."""

BURST = 32
"""Reads of a busy PTY before the keyboard and the clock are looked at again."""

BUSY = 1024
"""A read of so many bytes is likely to be followed by more at once."""

DRAIN = 1024 * 1024
"""Bytes read after the session's command has ended. The kernel holds less; what a process left behind in the
background goes on printing is not the session's."""

REOPEN = 0.1
"""Seconds between two looks at a terminal that nobody has open."""

_AT_ONCE = 16
"""Descriptors that are told of at a time."""

RETRY = 0.25
"""Seconds between two tries of a failing sink."""

ASLEEP = "asleep"
"""In place of a reason to end: nothing happens, and somebody else can wait until something does."""


class Limits:
    """How messages are made. `latency` in seconds, `payload` in terminal bytes; `on_limit` is pass, delay or drop."""

    def __init__(
        self, *, latency: float, payload: int, rate: "RateLimit | None" = None, on_limit: str = "pass"
    ) -> None:
        self.latency = latency
        self.payload = payload
        self.rate = rate
        self.on_limit = on_limit


def limits_of(settings: "Settings", sink: "Sink") -> Limits:
    """As the settings say, and as far as the sink goes."""
    from recorder.sinks.rate_limit import RateLimit

    limited = settings.limit_action != "pass"
    return Limits(
        latency=settings.latency,
        payload=min(settings.payload, sink.payload_limit),
        rate=RateLimit(settings.limit_rate, settings.limit_burst) if limited else None,
        on_limit=settings.limit_action,
    )


class Control(Protocol):
    """What happens to a session beside its terminal: somebody watches it, suspends it, ends it."""

    def watched(self) -> "list[int]":
        """Descriptors that are readable when there is something to do."""

    def woken(self, descriptor: int) -> str:
        """Do it; a reason to end the session, or ""."""

    def printed(self, data: bytes) -> None:
        """The session printed this."""

    def resized(self, columns: int, rows: int) -> None:
        """Its terminal has another size."""

    def idle(self) -> bool:
        """Whether nobody is connected."""


class Capture:
    """One session between `outer` (the user's terminal, read and written) and `master` (the PTY of the session).

    `process` is the one whose end is the session's; `began` is the monotonic time of position 0. Typed bytes are
    recorded where there is a `mask`, which hides secrets among them; what is printed, unless `printed` is False. Both
    descriptors should not block. `sleeps`: it returns ASLEEP when nothing has happened for so many seconds.
    """

    def __init__(
        self,
        *,
        outer: int,
        master: int,
        process: "SessionProcess",
        signals: "Signals",
        log: "Log",
        limits: Limits,
        size: tuple[int, int],
        began: float,
        mask: "InputMask | None" = None,
        control: Control | None = None,
        printed: bool = True,
        sleeps: float | None = None,
    ) -> None:
        self.outer = outer
        self.master = master
        self.process = process
        self.log = log
        self.limits = limits
        self.columns, self.rows = size
        self.suspended = False
        self.signal: int | None = None
        """The signal that ended the recording, if one did."""
        self._began = began
        self._mask = mask
        self._control = control
        self._keeps_output = printed
        self._idle = sleeps
        self._controls: set[int] = set()
        self._encoder = Encoder()
        self._due: float | None = None
        self._next: float | None = self._began
        self._paused_until: float | None = None
        self._reopened_at: float | None = None
        self._screen = Outlet(outer)
        self._keyboard = Outlet(master)
        self._signals = signals
        # Not poll, which would go through all of them twice for each key, while a key concerns two.
        self._epoll = epoll()
        self._looked_at: dict[int, int] = {}

    def run(self) -> str:
        """Copy until the session ends; why it ended: exit, hangup, signal or what the control says; or ASLEEP.

        The last bytes are in the log then.
        """
        if self.process.descriptor >= 0:
            self._look_at(self.process.descriptor, POLLIN)
        self._watch()
        self._watch_control()
        # The command may have ended, and the window changed, before anybody looked.
        self._signals.repeat(signal.SIGWINCH, signal.SIGCHLD)
        reason = self._copy()
        if reason == ASLEEP:
            return reason
        # Whoever does not read what is printed must not put off the end that somebody else wants.
        self._drain(waits=reason in ("exit", "hangup", "signal"))
        return reason

    def state(self) -> "dict[str, Any]":
        """What `resume` needs of a session that sleeps, plain values."""
        return {
            "held": self._encoder.held(),
            "mask": None if self._mask is None else self._mask.state(),
            "size": (self.columns, self.rows),
        }

    def resume(self, state: "dict[str, Any]") -> None:
        """Go on where another process has fallen asleep; to be called before `run`."""
        self._encoder.hold(*state["held"])
        self.columns, self.rows = state["size"]
        if self._mask is not None and state["mask"] is not None:
            self._mask.resume(state["mask"])

    def suspend(self, on: bool) -> None:
        """Let nothing pass in either direction, or again."""
        self.suspended = on
        self._watch()

    def position(self) -> int:
        """Milliseconds since the recording began."""
        return int((monotonic() - self._began) * 1000)

    def flush(self, *, end: int | None = None) -> None:
        """Make a message of what was collected; `end` is the position at which the recording ends."""
        self._due = None
        body = self._encoder.take(self.columns, self.rows, end=end)
        if body is None:
            return
        now = monotonic()
        limits = self.limits
        if limits.rate is not None:
            wait = limits.rate.allow(body.size, now)
            if wait and limits.on_limit == "drop":
                self.log.lose(body.size, "rate limit")
                return
            if wait and limits.on_limit == "delay":
                limits.rate.charge(body.size, now)
                self._paused_until = now + wait
                self._watch()
        self.log.io(body, now)
        self._plan(now)

    def _watch(self) -> None:
        """Tell poll what is wanted now: a side that takes nothing is not fed, and its source not read."""
        keyboard = 0 if self._keyboard.waiting or self.suspended else POLLIN
        screen = POLLOUT if self._screen.waiting and not self.suspended else 0
        waiting = self._screen.waiting or self._paused_until is not None or self.suspended
        self._look_at(self._signals.descriptor, POLLIN)
        self._look_at(self.outer, keyboard | screen)
        if self._reopened_at is not None:
            return
        self._look_at(self.master, (0 if waiting else POLLIN) | (POLLOUT if self._keyboard.waiting else 0))

    def _look_at(self, descriptor: int, events: int | None) -> None:
        """For these events, and for its end; None: not any more."""
        before = self._looked_at.get(descriptor)
        if events == before:
            return
        if events is None:
            del self._looked_at[descriptor]
            self._epoll.unregister(descriptor)
            return
        self._looked_at[descriptor] = events
        if before is None:
            self._epoll.register(descriptor, events)
        else:
            self._epoll.modify(descriptor, events)

    def _copy(self) -> str:
        wait = self._epoll.poll
        while True:
            ready = wait(self._timeout(), _AT_ONCE)
            if not ready and self._next is None and self._may_sleep():
                return ASLEEP
            for descriptor, event in ready:
                if descriptor == self.master:
                    if event & POLLOUT:
                        self._type(b"")
                    if event & POLLIN:
                        if not self._printed() and self._closed():
                            return "exit"
                    elif event & (POLLHUP | POLLERR | POLLNVAL) and self._closed():
                        return "exit"
                elif descriptor == self.outer:
                    if event & POLLOUT and self._screen.put():
                        self._watch()
                    if event & POLLIN:
                        if not self._typed():
                            return "hangup"
                    elif event & (POLLHUP | POLLERR | POLLNVAL):
                        return "hangup"
                elif descriptor == self._signals.descriptor:
                    if not self._woken():
                        return "exit" if self.signal is None else "signal"
                elif descriptor == self.process.descriptor:
                    if self.process.ended():
                        return "exit"
                elif reason := self._controlled(descriptor):
                    return reason
            if self._next is not None and monotonic() >= self._next:
                self._attend(monotonic())

    def _watch_control(self) -> None:
        if self._control is None:
            return
        wanted = set(self._control.watched())
        for descriptor in self._controls - wanted:
            try:
                self._epoll.unregister(descriptor)
            except OSError:
                pass  # it is closed, and so forgotten
        for descriptor in wanted:
            try:
                self._epoll.register(descriptor, POLLIN)
            except FileExistsError:
                pass  # not so one that has the number of another which was closed
        self._controls = wanted

    def _controlled(self, descriptor: int) -> str:
        """Hand on what has come for the control; why the session is to end, or ""."""
        if self._control is None or descriptor not in self._controls:
            return ""
        reason = self._control.woken(descriptor)
        self._watch_control()
        return reason

    def _timeout(self) -> float | None:
        """Seconds until something is due, or the session may sleep; None: neither."""
        if self._next is None:
            return self._idle
        return max(0.0, self._next - monotonic())

    def _may_sleep(self) -> bool:
        """Whether nothing stands in memory that `state` does not tell."""
        rate = self.limits.rate
        return not (
            self.suspended
            or self._screen.waiting
            or self._keyboard.waiting
            or self._encoder.size
            or self.log.failing
            or (rate is not None and not rate.idle(monotonic()))
            or (self._control is not None and not self._control.idle())
        )

    def _plan(self, now: float) -> None:
        """Note when something is due next, so that the loop has one number to look at for each key stroke."""
        due = [time for time in (self._due, self._paused_until, self._reopened_at) if time is not None]
        checkpoint = self.log.checkpoint_due(now)
        if checkpoint is not None and self._due is None:
            due.append(now + checkpoint)
        if self.log.failing:
            due.append(now + RETRY)
        self._next = min(due, default=None)

    def _attend(self, now: float) -> None:
        """What is done beside the copying, when its time has come."""
        if self._due is not None and now >= self._due:
            self.flush()
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
            self._watch()
        if self._reopened_at is not None and now >= self._reopened_at:
            self._reopened_at = None
            self._watch()
        if self.log.failing:
            self.log.retry()
        if self.log.checkpoint_due(now) == 0 and not self._encoder.size:
            self.log.event("checkpoint", self.position(), now, sign=True)
        self._plan(now)

    def _printed(self) -> bool:
        """Read from the session while it prints; False where no process has its terminal open any more."""
        for _ in range(BURST):
            try:
                data = os.read(self.master, CHUNK)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            if self._screen.put(data):
                self._watch()
            if self._keeps_output:
                self._record(data, self._encoder.output)
            if self._mask is not None:
                self._mask.printed(data)
            if self._control is not None:
                self._control.printed(data)
            if len(data) < BUSY or self._screen.waiting or self._paused_until is not None:
                return True
        return True

    def _record(self, data: bytes, collect: "Callable[[int, bytes], None]") -> None:
        """Hand `data` to the encoder's `input` or `output`."""
        payload = self.limits.payload
        if len(data) > payload:
            # One read may hold more than a sink takes in one message.
            for start in range(0, len(data), payload):
                self._record(data[start : start + payload], collect)
            return
        if self._encoder.size + len(data) > payload:
            self.flush()
        now = monotonic()
        if self._due is None:
            self._flush_by(now + self.limits.latency)
        collect(int((now - self._began) * 1000), data)

    def _flush_by(self, time: float) -> None:
        self._due = time
        if self._next is None or time < self._next:
            self._next = time

    def _typed(self) -> bool:
        """Read the keyboard; False where it is gone."""
        try:
            data = os.read(self.outer, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        if self._mask is None:
            self._type(data)
            return True
        # Asked before the session can act on what was typed.
        echo, canonical = terminal.echo_and_canonical(self.master)
        self._type(data)
        shown = self._mask.typed(data, echo=echo, canonical=canonical)
        if shown:
            self._record(shown, self._encoder.input)
        return True

    def _type(self, data: bytes) -> None:
        if self._keyboard.put(data):
            self._watch()

    def _woken(self) -> bool:
        """Act on signals; False where the session is over."""
        for number in self._signals.read():
            if number == signal.SIGWINCH:
                self.resized()
            elif number == signal.SIGCHLD:
                if self.process.ended():
                    return False
            else:
                self.signal = number
                return False
        return True

    def resized(self) -> None:
        """Look at the size of the user's terminal, and give the session's the same."""
        size = terminal.size(self.outer)
        if size == (self.columns, self.rows) or size == (0, 0):
            return
        self.flush()
        terminal.copy_size(self.outer, self.master)
        self.columns, self.rows = size
        columns, rows = size
        self.log.event(
            "resize",
            self.position(),
            monotonic(),
            timing=f"={columns}x{rows}",
            process={"tty": {"columns": columns, "rows": rows}},
        )
        if self._control is not None:
            self._control.resized(columns, rows)

    def _closed(self) -> bool:
        """No process has the session's terminal open. True when the session has ended.

        A command that only closed its descriptors goes on, and may open /dev/tty again: nobody tells us, so the
        PTY, which poll would report without end, is left alone for a while.
        """
        if self.process.ended():
            return True
        if self._reopened_at is None:
            self._look_at(self.master, None)
            self._reopened_at = monotonic() + REOPEN
            self._plan(monotonic())
        return False

    def _drain(self, *, waits: bool) -> None:
        """Take what the session printed last, and give the terminal all of it if that `waits` for it."""
        read = 0
        while read < DRAIN:
            try:
                data = os.read(self.master, CHUNK)
            except OSError:
                break
            if not data:
                break
            read += len(data)
            if self._keeps_output:
                self._record(data, self._encoder.output)
            if self._control is not None:
                self._control.printed(data)
            self._screen.waiting += data
        self.flush(end=self.position())
        if not waits:
            self._screen.put()
            return
        gone = poll()
        gone.register(self.outer, POLLOUT)
        gone.register(self._signals.descriptor, POLLIN)
        while self._screen.waiting and self.signal is None:
            for descriptor, event in gone.poll():
                if descriptor == self._signals.descriptor:
                    self.signal = next((number for number in self._signals.read() if number in LEAVE), None)
                elif event & POLLOUT:
                    self._screen.put()
                else:
                    return
