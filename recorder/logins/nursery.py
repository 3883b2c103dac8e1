"""The service's side of the process that is forked for keepers (recorder/logins/keeper.py)."""

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from recorder.logins import keeper

_PROGRAM = Path(keeper.__file__)
_PLACES = (keeper.ORDERS, keeper.ENDS, keeper.REPORTS, keeper.WAKE)


class GoneError(OSError):
    """A process that is forked for logins is gone."""


class Nursery:
    """Keepers run as `user`, uid and gid; they report to `reports`, and ask for workers at `wake`.

    `descriptor` is readable when a keeper has ended, or the nursery itself.
    """

    def __init__(self, user: tuple[int, int], reports: socket.socket, wake: socket.socket) -> None:
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ends, ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs = (orders, ends, reports, wake)
        pid = os.fork()
        if not pid:
            try:
                # None of them may be overwritten before it is where the program looks for it.
                above = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, keeper.WAKE + 1) for one in theirs]
                for target, descriptor in zip(_PLACES, above, strict=True):
                    os.dup2(descriptor, target)
                os.execv(sys.executable, [sys.executable, "-ISB", str(_PROGRAM), *map(str, user)])
            finally:
                os._exit(1)
        orders.close()
        ends.close()
        self.pid = pid
        self._ends.setblocking(False)
        self.descriptor = self._ends.fileno()

    def order(self, connection: socket.socket) -> None:
        """Ask for a keeper for the worker at the other end of this connection. Raises GoneError."""
        try:
            socket.send_fds(self._orders, [b"keep"], [connection.fileno()])
        except OSError as error:
            raise GoneError(error.errno, "the process that is forked for keepers is gone") from error

    def ordered(self) -> int:
        """The process id of the keeper that was asked for. Raises OSError where there can be none, and GoneError."""
        return answered(self._orders)

    def ended(self) -> Iterator[tuple[int, int]]:
        """Process ids, and statuses as waitpid has them, of keepers that have ended. Raises GoneError."""
        while True:
            try:
                said = self._ends.recv(64)
            except BlockingIOError:
                return
            except OSError as error:
                raise GoneError(error.errno, "the process that is forked for keepers is gone") from error
            if not said:
                raise GoneError(0, "the process that is forked for keepers is gone")
            pid, status = said.split()
            yield int(pid), int(status)

    def close(self) -> None:
        """Have it end. Its keepers go on."""
        self._orders.close()
        self._ends.close()


def answered(orders: socket.socket) -> int:
    """A process id that is said. Raises OSError for one that could not be made, and GoneError."""
    try:
        said = orders.recv(64)
    except OSError as error:
        raise GoneError(error.errno, "a process that is forked for logins is gone") from error
    if not said:
        raise GoneError(0, "a process that is forked for logins is gone")
    pid = int(said)
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    return pid
