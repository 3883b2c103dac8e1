"""The audit service's socket: workers ask for the last events of their sessions, root how things are.

    {"ask": "last", "rec": REC} -> {"events": [...]}, which is answered {"taken": N}, as often as there are some;
                                   then {"last": true}
    {"ask": "status"}           -> an object

Root reaches it, and the user that workers run as.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

from recorder.logins.login_peer import credentials

LONGEST = 4096
_BACKLOG = 256
_MOST = 4096
"""Connections at a time: sessions that end at once."""


class Questions:
    """Listens at `path`. `recorder` is uid and gid of workers. Raises OSError."""

    def __init__(self, path: Path, recorder: tuple[int, int]) -> None:
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        mask = os.umask(0o177)
        try:
            self.listening.bind(str(new))
        finally:
            os.umask(mask)
        os.chown(new, *recorder)
        self.listening.listen(_BACKLOG)
        new.rename(path)
        self.asking: dict[int, socket.socket] = {}
        """Those who have connected and said nothing yet."""
        self._may = (0, recorder[0])

    def accept(self) -> int:
        """The descriptor of somebody who has connected; -1 for nobody who may."""
        try:
            connection, _ = self.listening.accept()
        except OSError:
            return -1
        if credentials(connection)[1] not in self._may or len(self.asking) >= _MOST:
            connection.close()
            return -1
        connection.setblocking(False)
        self.asking[connection.fileno()] = connection
        return connection.fileno()

    def asked(self, descriptor: int) -> tuple[socket.socket, dict[str, Any]]:
        """What one asks, {} for nothing that makes sense; the connection is the caller's from now on."""
        connection = self.asking.pop(descriptor)
        try:
            said = json.loads(connection.recv(LONGEST) or b"null")
        except (OSError, ValueError, RecursionError):
            said = None
        return connection, said if isinstance(said, dict) else {}

    def close(self) -> None:
        """Nobody is answered any more."""
        for connection in (self.listening, *self.asking.values()):
            connection.close()
        self.asking.clear()


def reply(connection: socket.socket, said: dict[str, Any]) -> None:
    """Say it to somebody who may have gone."""
    try:
        connection.send(json.dumps(said).encode())
    except OSError:
        pass
