"""A worker's side of the connection with the keeper of its session (recorder/logins/keeper.py)."""

import os
import socket
from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn


class Kept:
    """`descriptor` is readable when signals have come, or the keeper is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.descriptor = connection.fileno()
        self._connection = connection

    @cached_property
    def pid(self) -> int:
        """Of the process that is there as long as the session. The first that it says."""
        return int(self._connection.recv(16) or b"0")

    def greet(self) -> None:
        """Say that there is a worker again."""
        self._connection.send(b"awake")

    def signals(self) -> bytes:
        """The numbers of the signals that have come, b"" where the keeper is gone."""
        try:
            return self._connection.recv(64)
        except OSError:
            return b""

    def moved(self, leader: int, outer: int) -> None:
        """The session begins with this process. The keeper takes the terminal, unless -1, for its signals: only it
        leads a session of processes.
        """
        socket.send_fds(self._connection, [b"moved %d" % leader], [] if outer < 0 else [outer])
        # A change of the window before would reach nobody.
        self._connection.recv(1)

    def sleep(self, size: tuple[int, int], watched: Sequence[int], held: Sequence[int]) -> NoReturn:
        """Hand over the session and end.

        What comes on the descriptors `watched` wakes it, and so does another size of its terminal, the first of them,
        than this; 0, 0 where it has none.
        """
        socket.send_fds(self._connection, [b"asleep %d %d %d" % (*size, len(watched))], [*watched, *held])
        os._exit(0)

    def end(self, status: int) -> None:
        """The session is over, with this exit status for the service."""
        try:
            self._connection.send(b"ended %d" % status)
        except OSError:
            pass  # the keeper was killed
