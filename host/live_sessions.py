"""The sessions that are recorded on this host now, for whoever administers it."""

import os
import pwd
from pathlib import Path
from typing import Any, NamedTuple

from recorder.errors import SessrecError
from sssd_responder.sessions import session_control
from sssd_responder.sessions.session_control import DESCRIBE, SESSIONS, ControlError, GoneError, Session

SILENT = "silent"
"""State of a session whose recorder does not answer."""

_NO_LOGIN = 2**32 - 1


class LiveSessionError(SessrecError):
    """The sessions cannot be told, or none is meant; the text says what to do."""


class LiveSession(NamedTuple):
    """A session, and how it is: one of session_control.STATES, or SILENT."""

    session: Session
    state: str

    def described(self) -> dict[str, Any]:
        """As JSON has it: the session's description, as the bus has it too, and "state"."""
        said = {**vars(self.session), "state": self.state}
        return {"from" if name == "origin" else name: value for name, value in said.items()}


def live_sessions(directory: Path = SESSIONS) -> list[LiveSession]:
    """All of them, the oldest first. Raises LiveSessionError."""
    found = []
    for rec in _names(directory):
        try:
            session = session_control.read(directory, rec)
            found.append(LiveSession(session, _state(directory, rec)))
        except GoneError:
            continue  # it has ended meanwhile
        except ControlError as error:
            raise LiveSessionError(str(error)) from error
    return sorted(found, key=lambda one: one.session.started)


def find(name: str, directory: Path = SESSIONS) -> str:
    """The id of the session whose id begins with `name`. Raises LiveSessionError where it is not one."""
    found = [rec for rec in _names(directory) if rec.startswith(name)]
    if len(found) == 1:
        return found[0]
    if name in found:
        return name
    problem = f"{len(found)} sessions begin with {name!r}; write more of the id" if found else f"no session {name!r}"
    raise LiveSessionError(f"{problem}: `sessrec host sessions` lists those that go on")


def who_asks() -> str:
    """Who runs this, for the recording: whom the kernel remembers to have logged in, whatever he became since."""
    try:
        number = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        number = _NO_LOGIN
    if number == _NO_LOGIN:
        number = os.getuid()
    try:
        return f"{pwd.getpwuid(number).pw_name} on {os.uname().nodename}"
    except KeyError:
        return f"uid {number} on {os.uname().nodename}"


def _names(directory: Path) -> list[str]:
    try:
        return [path.stem for path in directory.iterdir() if path.suffix == ".json"]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LiveSessionError(f"{directory}: {error.strerror}; only root may look into it") from error


def _state(directory: Path, rec: str) -> str:
    try:
        return session_control.ask(directory, rec, DESCRIBE, who_asks())
    except GoneError:
        raise
    except ControlError:
        return SILENT
