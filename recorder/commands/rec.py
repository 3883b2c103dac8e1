"""Record a terminal session.

Runs COMMAND, or the user's shell as a login shell, on a terminal of its own and records what it prints, with
--input also what is typed. Nothing about the session changes: not a byte on the terminal, not the exit status.

Without -o the recording goes where the settings say, by default into the user's data directory and from there
into the user's store, where `sessrec list`, `search` and `play` find it, also while it runs.

Without a terminal on standard input and output, the command, its exit status and its duration are recorded, and
with --command-bytes what went through its standard input, output and error.

The exit status is that of the command: 128+n if signal n ended it, 126 or 127 if it cannot be started, 254 if
the recording failed and the policy is to deny.
"""

import os
import sys
from typing import TYPE_CHECKING

from recorder import spawn, terminal
from recorder.errors import SessrecError
from recorder.settings import Settings, parse
from recorder.signals import Signals
from recorder.sink import SinkError
from recorder.spool import Spool

# Everything else is imported when the command has been started: until then the user waits.

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from recorder.capture import Limits
    from recorder.masking import InputMask
    from recorder.session import Session
    from recorder.sink import Sink

HELP = "record a terminal session"

LAST_TRIES = 2.0
"""Seconds in which a failing sink is given the end of a recording."""


def main(argv: "Sequence[str]") -> int:
    """Record as the arguments say; the exit status of the command."""
    settings, command = parse(argv, __doc__ or "")
    environment = dict(os.environ)
    if command:
        program, arguments = command[0], command
    else:
        program, arguments = _login_shell(environment)
    rec = os.urandom(10).hex()
    sink, path = _sink(settings, rec)
    recording = _Recording(settings, sink, rec)
    try:
        if terminal.is_terminal(0, 1):
            status = recording.on_terminal(program, arguments, environment)
        else:
            status = recording.without_terminal(program, arguments, environment)
    finally:
        if path and not settings.output:
            _ingest(path)
    return status


def _login_shell(environment: dict[str, str]) -> tuple[str, list[str]]:
    """The user's shell from the user database, never from the environment, and its argv as login has it."""
    try:
        import pwd

        shell = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    except KeyError:
        shell = "/bin/sh"
    environment["SHELL"] = shell
    return shell, ["-" + shell.rpartition("/")[2]]


def _sink(settings: Settings, rec: str) -> "tuple[Sink, str]":
    """The sink, and the file where there is one. Raises SinkError, before anything is started."""
    if settings.output or settings.sink == "file":
        from recorder.file_sink import FileSink

        if settings.output:
            file = FileSink(settings.output)
        else:
            file = FileSink.in_directory(settings.directory or _data_directory() + "/recordings", rec)
        return file, file.path
    if settings.sink == "journald":
        from recorder.journald_sink import JournaldSink

        return JournaldSink(namespace=settings.journal_namespace or None), ""
    from recorder.syslog_sink import SyslogSink

    return SyslogSink(settings.syslog_path), ""


def _data_directory() -> str:
    from recorder.paths import data_directory

    return str(data_directory())


