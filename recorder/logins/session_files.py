"""What there is of a live session in the file system: a description and a socket, where only root enters.

By them a service that has been restarted finds the sessions again, and others find them at all.
"""

import json
import os
import socket
from contextlib import suppress
from typing import Any

BACKLOG = 8


class SessionFiles:
    """REC.json and REC.socket in `directory`."""

    def __init__(self, directory: str, rec: str) -> None:
        self.rec = rec
        self.description = f"{directory}/{rec}.json"
        self.socket = f"{directory}/{rec}.socket"

    def write(self, description: dict[str, Any]) -> None:
        """The description, whole or not at all. Raises OSError."""
        new = f"{self.description}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:
            json.dump(description, file)
        os.rename(new, self.description)

    def read(self) -> dict[str, Any]:
        """The description; empty where there is none that can be read."""
        try:
            with open(self.description, "rb") as file:
                said = json.load(file)
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def listen(self) -> socket.socket:
        """The socket, for the worker. Raises OSError."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        listening.bind(self.socket)
        listening.listen(BACKLOG)
        return listening

    def answers(self) -> bool:
        """Whether a worker listens: as long as one does, its terminal is the one that is described."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(self.socket)
            except BlockingIOError:
                return True  # its backlog is full
            except OSError:
                return False
        return True

    def end(self, by: str, say: str) -> None:
        """Have the worker end the session, without waiting for it. `say` is for the user, on his terminal."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as order:
            order.connect(self.socket)
            order.send(json.dumps({"ask": "terminate", "by": by, "say": say}).encode())

    def remove(self) -> None:
        """Both files."""
        for path in (self.description, self.socket, f"{self.description}.new"):
            with suppress(OSError):
                os.unlink(path)


def all_sessions(directory: str) -> list[SessionFiles]:
    """Those that have a description in the directory."""
    return [SessionFiles(directory, name[:-5]) for name in sorted(os.listdir(directory)) if name.endswith(".json")]
