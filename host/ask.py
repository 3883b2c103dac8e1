"""A question to one of the host's sockets: a JSON object there, one back (SOCK_SEQPACKET, one packet each)."""

import json
import socket
from pathlib import Path
from typing import Any

from recorder.errors import SessrecError

TIMEOUT = 5.0
"""Seconds. A service that takes longer is as good as none for those who log in."""

_MAX_ANSWER = 65_536


class AskError(SessrecError):
    """Nobody answers, or not as agreed."""


def ask(path: Path, question: dict[str, Any], timeout: float = TIMEOUT) -> dict[str, Any]:
    """The answer; an answer {"error": TEXT} is raised as AskError, as is silence."""
    with connect(path, timeout) as connection:
        try:
            connection.send(json.dumps(question).encode())
            answer = connection.recv(_MAX_ANSWER)
        except TimeoutError as error:
            raise AskError(f"{path} does not answer within {timeout:g} s") from error
        except OSError as error:
            raise AskError(f"{path} does not answer: {error.strerror}") from error
    return parsed(path, answer)


def connect(path: Path, timeout: float = TIMEOUT) -> socket.socket:
    """A connection to the socket at `path`. Raises AskError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(timeout)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise AskError(f"nobody is at {path}: {error.strerror or error}") from error
    return connection


def parsed(path: Path, answer: bytes) -> dict[str, Any]:
    """The object in an answer. Raises AskError for {"error": TEXT} and for anything else."""
    try:
        value = json.loads(answer)
    except ValueError as error:
        raise AskError(f"{path} does not answer as agreed: {answer[:80]!r}") from error
    if not isinstance(value, dict):
        raise AskError(f"{path} does not answer as agreed: {answer[:80]!r}")
    if "error" in value:
        raise AskError(str(value["error"]))
    return value
