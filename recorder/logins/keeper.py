"""The process that stays with a session: it holds its descriptors while nothing happens, and has a child do the rest.

An interpreter writes to whatever it looks at, for it counts references; so what has recorded a while shares little
with the service that it was forked from. This process does next to nothing and goes on sharing. Its child, the
worker, serves the login and records; when nothing has happened for a time it hands over the session and ends, and is
forked anew by whatever happens next. Where no fork succeeds any more, the keeper does the work itself.
"""

import os
import signal
import socket
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fcntl import ioctl
from select import POLLIN, poll
from typing import NoReturn, Protocol

from recorder.capture import terminal
from recorder.capture.signals import Signals
from recorder.logins.session_reports import report_moved

KILLED = 1
"""Exit status for a worker that was killed: nothing of the session may go on."""

_MOST = 8
"""Descriptors of a session that sleeps."""
_FORWARDED = (signal.SIGWINCH, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


@dataclass(frozen=True)
class Asleep:
    """A session in which nothing happens.

    What comes on the first `watched` of its `descriptors` wakes it, and so does another size of its terminal, the
    first of them, than `columns` and `rows`; 0, 0 where it has none.
    """

    columns: int
    rows: int
    watched: int
    descriptors: list[int]


class Keeping(Protocol):
    """What a worker needs of who keeps it. `descriptor` is readable when the keeper is gone; -1 without one.

    `pid` is of the process that is there as long as the session.
    """

    descriptor: int
    pid: int

    def moved(self, leader: int, outer: int) -> None:
        """The session begins with this process; the terminal, unless -1, is free to be taken for its signals."""

    def sleep(self, size: tuple[int, int], watched: Sequence[int], held: Sequence[int]) -> NoReturn:
        """Hand over the session and end."""


class Kept:
    """The worker's end of the connection with its keeper."""

    def __init__(self, connection: socket.socket) -> None:
        self.descriptor = connection.fileno()
        self.pid = os.getppid()
        self._connection = connection

    def moved(self, leader: int, outer: int) -> None:
        """See Keeping. Only the keeper leads a session of processes, and so can have the terminal's signals."""
        socket.send_fds(self._connection, [b"moved %d" % leader], [] if outer < 0 else [outer])
        # A change of the window before would reach nobody.
        self._connection.recv(1)

    def sleep(self, size: tuple[int, int], watched: Sequence[int], held: Sequence[int]) -> NoReturn:
        """See Keeping."""
        said = b"asleep %d %d %d" % (*size, len(watched))
        socket.send_fds(self._connection, [said], [*watched, *held])
        os._exit(0)


class Alone:
    """Of a worker that no process keeps: it leads its session itself, and does not sleep."""

    descriptor = -1

    def __init__(self, report: socket.socket) -> None:
        self.pid = os.getpid()
        self._report = report

    def moved(self, leader: int, outer: int) -> None:
        """See Keeping."""
        lead(outer)
        report_moved(self._report, leader)

    def sleep(self, size: tuple[int, int], watched: Sequence[int], held: Sequence[int]) -> NoReturn:
        """Never asked."""
        raise AssertionError("nobody would wake it")


class Keeper:
    """Keeps one session. `begin` serves its login, `wake` goes on with it: it is given the descriptors and the
    signals that have come. Both return the exit status of the process.
    """

    def __init__(
        self,
        report: socket.socket,
        begin: Callable[[Keeping], int],
        wake: Callable[[Keeping, list[int], bytes], int],
    ) -> None:
        self._report = report
        self._begin = begin
        self._wake = wake
        self._child = 0
        self._passed_on = b""

    def run(self, become: Callable[[], None]) -> int:
        """To the end of the session; its exit status. `become` gives up what only the login needs to be allowed."""
        connection = self._fork()
        if connection is None:
            return self._begin(Alone(self._report))
        if not self._child:
            return self._begin(Kept(connection))
        become()
        self._signals = Signals()
        while True:
            asleep = self._attend(connection)
            connection.close()
            if asleep is None:
                _, status = os.waitpid(self._child, 0)
                return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else KILLED
            os.waitpid(self._child, 0)
            numbers = self._rest(asleep)
            connection = self._fork()
            if connection is None:
                return self._wake(Alone(self._report), asleep.descriptors, numbers)
            if not self._child:
                return self._wake(Kept(connection), asleep.descriptors, numbers)
            # What is closed by the worker is to be closed.
            for descriptor in asleep.descriptors:
                os.close(descriptor)

    def _fork(self) -> socket.socket | None:
        """Both ends of a connection, this process has one and its child the other; None where it cannot be."""
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            return None
        try:
            self._child = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            return None
        unused, used = (theirs, ours) if self._child else (ours, theirs)
        unused.close()
        self._passed_on = b""
        return used

    def _attend(self, connection: socket.socket) -> Asleep | None:
        """Serve the worker until it sleeps, or is gone."""
        watch = poll()
        watch.register(connection, POLLIN)
        watch.register(self._signals.descriptor, POLLIN)
        while True:
            for descriptor, _ in watch.poll():
                if descriptor == self._signals.descriptor:
                    self._pass_on()
                    continue
                asleep = self._served(connection)
                if asleep is not True:
                    return asleep or None

    def _served(self, connection: socket.socket) -> "Asleep | bool":
        """The session that sleeps; whether the worker goes on otherwise."""
        try:
            data, ancillary, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(4 * _MOST), socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return False
        descriptors = [number for _, _, value in ancillary for number in memoryview(value).cast("i").tolist()]
        what, *numbers = data.split()[:4] or [b""]
        if what == b"moved":
            lead(descriptors[0] if descriptors else -1)
            for descriptor in descriptors:
                os.close(descriptor)
            report_moved(self._report, int(numbers[0]))
            connection.send(b".")
            return True
        if what == b"asleep":
            return Asleep(int(numbers[0]), int(numbers[1]), int(numbers[2]), descriptors)
        return False

    def _pass_on(self) -> None:
        """Signals for this process are meant for the worker."""
        for number in self._signals.read():
            if number in _FORWARDED:
                os.kill(self._child, number)
                if number != signal.SIGWINCH:
                    # It ends by these: one that sleeps instead has not seen them.
                    self._passed_on += bytes((number,))

    def _rest(self, asleep: Asleep) -> bytes:
        """Wait until something happens; the signals that have come."""
        watch = poll()
        watch.register(self._signals.descriptor, POLLIN)
        for descriptor in asleep.descriptors[: asleep.watched]:
            watch.register(descriptor, POLLIN)
        size = asleep.columns, asleep.rows
        if self._passed_on or (asleep.columns and terminal.size(asleep.descriptors[0]) != size):
            return self._passed_on
        while True:
            ready = watch.poll()
            numbers = bytes(number for number in self._signals.read() if number in _FORWARDED)
            if numbers or any(descriptor != self._signals.descriptor for descriptor, _ in ready):
                return numbers


def lead(outer: int) -> None:
    """Take the outer terminal as controlling terminal: changes of the window and the end of the connection reach its
    leader as signals, and who is in its group. It is free: its session has just left it.
    """
    if outer < 0:
        return
    try:
        ioctl(outer, termios.TIOCSCTTY, 0)
    except OSError:
        pass  # without it the size is only looked at when something is typed
