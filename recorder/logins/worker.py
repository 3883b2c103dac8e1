"""The process that records one session: it has become the system user, and goes on until the session ends or sleeps.

It is forked warm, so that it costs the pages that it writes to and no others. It holds the only descriptors of the
outer terminal and of the PTY's master.
"""

import os
import resource
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from recorder.capture import spawn
from recorder.capture.locale_charset import session_charset
from recorder.capture.session import LAST_TRIES, Session
from recorder.capture.session_process import Foreign
from recorder.capture.signals import Signals
from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError
from recorder.keys.signing_key import SigningKey
from recorder.logins.kept import Kept
from recorder.logins.last_messages import SECONDS, Places, stay_behind
from recorder.logins.recorded_session import RecordedSession, write_state
from recorder.logins.session_control import ABANDONED, TERMINATED, SessionControl
from recorder.logins.session_events import SessionEvents
from recorder.sinks.sink import Sink, SinkError
from recorder.sinks.spool import Spool

ENDED, FAILED, STOPPED = 0, 1, 2
"""Exit statuses of a worker: as its session, with a recording that failed, by a terminate. After the latter two
nothing of the session may go on."""
REFUSED, UNRECORDED = 3, 4
"""Exit statuses of one whose session has not begun: it cannot be recorded, and was refused or let go on. Nothing is
to be ended then."""


@dataclass(frozen=True)
class Bench:
    """What a worker has to work with. `listening` is the session's control socket, `audit` the path of that of the
    audit service; `places` are for those that have last messages left.
    """

    settings: HostSettings
    key: SigningKey | None
    kept: Kept
    listening: socket.socket
    process: Foreign
    audit: str
    places: Places


class Worker:
    """What recording a session with a terminal has in common with one without.

    `resumed`: the state that an earlier worker of the session has left, and `descriptors` of its sink, in the place
    of a beginning.
    """

    def __init__(
        self,
        bench: Bench,
        recorded: RecordedSession,
        resumed: dict[str, Any] | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        settings = bench.settings
        self.settings = settings
        self.recorded = recorded
        self.decision = recorded.decision
        self.kept = bench.kept
        self.process = bench.process
        self.key = bench.key
        self.places = bench.places
        self.signals = Signals()
        self.resumed = resumed or {}
        self.sink = sink_of(settings, recorded.header.rec, *descriptors)
        spool = Spool(self.sink, settings.spool)
        self.session = Session(recorded.header, spool, deny=self.decision.deny, sign_interval=settings.sign_interval)
        self.events = SessionEvents(self.session)
        self.control = SessionControl(bench.listening, self.events, recorded.description, bench.kept, self.signals)
        self._audit = bench.audit if self.decision.audit else ""
        if resumed is not None:
            self.signals.repeat(*resumed["signals"])
            self.session.resume(resumed["session"], self.key)
            self.control.resume(resumed["control"])

    @property
    def charset(self) -> str:
        """That of the session's locale."""
        return session_charset(self.recorded.locale)

    def begin(self, size: tuple[int, int] | None) -> None:
        """Store the first message. Raises SinkError where that fails and the session must not be without it."""
        recorded, decision = self.recorded, self.decision
        self.session.start(
            program=decision.shell,
            argv=[decision.shell, *recorded.arguments],
            pid=recorded.description["leader"],
            size=size,
            charset=self.charset,
            typed="input" in decision.capture,
            key=self.key,
            policies=decision.policies,
            origin=recorded.description["from"],
        )
        if decision.deny and not self.session.stored():
            raise SinkError(str(self.session.last_error))

    def sleep(self, kind: str, size: tuple[int, int], watched: Sequence[int], state: dict[str, Any]) -> NoReturn:
        """Hand the session over to its keeper. Raises OSError where the state cannot be written."""
        written = write_state(
            {
                "kind": kind,
                "recorded": self.recorded.as_plain(),
                "session": self.session.state(),
                "control": self.control.state(),
                **state,
            }
        )
        self.kept.sleep(size, watched, (written, *self._sink_descriptors()))

    def _sink_descriptors(self) -> list[int]:
        if self.settings.sink != "file":
            return []  # each worker connects anew
        from recorder.sinks.file_sink import FileSink

        return self.sink.descriptors if isinstance(self.sink, FileSink) else []

    def hear_last(self) -> None:
        """Take the last events of audit, once. Raises RecordingFailed."""
        audit, self._audit = self._audit, ""
        if audit:
            self.events.take_last(audit, self.recorded.header.rec)

    def finish(self, reason: str, failed: SessrecError | None, details: dict[str, Any] | None = None) -> int:
        """Write the end of the log; the exit status of the worker."""
        if reason == ABANDONED:
            # Its keeper was killed, and with it the session, of which the service is told.
            return FAILED
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
                self.hear_last()
                self.session.end(reason, code, **details)
            except SessrecError as error:
                failed = error
        else:
            self.session.fail(code)
        stored = self.session.settled(LAST_TRIES)
        if failed is not None or not (stored or not self.decision.deny):
            ended = FAILED
        else:
            ended = STOPPED if reason == TERMINATED or not known else ENDED
        if not stored and self.places.take():
            self.kept.end(ended)
            stay_behind()
            self.session.settled(SECONDS)
        self.session.close(0.0)
        return ended


def sink_of(settings: HostSettings, rec: str, descriptor: int = -1) -> Sink:
    """Where recordings of logins go; `descriptor`: of the file that is begun already. Raises SinkError."""
    if settings.sink == "file":
        from recorder.sinks.file_sink import FileSink

        return FileSink.in_directory(settings.directory, rec, descriptor=descriptor)
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
