"""One login, from the connection of its login shell to the end of its recording, in processes of its own.

It is forked as root: what takes long or fails here holds nobody else up. It ends as the session does, or as soon as
the login shell is answered where nothing is recorded; or it sleeps, and another goes on.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
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
from recorder.logins.kept import Kept
from recorder.logins.last_messages import Places
from recorder.logins.login_peer import Peer, peer_of
from recorder.logins.login_request import DENY, PLAIN, GoneError, LoginRequest, RequestError, answer, receive
from recorder.logins.recorded_session import RecordedSession, read_state
from recorder.logins.session_files import SessionFiles
from recorder.logins.session_reports import Begun, report_begun
from recorder.logins.taken_terminal import take, taken
from recorder.logins.terminal_worker import TerminalWorker
from recorder.logins.worker import ENDED, FAILED, REFUSED, UNRECORDED, Bench, drop_privileges

REQUEST = 10
"""Seconds from the connection to the answer, after which who wastes them is dropped."""


@dataclass(frozen=True)
class Host:
    """What all logins of a host have in common. `recorder` is uid and gid that workers become."""

    settings: HostSettings
    key: SigningKey | None
    responder: Responder
    directory: str
    recorder: tuple[int, int]
    places: Places

    @property
    def audit(self) -> str:
        """The path of the audit service's socket, beside the directory of sessions, which a worker may not enter."""
        return f"{os.path.dirname(self.directory)}/audit.socket"


@dataclass(frozen=True)
class Standing:
    """What the service knows of who logs in: how many sessions of his go on, and the recording, "" if there is none,
    of the session whose PTY his terminal is, unless the number of that has passed to another.
    """

    running: int
    recording: str

    def said(self) -> bytes:
        """For `of`."""
        return f"{self.running} {self.recording}".encode()

    @classmethod
    def of(cls, said: bytes) -> "Standing":
        """The same again."""
        running, _, recording = said.decode().partition(" ")
        return cls(int(running), recording)


class RefusedError(SessrecError):
    """The login is to be refused with this text."""


def serve(connection: socket.socket, kept: Kept, host: Host, report: socket.socket, standing: bytes) -> NoReturn:
    """Answer the login shell and record what follows, in the process that was forked for it, as root still."""
    login = _Login(connection, kept, host, report, Standing.of(standing))

    def work() -> int:
        try:
            return login.run()
        finally:
            # Unless the keeper's first word was read, the kernel throws away our last.
            with suppress(OSError):
                _ = kept.pid

    _end_with(work, kept)


def wake(kept: Kept, host: Host, descriptors: list[int], numbers: bytes) -> NoReturn:
    """Go on with a session that has slept, for which these signals have come, in a process forked for it."""
    _end_with(partial(_awake, kept, host, descriptors, numbers), kept)


def _end_with(work: Callable[[], int], kept: Kept) -> NoReturn:
    status = FAILED
    try:
        os.setsid()
        status = work()
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
        kept.end(status)
        os._exit(status)


def _awake(kept: Kept, host: Host, descriptors: list[int], numbers: bytes) -> int:
    drop_privileges(*host.recorder)
    kept.greet()
    # As Worker.sleep has put them: what was watched, the state, and the file that is recorded to if it is one.
    rest = [descriptors.pop()] if host.settings.sink == "file" else []
    state = {**read_state(descriptors.pop()), "signals": numbers}
    terminal_ends = descriptors[:2] if state["kind"] == "terminal" else []
    process, listening, *peer = descriptors[len(terminal_ends) :]
    control = socket.socket(fileno=listening)
    control.setblocking(False)
    bench = Bench(host.settings, host.key, kept, control, Foreign(process), host.audit, host.places)
    recorded = RecordedSession.of_plain(state["recorded"])
    if not terminal_ends:
        return CommandWorker(bench, recorded, state, rest).wait()
    connection = socket.socket(fileno=peer[0]) if peer else None
    if connection is not None:
        connection.setblocking(False)
    outer, master = terminal_ends
    return TerminalWorker(bench, recorded, state, rest).wake(outer, master, connection)


class _Login:
    def __init__(
        self, connection: socket.socket, kept: Kept, host: Host, report: socket.socket, standing: Standing
    ) -> None:
        self.connection = connection
        self.kept = kept
        self.host = host
        self.report = report
        self.standing = standing

    def run(self) -> int:
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
            sys.stderr.write(f"{error}\n")
            return self._undecided(error)
        standing = self.standing
        if not decision.record or self._is_ours(standing.recording):
            answer(self.connection, PLAIN, shell=decision.shell)
            return ENDED
        if not self.kept.pid:
            raise GoneError("there is no process that would keep this session; the service answers")
        try:
            if standing.running >= self.host.settings.session_limit:
                raise RefusedError(f"{standing.running} sessions of yours are recorded already; end one")
            return self._recorded(request, peer, decision, outer)
        except (SessrecError, OSError) as error:
            text = str(error) if isinstance(error, SessrecError) else f"{error.strerror}"
            if decision.deny or isinstance(error, RefusedError):
                answer(self.connection, DENY, text=f"this session cannot be recorded: {text}")
                if isinstance(error, OSError):
                    raise
                # Nothing has begun that would have to be ended; and the login shell is still to say why.
                sys.stderr.write(f"a session of {decision.user} was refused: {text}\n")
                return REFUSED
            sys.stderr.write(f"a session of {decision.user} goes on unrecorded, as its policy allows: {text}\n")
            answer(self.connection, PLAIN, shell=decision.shell)
            return UNRECORDED

    def _undecided(self, error: DecisionError) -> int:
        """Nobody knows whether it is to be recorded: as the host says."""
        settings = self.host.settings
        if settings.on_failure == "allow":
            answer(self.connection, PLAIN, shell=settings.shell)
            return UNRECORDED
        answer(self.connection, DENY, text=f"sessions on this host are recorded, and this cannot be: {error}")
        return REFUSED

    def _is_ours(self, recording: str) -> bool:
        """Whether the terminal is that of this recording, if any, and so is recorded already."""
        return bool(recording) and SessionFiles(self.host.directory, recording).answers()

    def _recorded(self, request: LoginRequest, peer: Peer, decision: Decision, outer: int) -> int:
        host = self.host
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
            "audit": list(decision.audit),
            "host": decision.host or host.settings.fqdn,
            "leader": peer.pid,
            "worker": self.kept.pid,
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
        bench = Bench(host.settings, host.key, self.kept, listening, Foreign(peer.pidfd), host.audit, host.places)
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


def _short(device: str) -> str:
    return device.removeprefix("/dev/")
