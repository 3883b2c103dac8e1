"""The responder's socket: one JSON object in a SOCK_SEQPACKET message each way, then the connection is closed.

Only root may ask. What cannot be read is answered with {"error": ...}; nothing that comes in ends a thread.
"""

import json
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder.errors import SessrecError

MAX_MESSAGE = 64 * 1024
"""Bytes of a question or an answer."""

ASK_LIMIT = 1.0
"""Seconds that an asker has to say what it wants, and to take the answer."""

_THREADS = 16
"""As many questions are answered at the same time; who waits for SSSD holds nobody else up."""

_BACKLOG = 512

Answer = Callable[[dict[str, Any], int], dict[str, Any]]
"""The answer to a question from the process with a given number."""

_log = logging.getLogger(__name__)


class SocketError(SessrecError):
    """The socket cannot be made."""


class DecisionSocket:
    """Listens at `path` from `start` to `close`."""

    def __init__(self, path: str, answer: Answer) -> None:
        self.path = Path(path)
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._inode = 0

    def start(self) -> None:
        """Listen, in place of whoever listened there before. Raises SocketError."""
        # Under a name of its own first: there is no moment without a socket, or with one that others may write to.
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            new.unlink(missing_ok=True)
            mask = os.umask(0o177)
            try:
                self._listener.bind(str(new))
            finally:
                os.umask(mask)
            self._listener.listen(_BACKLOG)
            self._inode = new.stat().st_ino
            new.rename(self.path)
        except OSError as error:
            raise SocketError(
                f"{self.path}: cannot be made: {error.strerror}; is another program there, or the directory missing?"
            ) from error
        for number in range(_THREADS):
            threading.Thread(target=self._serve, name=f"decision-{number}", daemon=True).start()

    def close(self) -> None:
        """Listen no more. Who is being answered is answered still."""
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except OSError:
            pass
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0 or not _is_listening(self._listener):
                    return
                # No descriptors left, for a moment.
                threading.Event().wait(0.05)
                continue
            with connection:
                try:
                    self._serve_one(connection)
                except OSError:
                    pass  # The asker has gone.
                except Exception:
                    _log.exception("a question could not be answered")

    def _serve_one(self, connection: socket.socket) -> None:
        connection.settimeout(ASK_LIMIT)
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            _send(connection, {"error": "only root may ask"})
            return
        data, _, flags, _ = connection.recvmsg(MAX_MESSAGE)
        if not data:
            return
        if flags & socket.MSG_TRUNC:
            _send(connection, {"error": f"the question is longer than {MAX_MESSAGE} bytes"})
            return
        try:
            question = json.loads(data)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            _send(connection, {"error": "the question is not a JSON object"})
            return
        try:
            answer = self._answer(question, pid)
        except SessrecError as error:
            answer = {"error": str(error)}
        except Exception:
            _log.exception("no answer to a question")
            answer = {"error": "the responder has failed; see its journal"}
        _send(connection, answer)


def _send(connection: socket.socket, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    if len(data) > MAX_MESSAGE:
        data = json.dumps({"error": f"the answer is longer than {MAX_MESSAGE} bytes: {len(data)}"}).encode()
    connection.send(data)


def _is_listening(listener: socket.socket) -> bool:
    try:
        return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False