class _Recording:
    """Takes a session through its stages, so that every way out restores the terminal and ends the log."""

    def __init__(self, settings: Settings, sink: "Sink", rec: str) -> None:
        self.settings = settings
        self.sink = sink
        self.rec = rec
        self.signals = Signals()

    def on_terminal(self, program: str, argv: "Sequence[str]", environment: "Mapping[str, str]") -> int:
        outer = terminal.reopened(0)
        raw = terminal.RawMode(0)
        if self.settings.notice:
            os.write(1, self.settings.notice.encode() + b"\n")
        try:
            pty = spawn.Pty(0, raw.original)
            raw.set()
            pid = spawn.on_pty(pty, program, argv, environment)
            return self._capture(program, argv, environment, pty, pid, outer, raw)
        except spawn.SpawnError:
            raw.restore()
            self._discard()
            raise
        finally:
            raw.restore()

    def _capture(
        self,
        program: str,
        argv: "Sequence[str]",
        environment: "Mapping[str, str]",
        pty: spawn.Pty,
        pid: int,
        outer: int,
        raw: terminal.RawMode,
    ) -> int:
        from recorder.capture import Capture
        from recorder.log import RecordingFailed

        session = self._session()
        mask = self._mask()
        capture = Capture(
            outer=outer,
            master=pty.master,
            pid=pid,
            signals=self.signals,
            log=session.log,
            limits=self._limits(),
            size=pty.size,
            began=session.began,
            mask=mask,
        )
        failed: SessrecError | None = None
        try:
            self._start(session, program, argv, environment, pid, pty.size)
            reason = capture.run()
        except (RecordingFailed, SessrecError) as error:
            failed, reason = error, "recording-failed"
        os.close(pty.master)
        raw.restore()
        status = spawn.wait_after_hangup(pid) if capture.status is None else capture.status
        code = None if status is None else spawn.exit_status(status)
        return self._finish(session, reason, code, capture.signal, failed)

    def without_terminal(self, program: str, argv: "Sequence[str]", environment: "Mapping[str, str]") -> int:
        from recorder import pipes

        copied = self.settings.command_bytes
        session = self._session()
        copier = (
            pipes.Pipes(
                session.log,
                self._limits(),
                self.signals,
                bound=self.settings.command_bytes_limit,
                began=session.began,
            )
            if copied
            else None
        )
        try:
            pid = spawn.on_descriptors(program, argv, environment, copier.child_ends if copier else (0, 1, 2))
        except spawn.SpawnError:
            self._discard()
            raise
        failed: SessrecError | None = None
        reason = "exit"
        code: int | None = None
        details = {}
        try:
            self._start(session, program, argv, environment, pid, None)
            code = spawn.exit_status(copier.run(pid) if copier else pipes.wait(pid, self.signals))
            if copier is not None:
                details = {"streams": copier.totals()}
        except SessrecError as error:
            failed, reason = error, "recording-failed"
            spawn.terminate(pid)
        return self._finish(session, reason, code, None, failed, details)

    def _session(self) -> "Session":
        from recorder.session import Session, header

        settings = self.settings
        spool = Spool(self.sink, settings.spool)
        return Session(
            header(self.rec), spool, deny=settings.on_failure == "deny", sign_interval=settings.sign_interval
        )

    def _start(
        self,
        session: "Session",
        program: str,
        argv: "Sequence[str]",
        environment: "Mapping[str, str]",
        pid: int,
        size: tuple[int, int] | None,
    ) -> None:
        from pathlib import Path

        from recorder.locale_charset import session_charset
        from recorder.signing_key import load_or_create

        key = load_or_create(Path(self.settings.key or _data_directory() + "/key.pem"))
        session.start(
            program=program,
            argv=argv,
            pid=pid,
            size=size,
            charset=session_charset(environment),
            typed=self.settings.input,
            key=key,
        )

    def _limits(self) -> "Limits":
        from recorder.capture import Limits
        from recorder.rate_limit import RateLimit

        settings = self.settings
        limited = settings.limit_action != "pass"
        return Limits(
            latency=settings.latency,
            payload=min(settings.payload, self.sink.payload_limit),
            rate=RateLimit(settings.limit_rate, settings.limit_burst) if limited else None,
            on_limit=settings.limit_action,
        )

    def _mask(self) -> "InputMask | None":
        if not self.settings.input:
            return None
        from recorder.locale_charset import session_charset
        from recorder.masking import InputMask

        return InputMask(self.settings.prompt_pattern, session_charset(os.environ))

    def _finish(
        self,
        session: "Session",
        reason: str,
        code: int | None,
        number: int | None,
        failed: SessrecError | None,
        details: "Mapping[str, object] | None" = None,
    ) -> int:
        """Write the end of the log and say what went wrong; the exit status."""
        if failed is None:
            try:
                session.end(reason, code, **(details or {}))
            except SessrecError as error:
                failed = error
        else:
            session.fail(code)
        if not session.close(LAST_TRIES) and failed is None:
            failed = SinkError(f"the end of the recording was not stored: {session.last_error}")
        if failed is not None:
            if self.settings.on_failure == "deny":
                failed.exit_status = 254
                raise failed
            sys.stderr.write(f"sessrec: {failed}\n")
        if number is not None and code is None:
            return 128 + number
        return 0 if code is None else code

    def _discard(self) -> None:
        """Nothing was started, so nothing was recorded."""
        self.sink.close()
        path = getattr(self.sink, "path", "")
        if path:
            os.unlink(path)  # noqa: PTH108 - pathlib takes longer to import than all of this


def _ingest(path: str) -> None:
    """Let a process of its own put the recording into the user's store: nobody waits for an index at logout."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    try:
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "sessrec", "ingest", "--quiet", path],
            os.environ,
            file_actions=null,
            setsid=True,
        )
    except OSError:
        # The store catches up at the next `sessrec list`; the recording itself is safe.
        pass
