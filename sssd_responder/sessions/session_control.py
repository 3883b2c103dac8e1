"""The recorded sessions of this host, and what is done to one: its description and its control socket, from outside.

A session has two files in a directory that only root enters: REC.json, written by the recorder service, and
REC.socket, on which its worker listens. On the socket a request and its answer are one JSON object each.
"""

import errno
import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.errors import SessrecError

SESSIONS = Path("/run/session-recording/sessions")

RUNNING, SUSPENDED, ENDED = STATES = ("running", "suspended", "ended")
"""What a worker says of its session."""
DESCRIBE, SUSPEND, RESUME, TERMINATE, WATCH = "describe", "suspend", "resume", "terminate", "watch"
"""What it is asked for."""

ANSWER = 2.0
"""Seconds that a worker has for an answer. It is one of its few duties, so one that takes longer hangs."""
MESSAGE = 64 * 1024
"""Bytes of a message, and of a description."""
LONGEST_ASKER = 256
"""Characters of the name of who asks."""

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}", re.ASCII)


class ControlError(SessrecError):
    """A session did not do what was asked of it; the text says why."""


class GoneError(ControlError):
    """There is no such session, or not any more."""


@dataclass(frozen=True)
class Session:
    """What the recorder service says of a session; its description has the same names but for `origin`: "from".

    rec: the recording's id; terminal: the one that the user sits at, as pts/3, and pty: the recorder's, both empty
    without one; origin: address or name that the session comes from, empty if local; started: seconds since 1970.
    """

    rec: str
    user: str
    uid: int = 0
    auid: int = 0
    session: int = 0
    terminal: str = ""
    pty: str = ""
    origin: str = ""
    policies: tuple[str, ...] = ()
    leader: int = 0
    worker: int = 0
    started: float = 0.0
    command: tuple[str, ...] = ()
    kind: str = "terminal"


@dataclass
class Watched:
    """The screen of a session as it is sent: packets of `b"o"` and output, `b"r"` and the size as `80x24`.

    The socket ends when the session does.
    """

    socket: socket.socket
    state: str
    columns: int
    rows: int


def is_name(rec: str) -> bool:
    """Whether this can be the id of a recording, and so part of a file's name and of a DN."""
    return _NAME.fullmatch(rec) is not None


def described(said: Mapping[str, Any]) -> Session:
    """The session of a description. Raises ControlError if it is none."""
    rec, user = said.get("rec"), said.get("user")
    if not (isinstance(rec, str) and is_name(rec) and isinstance(user, str) and user):
        raise ControlError(f"a description of a session without a usable name or user: {rec!r}; it is left out")
    return Session(
        rec=rec,
        user=user,
        uid=_number(said, "uid"),
        auid=_number(said, "auid"),
        session=_number(said, "session"),
        terminal=_text(said, "terminal"),
        pty=_text(said, "pty"),
        origin=_text(said, "from"),
        policies=_texts(said, "policies"),
        leader=_number(said, "leader"),
        worker=_number(said, "worker"),
        started=float(_number(said, "started")),
        command=_texts(said, "command"),
        kind=_text(said, "kind") or "terminal",
    )


def read(directory: Path, rec: str) -> Session:
    """The session whose description lies in a directory. Raises GoneError if none does, and ControlError."""
    try:
        with (directory / f"{rec}.json").open("rb") as file:
            data = file.read(MESSAGE + 1)
    except FileNotFoundError as error:
        raise _gone(rec) from error
    except OSError as error:
        raise ControlError(f"{error.filename}: {error.strerror}") from error
    try:
        said = json.loads(data)
        session = described(said if isinstance(said, dict) else {})
    except (ValueError, RecursionError) as error:
        raise ControlError(f"{directory / rec}.json is no description of a session: {error}") from error
    if session.rec != rec:
        raise ControlError(f"{directory / rec}.json describes another session, {session.rec}; it is left out")
    return session


def ask(directory: Path, rec: str, request: str, by: str) -> str:
    """Have a session described, suspended, resumed or terminated; its state then, one of STATES.

    by: who wants it, for the recording. Raises GoneError if the session is over, ControlError.
    """
    with _connected(directory, rec) as connection:
        return _state(_answer(connection, rec, request, by), rec)


def watch(directory: Path, rec: str, by: str) -> Watched:
    """Begin to watch a session. Raises as `ask`."""
    connection = _connected(directory, rec)
    try:
        said = _answer(connection, rec, WATCH, by)
        watched = Watched(connection, _state(said, rec), _number(said, "columns"), _number(said, "rows"))
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return watched


def _connected(directory: Path, rec: str) -> socket.socket:
    if not is_name(rec):
        raise GoneError(f"{rec!r} is no name of a session; `sessrec host sessions` lists them")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(ANSWER)
        # By the directory's descriptor, as an address has room for 107 bytes only.
        opened = os.open(directory, os.O_PATH | os.O_CLOEXEC)
        try:
            connection.connect(f"/proc/self/fd/{opened}/{rec}.socket")
        finally:
            os.close(opened)
    except OSError as error:
        connection.close()
        raise _failed(rec, error) from error
    return connection


def _answer(connection: socket.socket, rec: str, request: str, by: str) -> dict[str, Any]:
    try:
        connection.send(json.dumps({"ask": request, "by": by[:LONGEST_ASKER]}).encode())
        data = connection.recv(MESSAGE)
    except OSError as error:
        raise _failed(rec, error) from error
    if not data:
        raise _gone(rec)
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ControlError(
            f"session {rec} answers with what is no answer; terminate it, and look at its recorder's log"
        )
    if "error" in said:
        raise ControlError(f"session {rec}: {said['error']}")
    return said


def _failed(rec: str, error: OSError) -> ControlError:
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE):
        return _gone(rec)
    if isinstance(error, TimeoutError) or error.errno == errno.EAGAIN:
        return ControlError(f"session {rec} does not answer within {ANSWER:g} s; its recorder hangs or is overloaded")
    return ControlError(f"session {rec}: {error.strerror or error}; only root may do this")


def _gone(rec: str) -> GoneError:
    return GoneError(f"there is no session {rec}; `sessrec host sessions` lists those that go on")


def _state(said: Mapping[str, Any], rec: str) -> str:
    state = said.get("state")
    if state not in STATES:
        raise ControlError(f"session {rec} is in a state that is not known: {state!r}")
    return str(state)


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name, 0)
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else 0


def _texts(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name, ())
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
