"""One login, from the connection of its login shell to the end of its recording, in processes of its own.

The service has forked it, as root: what takes long or fails here holds nobody else up. It becomes the keeper of the
session, and its child serves the login and records. Both end as the session does, or as soon as the login shell is
answered where nothing is recorded.
"""

import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import time
from typing import Any, NoReturn

from recorder.capture import spawn, terminal
from recorder.capture.log import Header, displayable
from recorder.capture.session_process import Foreign
from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError
from recorder.keys.signing_key import SigningKey
from recorder.logins.command_worker import CommandWorker
from recorder.logins.decision import Decision, DecisionError, Responder
from recorder.logins.keeper import Keeper, Keeping
from recorder.logins.login_peer import Peer, peer_of
from recorder.logins.login_request import DENY, PLAIN, GoneError, LoginRequest, RequestError, answer, receive
from recorder.logins.recorded_session import RecordedSession, read_state
from recorder.logins.session_files import SessionFiles
from recorder.logins.session_reports import Begun, report_begun
from recorder.logins.taken_terminal import take, taken
from recorder.logins.terminal_worker import TerminalWorker
from recorder.logins.worker import ENDED, FAILED, Bench, drop_privileges

REQUEST = 10
"""Seconds from the connection to the answer, after which who wastes them is dropped."""


@dataclass(frozen=True)
class Host:
    """What all logins of a host have in common. `recorder` is uid and gid that workers become; `limits` are for all
    sessions of one user; `own` are sessions that go on, by the device number of their PTY.
    """

    settings: HostSettings
    key: SigningKey | None
    responder: Responder
    directory: str
    recorder: tuple[int, int]
    own: dict[int, SessionFiles] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)
    """How many sessions of a user, by uid, go on."""


class RefusedError(SessrecError):
    """The login is to be refused with this text."""


def serve(connection: socket.socket, host: Host, report: socket.socket) -> NoReturn:
    """Answer the login shell and record what follows, in the process that was forked for it."""
    status = FAILED

    def become() -> None:
        connection.close()
        drop_privileges(*host.recorder)

    try:
        os.setsid()
        login = _Login(connection, host, report)
        status = Keeper(report, login.run, partial(_wake, host)).run(become)
    except GoneError:
        status = ENDED
    except (RequestError, OSError) as error:
        sys.stderr.write(f"a login shell was not answered: {error}\n")
    except SessrecError as error:
        sys.stderr.write(f"{error}\n")
    except Exception as error:
        # Whatever it is, it ends this session alone, and is told.
        sys.stderr.write(f"the recorder of a login failed: {error!r}\n")
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


