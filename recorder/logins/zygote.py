"""A process that stays as the service was when it had just become warm, and is forked for every worker.

The service itself writes to some hundred pages for each login, and a process that is forked from it keeps those as
they were, for itself alone. This one writes to a few, always the same. It outlives the service as long as there are
keepers that may ask it for workers.
"""

import gc
import os
import signal
import socket
from collections.abc import Callable
from select import POLLIN, poll
from typing import NoReturn

from recorder.logins.nursery import GoneError, answered

_LONGEST = 256
_MOST = 16

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
                _fork_for_all(orders, woken, begin, wake)
            finally:
                os._exit(1)
        orders.close()
        woken.close()
        self.descriptor = self._orders.fileno()

    def order(self, connection: socket.socket, kept: socket.socket, about: bytes) -> None:
        """Ask for a worker for a login. Raises GoneError."""
        try:
            socket.send_fds(self._orders, [b"begin" + about], [connection.fileno(), kept.fileno()])
        except OSError as error:
            raise GoneError(error.errno, "the process that is forked for workers is gone") from error

    def ordered(self) -> None:
        """Wait for it. Raises OSError where there can be none, and GoneError."""
        answered(self._orders)

    def close(self) -> None:
        """Have it end, as soon as no keeper needs it."""
        self._orders.close()
        self.wake.close()


def _fork_for_all(orders: socket.socket, woken: socket.socket, begin: Begin, wake: Wake) -> None:
    gc.disable()
    # Nobody asks how workers end: they say it to their keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    watch = poll()
    watch.register(orders, POLLIN)
    watch.register(woken, POLLIN)
    asking = 2
    while asking:
        for descriptor, _ in watch.poll():
            connection = orders if descriptor == orders.fileno() else woken
            try:
                data, ancillary, _, _ = connection.recvmsg(
                    _LONGEST, socket.CMSG_SPACE(4 * _MOST), socket.MSG_CMSG_CLOEXEC
                )
            except OSError:
                data, ancillary = b"", []
            if not data:
                watch.unregister(descriptor)
                asking -= 1
                continue
            descriptors = [number for _, _, value in ancillary for number in memoryview(value).cast("i").tolist()]
            try:
                pid = os.fork()
            except OSError as error:
                pid = -(error.errno or 1)
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                orders.close()
                woken.close()
                gc.enable()
                if connection is orders:
                    begin(socket.socket(fileno=descriptors[0]), socket.socket(fileno=descriptors[1]), data[5:])
                wake(socket.socket(fileno=descriptors[0]), descriptors[1:], data[4:])
            for number in descriptors:
                os.close(number)
            if connection is orders:
                orders.send(b"%d" % pid)
