"""The process that records one session: forked by the service as root, it becomes the system user and goes on alone.

The service forks it warm, so that an idle session costs the pages that it writes to and no others. It holds the only
descriptors of the outer terminal and of the PTY's master, and ends with the session.
"""

import os
import resource
import signal
import socket
import termios
from collections.abc import Callable
from fcntl import ioctl
from typing import Any

from recorder.capture import pipes, spawn, terminal
from recorder.capture.copy_loop import Capture, limits_of
from recorder.capture.locale_charset import session_charset
from recorder.capture.log import Header
from recorder.capture.masking import InputMask
from recorder.capture.pipes import Pipes
from recorder.capture.session import Session
from recorder.capture.session_process import Foreign
from recorder.capture.signals import Signals
from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError
from recorder.keys.signing_key import SigningKey
from recorder.logins.decision import Decision
from recorder.logins.login_request import DETACHED, PIPES, SLAVE, LoginRequest, answer
from recorder.logins.session_control import TERMINATED, SessionControl, tell_on_terminal
from recorder.sinks.sink import Sink, SinkError
from recorder.sinks.spool import Spool

MOVE = 10.0
"""Seconds that a login shell has to move to the terminal that it is given."""

LAST_WORD = 0.2
"""Seconds that the process which waits under a login has to say how the shell has ended."""

ENDED, FAILED, STOPPED = 0, 1, 2
"""Exit statuses of a worker: as its session, with a recording that failed, by a terminate. After the latter two
nothing of the session may go on."""


