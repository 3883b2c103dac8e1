"""A process that stays as the service was when it had just become warm, and is forked for every worker.

The service itself writes to some hundred pages for each login, and a process that is forked from it keeps those as
they were, for itself alone. This one writes to a few, always the same. One is forked ahead of the login that it will
serve. The zygote outlives the service as long as there are keepers that may ask it for workers.
"""

import gc
import os
import signal
import socket
from collections.abc import Callable
from select import POLLHUP, POLLIN, poll
from typing import NoReturn

from recorder.logins.keeper import received
from recorder.logins.nursery import GoneError, answered

RETRY = 250
"""Milliseconds between two tries to fork, where there can be no process."""

_BEGIN, _WAKE = b"begin", b"wake"

Begin = Callable[[socket.socket, socket.socket, bytes], NoReturn]
"""A login: its connection, that with its keeper, and what the service says of it."""
Wake = Callable[[socket.socket, list[int], bytes], NoReturn]
"""A session that has slept: the connection with its keeper, its descriptors, and the signals that have come."""


class Zygote:
    """`begin` and `wake` are called in processes of their own. `alone` closes in the zygote what is the service's.

    `wake` is where keepers ask, `descriptor` is readable when the zygote is gone.
    """

    def __init__(self, begin: Begin, wake: Wake, alone: Callable[[], None]) -> None:
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.wake, woken = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # What there is now is shared with all that follow as long as nobody touches it.
        gc.collect()
        gc.freeze()
        self.pid = os.fork()
        if not self.pid:
            try:
                alone()
                self._orders.close()
                self.wake.close()
                _Forking(orders, woken, begin, wake).run()
            finally:
                os._exit(1)
        orders.close()
        woken.close()
        self.descriptor = self._orders.fileno()

    def order(self, connection: socket.socket, kept: socket.socket, about: bytes) -> None:
        """Ask for a worker for a login. Raises GoneError."""
        try:
            socket.send_fds(self._orders, [_BEGIN + about], [connection.fileno(), kept.fileno()])
        except OSError as error:
            raise GoneError(error.errno, "the process that is forked for workers is gone") from error

    def ordered(self) -> None:
        """Wait for it. Raises OSError where there can be none, and GoneError."""
        answered(self._orders)

    def close(self) -> None:
        """Have it end, as soon as no keeper needs it."""
        self._orders.close()
        self.wake.close()


class _Forking:
    """The zygote's own side. `orders` come from the service, `woken` from keepers."""

    def __init__(self, orders: socket.socket, woken: socket.socket, begin: Begin, wake: Wake) -> None:
        self._orders = orders
        self._woken = woken
        self._begin = begin
        self._wake = wake
        self._watch = poll()
        self._spare = -1

    def run(self) -> None:
        """Until neither can come any more."""
        gc.disable()
        # Nobody asks how workers end: they say it to their keepers.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self._watch.register(self._woken, POLLIN)
        asking = {self._orders.fileno(), self._woken.fileno()}
        self._fork_spare()
        while asking:
            # Without a spare one, which there is no room for, it takes orders itself, and says so.
            for descriptor, event in self._watch.poll(RETRY if self._spare < 0 else None):
                if descriptor == self._spare:
                    self._end_spare()
                elif descriptor == self._woken.fileno():
                    if not self._serve(self._woken):
                        asking.discard(descriptor)
                        self._watch.unregister(descriptor)
                elif event & POLLHUP or not self._serve(self._orders):
                    asking.discard(descriptor)
                    self._watch.unregister(descriptor)
            if self._spare < 0 and self._orders.fileno() in asking:
                self._fork_spare()

    def _fork_spare(self) -> None:
        """A process that takes the next order: who logs in does not wait for the fork."""
        used, use = os.pipe2(os.O_CLOEXEC)
        pid = _forked()
        if pid == 0:
            os.close(used)
            # Keepers must notice that nobody takes what they ask for.
            self._woken.close()
            data, descriptors = received(self._orders)
            if not data:
                os._exit(0)
            os.write(use, b".")
            os.close(use)
            self._orders.send(b"%d" % os.getpid())
            self._become(self._orders, data, descriptors)
        os.close(use)
        if pid < 0:
            os.close(used)
        else:
            self._spare = used
            self._watch.register(used, POLLIN)
        self._watch.register(self._orders, 0 if pid > 0 else POLLIN)

    def _end_spare(self) -> None:
        """It has begun to serve a login, or was killed."""
        if not os.read(self._spare, 1):
            poll().poll(RETRY)
        self._watch.unregister(self._spare)
        os.close(self._spare)
        self._spare = -1

    def _serve(self, connection: socket.socket) -> bool:
        """One that has come; False where nobody is there any more."""
        data, descriptors = received(connection)
        if not data:
            return False
        pid = _forked()
        if pid == 0:
            self._become(connection, data, descriptors)
        for number in descriptors:
            os.close(number)
        if connection is self._orders:
            self._orders.send(b"%d" % pid)
        return True

    def _become(self, connection: socket.socket, data: bytes, descriptors: list[int]) -> NoReturn:
        """The process that was asked for."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ordered = connection is self._orders
        self._orders.close()
        self._woken.close()
        gc.enable()
        first, *rest = descriptors
        if ordered:
            self._begin(socket.socket(fileno=first), socket.socket(fileno=rest[0]), data[len(_BEGIN) :])
        self._wake(socket.socket(fileno=first), rest, data[len(_WAKE) :])


def _forked() -> int:
    """As fork has it; where it fails, the negative number of its error."""
    try:
        return os.fork()
    except OSError as error:
        return -(error.errno or 1)
