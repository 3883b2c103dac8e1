"""The two processes that are forked for logins: one for keepers, one for workers."""

import socket
from collections.abc import Callable, Iterator
from typing import NoReturn

from recorder.logins.kept import Kept
from recorder.logins.login import Host, serve, wake
from recorder.logins.nursery import Nursery
from recorder.logins.zygote import Zygote


class LoginProcesses:
    """Both of them, for as long as neither is killed. `alone` closes in a process what is the service's.

    Raises OSError where there can be no process.
    """

    def __init__(self, host: Host, reports: socket.socket, alone: Callable[[], None]) -> None:
        def begin(connection: socket.socket, kept: socket.socket, standing: bytes) -> NoReturn:
            serve(connection, Kept(kept), host, reports, standing)

        def awake(kept: socket.socket, descriptors: list[int], numbers: bytes) -> NoReturn:
            wake(Kept(kept), host, descriptors, numbers)

        self._zygote = Zygote(begin, awake, alone)
        self._nursery = Nursery(host.recorder, reports, self._zygote.wake)
        self.ends = self._nursery.descriptor
        """Readable when a keeper has ended, or the process that keepers are forked from."""
        self.gone = self._zygote.descriptor
        """Readable when the process is gone that workers are forked from."""

    def fork(self, connection: socket.socket, standing: bytes) -> int:
        """The keeper of a login that is served from now on. Raises OSError, and GoneError where one was killed."""
        kept, keeping = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with kept, keeping:
            # Both at once: he who logs in waits for it.
            self._nursery.order(keeping)
            self._zygote.order(connection, kept, standing)
            try:
                pid = self._nursery.ordered()
            finally:
                self._zygote.ordered()
        return pid

    def ended(self) -> Iterator[tuple[int, int]]:
        """Process ids and statuses, as waitpid has them, of keepers that have ended. Raises GoneError."""
        return self._nursery.ended()

    def close(self) -> None:
        """Have them end. What they have forked goes on."""
        self._nursery.close()
        self._zygote.close()