class Worker:
    """One session: the first message is stored, the login shell answered, and the rest recorded to the end."""

    def __init__(
        self,
        *,
        settings: HostSettings,
        decision: Decision,
        request: LoginRequest,
        header: Header,
        key: SigningKey | None,
        connection: socket.socket,
        listening: socket.socket,
        description: dict[str, Any],
        process: Foreign,
        on_leader: Callable[[int], None],
    ) -> None:
        self.settings = settings
        self.decision = decision
        self.request = request
        self.connection = connection
        self.process = process
        self._key = key
        self._on_leader = on_leader
        self._description = description
        self._sink = sink_of(settings, header.rec)
        spool = Spool(self._sink, settings.spool)
        self.session = Session(header, spool, deny=decision.deny, sign_interval=settings.sign_interval)
        self.control = SessionControl(listening, self.session.log, description)
        self.signals = Signals()

    def on_terminal(self, outer: int, pty: spawn.Pty) -> int:
        """Record between the terminal `outer`, which does not block, and a PTY; ENDED, FAILED or STOPPED."""
        raw = terminal.RawMode(outer)
        self._begin(pty.size)
        # The kernel says who sends what follows.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        if self.decision.notice:
            os.write(outer, self.decision.notice.encode() + b"\n")
        device = str(os.fstat(outer).st_rdev)
        if not answer(self.connection, SLAVE, shell=self.decision.shell, text=device, descriptors=(pty.slave,)):
            return self._finish("hangup", None)
        pty.close_slave()
        if not self._moved(outer):
            return self._finish("hangup", None)
        raw.set()
        capture = Capture(
            outer=outer,
            master=pty.master,
            process=self.process,
            signals=self.signals,
            log=self.session.log,
            limits=limits_of(self.settings, self._sink),
            size=pty.size,
            began=self.session.began,
            mask=self._mask(),
            control=self.control,
            printed="output" in self.decision.capture,
        )
        self.control.capture = capture
        failed: SessrecError | None = None
        try:
            reason = capture.run()
        except SessrecError as error:
            failed, reason = error, "recording-failed"
        if capture.signal == signal.SIGHUP:
            reason = "hangup"
        if reason == TERMINATED:
            tell_on_terminal(outer, self.control.farewell)
        elif failed is not None:
            tell_on_terminal(outer, f"This session ends here: {failed}")
        # Before the terminal is let go of: who reaches the socket may rely on its number.
        self.control.close()
        os.close(pty.master)
        raw.restore()
        # Nobody waits on his terminal for the end of the log.
        os.close(outer)
        # The shell has just been hung up; how it ends is known to who waits for it only if he asks afterwards.
        self.process.ends(LAST_WORD if reason == TERMINATED else spawn.GRACE)
        self._let_go()
        return self._finish(reason, failed)

    def without_terminal(self) -> int:
        """Record that a command runs, with its bytes if they are wanted; ENDED, FAILED or STOPPED."""
        copied = "command-bytes" in self.decision.capture and len(self.request.descriptors) == 3
        self._begin(None)
        shell = self.decision.shell
        copier = None
        if copied:
            # Pipes copies from and to 0, 1 and 2.
            for target, descriptor in enumerate(self.request.descriptors):
                os.dup2(descriptor, target, inheritable=False)
            copier = Pipes(
                self.session.log,
                limits_of(self.settings, self._sink),
                self.signals,
                bound=self.settings.command_bytes_limit,
                began=self.session.began,
            )
        for descriptor in self.request.descriptors:
            os.close(descriptor)
        if copier is not None:
            answered = answer(self.connection, PIPES, shell=shell, descriptors=copier.child_ends)
        else:
            answered = answer(self.connection, DETACHED, shell=shell)
        self.connection.close()
        if not answered:
            return self._finish("hangup", None)
        failed: SessrecError | None = None
        try:
            if copier is not None:
                reason = copier.run(self.process, self.control)
            else:
                reason = pipes.wait(self.process, self.signals, self.control)
        except SessrecError as error:
            failed, reason = error, "recording-failed"
        self.control.close()
        return self._finish(reason, failed, {} if copier is None else {"streams": copier.totals()})

    def _begin(self, size: tuple[int, int] | None) -> None:
        """Store the first message. Raises SinkError where that fails and the session must not be without it."""
        self.session.start(
            program=self.decision.shell,
            argv=[self.decision.shell, *self.request.arguments],
            pid=self._description["leader"],
            size=size,
            charset=session_charset(self.request.locale),
            typed="input" in self.decision.capture,
            key=self._key,
            policies=self.decision.policies,
            origin=self._description["from"],
        )
        if self.decision.deny and not self.session.stored():
            raise SinkError(str(self.session.last_error))

    def _moved(self, outer: int) -> bool:
        """Wait for the session to be on its new terminal; False where it has gone instead."""
        self.connection.settimeout(MOVE)
        try:
            said, ancillary, _, _ = self.connection.recvmsg(16, socket.CMSG_SPACE(12))
            if said not in (b"leader", b"forked"):
                return False
            pid = next(int.from_bytes(data[:4], "little") for _, kind, data in ancillary if kind == 2)
            self._description["leader"] = pid
            self.process = Foreign(os.pidfd_open(pid))
            self._on_leader(pid)
            if said == b"leader":
                # Changes of the window and the end of the connection reach its leader as signals.
                _become_leader(outer)
            else:
                self.connection.send(b"go")
        except (OSError, StopIteration):
            return False
        self.connection.setblocking(False)
        self.control.peer = self.connection
        return True

    def _let_go(self) -> None:
        """Let the process end that waits for the terminal; it says how the shell has ended before."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LAST_WORD)
            while said := self.connection.recv(16).strip():
                if said.isdigit():
                    self.control.status_said = int(said)
                    break
        except OSError:
            pass
        self.connection.close()

    def _mask(self) -> InputMask | None:
        if "input" not in self.decision.capture:
            return None
        return InputMask(self.settings.prompt_pattern, session_charset(self.request.locale))

    def _finish(self, reason: str, failed: SessrecError | None, details: dict[str, Any] | None = None) -> int:
        """Write the end of the log; the exit status of the worker."""
        known = self.process.wait(0.0 if reason == TERMINATED else spawn.GRACE)
        status = self.process.status if known else None
        if known and status is None:
            # Before Linux 6.15 only the shell's parent knows, a process of the user's.
            status = self.control.status_said
        code = None if status is None else spawn.exit_status(status)
        details = details or {}
        if self.control.asked_by:
            details["by"] = self.control.asked_by
        if failed is None:
            try:
                self.session.end(reason, code, **details)
            except SessrecError as error:
                failed = error
        else:
            self.session.fail(code)
        stored = self.session.close()
        if failed is not None or not (stored or not self.decision.deny):
            return FAILED
        return STOPPED if reason == TERMINATED or not known else ENDED


def sink_of(settings: HostSettings, rec: str) -> Sink:
    """Where recordings of logins go. Raises SinkError."""
    if settings.sink == "file":
        from recorder.sinks.file_sink import FileSink

        return FileSink.in_directory(settings.directory, rec)
    if settings.sink == "syslog":
        from recorder.sinks.syslog_sink import SyslogSink

        return SyslogSink(settings.syslog_path)
    from recorder.sinks.journald_sink import JournaldSink

    return JournaldSink(namespace=settings.journal_namespace or None)


def drop_privileges(uid: int, gid: int) -> None:
    """Become the system user for good. Raises OSError."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _become_leader(outer: int) -> None:
    """Take the outer terminal as controlling terminal, for its signals. It is free: its session has just left it."""
    try:
        ioctl(outer, termios.TIOCSCTTY, 0)
    except OSError:
        pass  # without it the size is only looked at when something is typed
