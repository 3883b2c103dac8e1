"""The recorder service: root, warm, without a network. It answers login shells, and forks a worker for each session.

It does nothing itself that could wait: a connection is a process from its first byte. What it does is to remember the
sessions, to give terminals back, to end what a session leaves when its recording has failed, and to find all of it
again after a restart; the workers go on meanwhile.
"""

import os
import signal
import socket
import sys
from pathlib import Path
from select import POLLIN, poll
from time import monotonic

from recorder.capture.signals import Signals
from recorder.configuration.host_settings import HostSettings, load
from recorder.configuration.service_options import service_options
from recorder.errors import SessrecError
from recorder.keys.signing_key import KeyFileError, SigningKey, load_or_create
from recorder.logins import service_manager, worker
from recorder.logins.decision import Responder
from recorder.logins.last_messages import Places
from recorder.logins.login import Host
from recorder.logins.login_peer import credentials, terminal_of
from recorder.logins.login_processes import LoginProcesses
from recorder.logins.login_queue import LoginQueue
from recorder.logins.login_request import DENY, PLAIN, answer
from recorder.logins.nursery import GoneError
from recorder.logins.recorder_account import recorder_account
from recorder.logins.rehearsal import rehearse
from recorder.logins.running_sessions import RunningSession, RunningSessions
from recorder.logins.session_reports import Moved, Reports
from recorder.logins.silent_connections import SilentConnections
from recorder.logins.taken_terminal import TakenTerminal
from recorder.logins.tally import FAILED, RECORDED, REFUSED, UNRECORDED, Tally
from recorder.logins.terminal_holders import holders

BACKLOG = 4096
ACCEPTED = 256
"""Connections taken in a row: what waits in the kernel has no order but that in which it came."""
LOOK = 500
"""Milliseconds between two looks at what has to end."""
CROWD = "too many logins of yours at once"
_NOT_BEGUN = {worker.REFUSED: REFUSED, worker.UNRECORDED: UNRECORDED}
_NOTHING_LEFT = {worker.ENDED, *_NOT_BEGUN}


class ServiceError(SessrecError):
    """The service cannot start."""


