"""Logins that wait to be answered: of every user in turn, so that a crowd of one holds up nobody else."""

import socket
from collections import Counter, deque

AT_ONCE = 16
"""Logins of one user that are answered at the same time; the others wait."""
WAITING = 512
"""Logins of one user that may wait; more are refused."""


class LoginQueue:
    """Connections by the user that has made them."""

    def __init__(self) -> None:
        self._answering: Counter[int] = Counter()
        self._waiting: dict[int, deque[socket.socket]] = {}

    def add(self, connection: socket.socket, uid: int) -> bool:
        """False where too many of that user wait already."""
        waiting = self._waiting.setdefault(uid, deque())
        if len(waiting) >= WAITING:
            return False
        waiting.append(connection)
        return True

    def next(self) -> tuple[socket.socket, int] | None:
        """The one whose turn it is, which counts as being answered from now on."""
        for uid, waiting in list(self._waiting.items()):
            while waiting and self._answering[uid] < AT_ONCE:
                connection = waiting.popleft()
                if _has_gone(connection):
                    # Connecting costs less than being answered: who only does that must not get a process for it.
                    connection.close()
                    continue
                self._answering[uid] += 1
                # The turn of all others comes first.
                self._waiting[uid] = self._waiting.pop(uid)
                return connection, uid
            if not waiting:
                del self._waiting[uid]
        return None

    def answered(self, uid: int) -> None:
        """One that was `next` is not being answered any more."""
        self._answering[uid] -= 1
        if not self._answering[uid]:
            del self._answering[uid]

    def close(self) -> None:
        """For a process that answers one of them and has nothing to do with the others."""
        for waiting in self._waiting.values():
            for connection in waiting:
                connection.close()
        self._waiting.clear()


def _has_gone(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
