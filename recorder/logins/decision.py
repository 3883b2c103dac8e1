"""What the responder decides of a login, and what it is told of sessions."""

import json
import socket
from dataclasses import dataclass
from typing import Any

from recorder.errors import SessrecError

ANSWER = 2.0
"""Seconds that the responder has. It answers from memory; one that takes longer hangs."""
LONGEST = 65_536
"""Bytes of an answer."""


class DecisionError(SessrecError):
    """There is no decision; the text says why."""


@dataclass(frozen=True)
class Decision:
    """Whether a session is recorded and how; the rest means nothing where it is not, but for the user and his shell.

    `capture` are the words of a policy: output, input, resize, command-bytes; `audit` says what is audited, in words,
    and is empty where nothing is. `origin` is the address or name that
    the session comes from, "" where PAM knows none; `host` is this host's name as FreeIPA has it.
    """

    record: bool
    user: str
    shell: str
    policies: tuple[str, ...] = ()
    capture: frozenset[str] = frozenset()
    notice: str = ""
    origin: str = ""
    host: str = ""
    deny: bool = True
    audit: tuple[str, ...] = ()


class Responder:
    """A connection to the responder at `path`, made as root, which is all that it answers."""

    def __init__(self, path: str) -> None:
        self._path = path

    def decide(self, *, pid: int, uid: int, auid: int, session: int, tty: str) -> Decision:
        """The decision for a session that is about to begin. Raises DecisionError."""
        asked = {"ask": "decide", "pid": pid, "uid": uid, "auid": auid, "session": session, "tty": tty}
        said = self._asked(asked)
        try:
            return _decision(said)
        except (KeyError, TypeError, ValueError) as error:
            raise DecisionError(f"the responder's answer makes no sense: {error!r}") from error

    def tell(self, said: dict[str, Any]) -> None:
        """Say that a session has begun or ended, without waiting. A responder that is away finds it by itself."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.setblocking(False)
                connection.connect(self._path)
                connection.send(json.dumps(said).encode())
        except OSError:
            pass

    def watched(self) -> frozenset[int]:
        """The login uids that audit rules are set for. Raises DecisionError."""
        audit = self._asked({"ask": "status"}).get("audit")
        users = audit.get("users") if isinstance(audit, dict) else None
        return frozenset(int(auid) for auid in users or () if str(auid).isdecimal())

    def _asked(self, said: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(ANSWER)
                connection.connect(self._path)
                connection.send(json.dumps(said).encode())
                answer = json.loads(connection.recv(LONGEST))
        except (OSError, ValueError) as error:
            raise DecisionError("the responder of session recording does not answer") from error
        if not isinstance(answer, dict):
            raise DecisionError("the responder's answer makes no sense")
        if "error" in answer:
            raise DecisionError(str(answer["error"]))
        return answer


def _decision(said: dict[str, Any]) -> Decision:
    settings = said.get("settings") or {}
    shell = str(said["shell"])
    if not shell.startswith("/") or "\0" in shell:
        raise ValueError(f"{shell!r} is no shell")
    return Decision(
        record=said["record"] is True,
        user=str(said["user"]),
        shell=shell,
        policies=tuple(str(name) for name in said.get("policies") or ()),
        capture=frozenset(settings.get("capture") or ()),
        notice=str(settings.get("notice") or ""),
        origin=str(said.get("from") or ""),
        host=str(said.get("host") or ""),
        deny=settings.get("on_failure") != "allow",
        audit=tuple(str(words) for words in settings.get("audit") or ()),
    )