class Service:
    """Listens at `run`/recorder.socket; `state` has the host's key."""

    def __init__(self, settings: HostSettings, run: Path, state: Path) -> None:
        sessions = run / "sessions"
        sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = run / "recorder.socket"
        self._host = Host(
            settings=settings,
            key=_key(Path(settings.key or state / "key.pem")),
            responder=Responder(str(run / "responder.socket")),
            directory=str(sessions),
            recorder=recorder_account(settings.user),
            places=Places(),
        )
        rehearse(settings, self._host.key)
        self._signals = Signals()
        self._reports = Reports()
        self._listening: socket.socket | None = None
        self._sessions = RunningSessions(self._host)
        self._children: dict[int, tuple[int, RunningSession | None]] = {}
        self._silent = SilentConnections()
        self._logins = LoginQueue()
        self._tally = Tally(run)
        self._looking: set[int] = set()
        self._adopted: dict[int, RunningSession] = {}
        self._poll = poll()

    def listen(self) -> None:
        """Take the socket's place, and find the sessions of an earlier service. Raises ServiceError."""
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        try:
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            listening.bind(str(new))
            new.chmod(0o666)
            listening.listen(BACKLOG)
            new.rename(self._path)
        except OSError as error:
            raise ServiceError(f"cannot listen at {self._path}: {error.strerror}") from error
        self._listening = listening
        for session in self._sessions.adopt():
            self._adopted[session.worker] = session
            self._poll.register(session.worker, POLLIN)

    def run(self) -> int:
        """Serve until a signal asks to end; the exit status. The sessions go on."""
        assert self._listening is not None
        for descriptor in (self._listening.fileno(), self._signals.descriptor, self._reports.receiver.fileno()):
            self._poll.register(descriptor, POLLIN)
        self._start()
        service_manager.notify("READY=1")
        ending = self._sessions.end_left()
        while True:
            waiting = self._serve_next()
            timeout = 0 if waiting else LOOK if ending or self._silent else None
            for descriptor, _ in self._poll.poll(timeout):
                if descriptor == self._listening.fileno():
                    self._accept(self._listening)
                elif descriptor == self._reports.receiver.fileno():
                    self._take_reports()
                elif descriptor == self._processes.ends:
                    self._take_ends()
                elif descriptor == self._processes.gone:
                    self._renew()
                elif descriptor in self._silent:
                    self._asked(descriptor)
                elif descriptor in self._adopted:
                    self._adopted_ended(descriptor)
                else:
                    numbers = self._signals.read()
                    self._reap()
                    if signal.SIGTERM in numbers or signal.SIGINT in numbers:
                        service_manager.notify("STOPPING=1")
                        self._processes.close()
                        return 0
            ending = self._sessions.end_left()
            self._tally.keep()
            for descriptor in self._silent.expired(monotonic()):
                self._poll.unregister(descriptor)
                self._silent.take(descriptor)[0].close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED):
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            _, uid, _ = credentials(connection)
            if self._silent.add(connection, uid, monotonic()):
                self._poll.register(connection, POLLIN)
            else:
                self._refuse(connection, CROWD)

    def _asked(self, descriptor: int) -> None:
        """Something has come on a connection: its turn comes."""
        self._poll.unregister(descriptor)
        connection, uid = self._silent.take(descriptor)
        if not self._logins.add(connection, uid):
            self._refuse(connection, CROWD)

    def _serve_next(self) -> bool:
        """Answer the login whose turn it is; False where none waits that may be answered now."""
        login = self._logins.next()
        if login is None:
            return False
        self._fork(*login)
        return True

    def _fork(self, connection: socket.socket, uid: int) -> None:
        try:
            standing = self._sessions.standing(uid, terminal_of(credentials(connection)[0]))
        except (OSError, ValueError):
            # Who has asked has gone.
            self._logins.answered(uid)
            connection.close()
            return
        try:
            try:
                pid = self._processes.fork(connection, standing.said())
            except GoneError:
                self._renew()
                pid = self._processes.fork(connection, standing.said())
        except OSError as error:
            self._logins.answered(uid)
            self._undecided(connection, str(error.strerror))
            return
        connection.close()
        self._children[pid] = uid, None

    def _start(self) -> None:
        """Begin the processes that are forked for logins. Raises OSError."""
        self._processes = LoginProcesses(self._host, self._reports.sender, self._become_other)
        for descriptor in (self._processes.ends, self._processes.gone):
            self._poll.register(descriptor, POLLIN)

    def _renew(self) -> None:
        """One of them was killed. Their children go on, and are nobody's that knows of us. Raises OSError."""
        sys.stderr.write("a process that is forked for logins was killed; both are begun anew\n")
        for descriptor in (self._processes.ends, self._processes.gone):
            self._poll.unregister(descriptor)
        self._processes.close()
        for pid, (uid, session) in self._children.items():
            if session is None:
                self._logins.answered(uid)
                continue
            try:
                session.worker = os.pidfd_open(pid)
            except OSError:
                self._sessions.end_adopted(session)
                continue
            self._adopted[session.worker] = session
            self._poll.register(session.worker, POLLIN)
        self._children.clear()
        self._start()

    def _become_other(self) -> None:
        self._signals.close()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if self._listening is not None:
            self._listening.close()
        self._reports.receiver.close()
        self._logins.close()
        self._silent.close()
        for session in self._sessions:
            for descriptor in session.descriptors():
                os.close(descriptor)

    def _undecided(self, connection: socket.socket, problem: str) -> None:
        """There can be no worker: as the host says."""
        settings = self._host.settings
        sys.stderr.write(f"a login cannot be recorded: {problem}\n")
        if settings.on_failure != "allow":
            self._refuse(connection, f"sessions on this host are recorded, and this cannot be: {problem}")
            return
        self._tally.count(UNRECORDED)
        connection.setblocking(False)
        answer(connection, PLAIN, shell=settings.shell)
        connection.close()

    def _refuse(self, connection: socket.socket, text: str) -> None:
        self._tally.count(REFUSED)
        connection.setblocking(False)
        answer(connection, DENY, text=text)
        connection.close()

    def _take_reports(self) -> None:
        for report in self._reports.received():
            if isinstance(report, Moved):
                self._moved(report)
                continue
            session = self._sessions.begin(report)
            pid = int(report.description["worker"])
            if pid in self._children:
                uid, _ = self._children[pid]
                self._children[pid] = uid, session
                self._logins.answered(uid)
                self._tally.count(RECORDED)
                self._host.responder.tell({"ask": "started", **report.description})
            else:
                self._sessions.end(session, failed=True)

    def _moved(self, report: Moved) -> None:
        _, session = self._children.get(report.worker, (-1, None))
        if session is None:
            return
        session.begins_with(report.leader)
        # What was somebody else's, as under su, others have open with reason.
        if session.taken is not None and session.taken.uid == session.uid:
            self._look_for_holders(session, session.taken)

    def _look_for_holders(self, session: RunningSession, taken: TakenTerminal) -> None:
        """End the session if a process of its user had its terminal before. In a process of its own: it takes ms."""
        try:
            pid = os.fork()
        except OSError as error:
            sys.stderr.write(f"nobody looks who else has the terminal of {session.files.rec}: {error.strerror}\n")
            return
        if pid:
            self._looking.add(pid)
            return
        try:
            # Who connects while this service is gone must learn it.
            if self._listening is not None:
                self._listening.close()
            os.nice(5)
            others = holders(taken.descriptor, session.uid, session.left.leader)
            if others:
                sys.stderr.write(
                    f"session {session.files.rec} of uid {session.uid} is ended: process {others[0]} of the same "
                    "user had its terminal open before it was taken\n"
                )
                session.files.end(
                    "the recorder: another process has this terminal open",
                    "This session ends here: another process of yours had its terminal open before it began.",
                )
            sys.stderr.flush()
        finally:
            os._exit(0)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._looking.discard(pid)

    def _take_ends(self) -> None:
        try:
            for pid, status in self._processes.ended():
                # It has reported before it ended.
                self._take_reports()
                uid, session = self._children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                if code in _NOT_BEGUN:
                    self._tally.count(_NOT_BEGUN[code])
                elif code == worker.FAILED:
                    self._tally.count(REFUSED if session is None else FAILED)
                if session is None:
                    self._logins.answered(uid)
                else:
                    self._sessions.end(session, failed=code not in _NOTHING_LEFT)
        except GoneError:
            self._renew()

    def _adopted_ended(self, worker: int) -> None:
        self._poll.unregister(worker)
        self._sessions.end_adopted(self._adopted.pop(worker))


def main(arguments: list[str]) -> int:
    """The program."""
    options = service_options("session-recorder", __doc__ or "", arguments)
    os.umask(0o077)
    try:
        service = Service(load(options.config), options.run, options.state)
        service.listen()
    except (SessrecError, OSError) as error:
        sys.stderr.write(f"session-recorder: {error}\n")
        return 1
    return service.run()


def _key(path: Path) -> SigningKey | None:
    """The host's key, with one signature made: what that touches is then shared by all workers."""
    try:
        key = load_or_create(path)
        key.sign(b"")
    except KeyFileError as error:
        raise ServiceError(f"recordings cannot be signed: {error}") from error
    return key


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
