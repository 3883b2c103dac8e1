"""A session from the start of its command to the end of its log, on a terminal or without one.

Until the command runs, the user waits: what is not needed for that is imported afterwards.
"""

import os
import sys

from recorder.capture import spawn, terminal
from recorder.capture.session_process import Child
from recorder.capture.signals import Signals
from recorder.errors import SessrecError
from recorder.sinks.sink import SinkError
from recorder.sinks.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from recorder.capture.masking import InputMask
    from recorder.capture.session import Session
    from recorder.configuration.settings import Settings
    from recorder.sinks.sink import Sink


class Recording:
    """Takes a session through its stages, so that every way out restores the terminal and ends the log.

    `sink` takes the messages; `rec` is the recording's id; `data_directory` holds the user's key.
    """

    def __init__(self, settings: "Settings", sink: "Sink", rec: str, data_directory: str) -> None:
        self.settings = settings
        self.sink = sink
        self.rec = rec
        self.data_directory = data_directory
        self.signals = Signals()
        self.warning = ""
        self._denies = settings.on_failure == "deny"

    def on_terminal(self, command: spawn.Command) -> int:
        """Run and record `command` between the terminal on descriptor 0 and a PTY; the exit status."""
        outer = terminal.reopened(0)
        raw = terminal.RawMode(0)
        if self.settings.notice:
            os.write(1, self.settings.notice.encode() + b"\n")
        try:
            pty = spawn.Pty(0, raw.original)
            raw.set()
            pid = spawn.on_pty(pty, command)
            return self._capture(command, pty, pid, outer, raw)
        except spawn.SpawnError:
            raw.restore()
            self._discard()
            raise
        finally:
            raw.restore()

    def _capture(
        self,
        command: spawn.Command,
        pty: spawn.Pty,
        pid: int,
        outer: int,
        raw: terminal.RawMode,
    ) -> int:
        from recorder.capture.copy_loop import Capture, limits_of

        session = self._session()
        mask = self._mask()
        process = Child(pid)
        capture = Capture(
            outer=outer,
            master=pty.master,
            process=process,
            signals=self.signals,
            log=session.log,
            limits=limits_of(self.settings, self.sink),
            size=pty.size,
            began=session.began,
            mask=mask,
        )
        failed: SessrecError | None = None
        try:
            self._start(session, command, pid, pty.size)
            reason = capture.run()
        except SessrecError as error:
            failed, reason = error, "recording-failed"
        os.close(pty.master)
        raw.restore()
        status = spawn.wait_after_hangup(pid) if process.status is None else process.status
        if failed is not None and status is None:
            # Whoever ignores the hang-up does not go on unrecorded.
            spawn.terminate(pid)
        code = None if status is None else spawn.exit_status(status)
        return self._finish(session, reason, code, capture.signal, failed)

    def without_terminal(self, command: spawn.Command) -> int:
        """Run and record `command` on the three standard descriptors; the exit status."""
        from recorder.capture import pipes
        from recorder.capture.copy_loop import limits_of

        copied = self.settings.command_bytes
        session = self._session()
        copier = (
            pipes.Pipes(
                session.log,
                limits_of(self.settings, self.sink),
                self.signals,
                bound=self.settings.command_bytes_limit,
                began=session.began,
            )
            if copied
            else None
        )
        try:
            pid = spawn.on_descriptors(command, copier.child_ends if copier else (0, 1, 2))
        except spawn.SpawnError:
            self._discard()
            raise
        failed: SessrecError | None = None
        reason = "exit"
        code: int | None = None
        details = {}
        try:
            self._start(session, command, pid, None)
            process = Child(pid)
            reason = copier.run(process) if copier else pipes.wait(process, self.signals)
            code = spawn.exit_status(process.status or 0)
            if copier is not None:
                details = {"streams": copier.totals()}
        except SessrecError as error:
            failed, reason = error, "recording-failed"
            spawn.terminate(pid)
        return self._finish(session, reason, code, None, failed, details)

    def _session(self) -> "Session":
        from recorder.capture.session import Session, header

        settings = self.settings
        spool = Spool(self.sink, settings.spool)
        return Session(header(self.rec), spool, deny=self._denies, sign_interval=settings.sign_interval)

    def _start(
        self,
        session: "Session",
        command: spawn.Command,
        pid: int,
        size: tuple[int, int] | None,
    ) -> None:
        from pathlib import Path

        from recorder.capture.locale_charset import session_charset
        from recorder.keys.signing_key import KeyFileError, load_or_create

        key = None
        try:
            key = load_or_create(Path(self.settings.key or self.data_directory + "/key.pem"))
        except KeyFileError as error:
            if self._denies:
                raise
            self.warning = f"this recording is not signed: {error}"
        session.start(
            program=command.program,
            argv=command.argv,
            pid=pid,
            size=size,
            charset=session_charset(command.environment),
            typed=self.settings.input,
            key=key,
        )
        if self._denies and not session.stored():
            raise SinkError(f"the recording cannot be stored: {session.last_error}; the session ends here")

    def _mask(self) -> "InputMask | None":
        if not self.settings.input:
            return None
        from recorder.capture.locale_charset import session_charset
        from recorder.capture.masking import InputMask

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
        if not session.close() and failed is None:
            failed = SinkError(f"the end of the recording was not stored: {session.last_error}")
        if failed is not None:
            if self._denies:
                failed.exit_status = 254
                raise failed
            self.warning = str(failed)
        if self.warning:
            sys.stderr.write(f"sessrec: {self.warning}\n")
        if number is not None and code is None:
            return 128 + number
        return 0 if code is None else code

    def _discard(self) -> None:
        """Nothing was started, so nothing was recorded."""
        self.sink.close()
        path = getattr(self.sink, "path", "")
        if path:
            os.unlink(path)