class _Login:
    def __init__(self, connection: socket.socket, host: Host, report: socket.socket) -> None:
        self.connection = connection
        self.host = host
        self.report = report

    def run(self, keeping: Keeping) -> int:
        """Serve it, and record what follows; the exit status."""
        signal.alarm(REQUEST)
        self.connection.settimeout(REQUEST)
        request = receive(self.connection)
        peer = peer_of(self.connection)
        # Any of them: who has another file as standard input could still use his terminal by the other two.
        outer = next((descriptor for descriptor in request.descriptors if peer.owns(descriptor)), -1)
        on_terminal = outer >= 0
        try:
            decision = self.host.responder.decide(
                pid=peer.pid,
                uid=peer.uid,
                auid=peer.auid,
                session=peer.session,
                tty=_short(os.ttyname(outer)) if on_terminal else "",
            )
        except DecisionError as error:
            return self._undecided(error)
        if not decision.record or self._is_ours(peer.terminal):
            answer(self.connection, PLAIN, shell=decision.shell)
            return ENDED
        try:
            return self._recorded(request, peer, decision, outer, keeping)
        except (SessrecError, OSError) as error:
            text = str(error) if isinstance(error, SessrecError) else f"{error.strerror}"
            if decision.deny or isinstance(error, RefusedError):
                answer(self.connection, DENY, text=f"this session cannot be recorded: {text}")
                if isinstance(error, OSError):
                    raise
                # Nothing has begun that would have to be ended; and the login shell is still to say why.
                sys.stderr.write(f"a session of {decision.user} was refused: {text}\n")
                return ENDED
            sys.stderr.write(f"a session of {decision.user} goes on unrecorded, as its policy allows: {text}\n")
            answer(self.connection, PLAIN, shell=decision.shell)
            return ENDED

    def _undecided(self, error: DecisionError) -> int:
        """Nobody knows whether it is to be recorded: as the host says."""
        settings = self.host.settings
        if settings.on_failure == "allow":
            answer(self.connection, PLAIN, shell=settings.shell)
        else:
            answer(self.connection, DENY, text=f"sessions on this host are recorded, and this cannot be: {error}")
        raise error

    def _is_ours(self, terminal: int) -> bool:
        """Whether the terminal with this device number is one that is recorded already."""
        files = self.host.own.get(terminal)
        return files is not None and files.answers()

    def _recorded(self, request: LoginRequest, peer: Peer, decision: Decision, outer: int, keeping: Keeping) -> int:
        host = self.host
        if host.running.get(peer.uid, 0) >= host.settings.session_limit:
            raise RefusedError(f"{host.settings.session_limit} sessions of yours are recorded already; end one")
        if outer < 0 and any(map(os.isatty, request.descriptors)):
            raise RefusedError("it has a terminal open that is not the one it runs on (/dev/tty, setsid)")
        rec = os.urandom(10).hex()
        files = SessionFiles(host.directory, rec)
        on_terminal = outer >= 0
        # Opened anew, so that not to block is a property of ours alone; as root, for nobody else may open it soon.
        own = terminal.reopened(outer) if on_terminal else -1
        pty = spawn.Pty(own, terminal.RawMode(own).original) if on_terminal else None
        before = taken(outer) if on_terminal else None
        copied = "command-bytes" in decision.capture and len(request.descriptors) == 3
        description: dict[str, Any] = {
            "rec": rec,
            "user": displayable(decision.user),
            "uid": peer.uid,
            "auid": peer.auid,
            "session": peer.session,
            "terminal": _short(os.ttyname(outer)) if on_terminal else "",
            "pty": _short(pty.name) if pty else "",
            "from": decision.origin,
            "policies": list(decision.policies),
            "leader": peer.pid,
            "worker": keeping.pid,
            "outer": before.as_json() if before else [],
            "started": round(time(), 3),
            "command": [displayable(argument)[:256] for argument in request.arguments[:16]],
            "kind": "terminal" if on_terminal else "bytes" if copied else "command",
        }
        files.write(description)
        listening = files.listen()
        if pty is not None and before is not None:
            os.fchown(pty.slave, peer.uid, before.gid)
            os.fchmod(pty.slave, before.mode)
            take(before)
        # The service gives the terminal back, and ends what is left, when this process is gone.
        device = os.fstat(pty.slave).st_rdev if pty else 0
        report_begun(self.report, Begun(description, device, peer.pidfd, before.descriptor if before else -1))
        header = Header(
            host=decision.host or host.settings.fqdn,
            rec=rec,
            user=decision.user,
            term=request.term,
            session=peer.session,
        )
        drop_privileges(*host.recorder)
        bench = Bench(host.settings, host.key, keeping, listening, Foreign(peer.pidfd))
        recorded = RecordedSession(decision, header, description, request.arguments, request.locale)
        if pty is None:
            command = CommandWorker(bench, recorded)
            signal.alarm(0)
            return command.run(self.connection, request.descriptors, copied=copied)
        worker = TerminalWorker(bench, recorded)
        signal.alarm(0)
        for descriptor in request.descriptors:
            os.close(descriptor)
        return worker.run(self.connection, own, pty)


def _wake(host: Host, keeping: Keeping, descriptors: list[int], numbers: bytes) -> int:
    """Go on with a session that has slept, for which these signals have come; the exit status."""
    # As Worker.sleep has put them: what was watched, the state, and the file that is recorded to if it is one.
    rest = [descriptors.pop()] if host.settings.sink == "file" else []
    state = {**read_state(descriptors.pop()), "signals": numbers}
    terminal_ends = descriptors[:2] if state["kind"] == "terminal" else []
    process, listening, *peer = descriptors[len(terminal_ends) :]
    control = socket.socket(fileno=listening)
    control.setblocking(False)
    bench = Bench(host.settings, host.key, keeping, control, Foreign(process))
    recorded = RecordedSession.of_plain(state["recorded"])
    if not terminal_ends:
        return CommandWorker(bench, recorded, state, rest).wait()
    connection = socket.socket(fileno=peer[0]) if peer else None
    if connection is not None:
        connection.setblocking(False)
    outer, master = terminal_ends
    return TerminalWorker(bench, recorded, state, rest).wake(outer, master, connection)


def _short(device: str) -> str:
    return device.removeprefix("/dev/")
