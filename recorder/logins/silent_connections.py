"""Connections on which nothing has been asked yet. A login shell asks at once; who does not must hold up nobody."""

import socket
from collections import Counter

SILENCE = 2.0
"""Seconds after which a connection is closed on which nothing is asked."""
MOST = 128
"""Of one user; more are refused."""


class SilentConnections:
    """By descriptor, to be polled for a request."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[float, socket.socket, int]] = {}
        self._of: Counter[int] = Counter()

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._since

    def __bool__(self) -> bool:
        return bool(self._since)

    def add(self, connection: socket.socket, uid: int, now: float) -> bool:
        """False where that user has too many already."""
        if self._of[uid] >= MOST:
            return False
        self._since[connection.fileno()] = now, connection, uid
        self._of[uid] += 1
        return True

    def take(self, descriptor: int) -> tuple[socket.socket, int]:
        """One that is silent no more, and whose it is."""
        _, connection, uid = self._since.pop(descriptor)
        self._of[uid] -= 1
        if not self._of[uid]:
            del self._of[uid]
        return connection, uid

    def expired(self, now: float) -> list[int]:
        """Descriptors of those that have been silent for too long. The oldest come first in a dictionary."""
        found = []
        for descriptor, (since, _, _) in self._since.items():
            if now - since < SILENCE:
                break
            found.append(descriptor)
        return found

    def close(self) -> None:
        """For a process that has nothing to do with them."""
        for _, connection, _ in self._since.values():
            connection.close()
        self._since.clear()
