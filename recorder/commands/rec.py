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

from recorder.capture import terminal
from recorder.capture.recording import Recording
from recorder.capture.spawn import Command
from recorder.configuration.settings import Settings, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from recorder.sinks.sink import Sink

HELP = "record a terminal session"


def main(argv: "Sequence[str]") -> int:
    """Record as the arguments say; the exit status of the command."""
    settings, command = parse(argv, __doc__ or "")
    environment = dict(os.environ)
    run = Command(command[0], command, environment) if command else _login_shell(environment)
    rec = os.urandom(10).hex()
    sink, path = _sink(settings, rec)
    recording = Recording(settings, sink, rec, _data_directory())
    try:
        if terminal.is_terminal(0, 1):
            status = recording.on_terminal(run)
        else:
            status = recording.without_terminal(run)
    finally:
        if path and not settings.output:
            _ingest(path)
    return status


def _login_shell(environment: dict[str, str]) -> Command:
    """The user's shell from the user database, never from the environment, and its argv as login has it."""
    try:
        import pwd

        shell = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    except KeyError:
        shell = "/bin/sh"
    argv = ["-" + shell.rpartition("/")[2]]
    return Command(shell, argv, {**environment, "SHELL": shell})


def _sink(settings: Settings, rec: str) -> "tuple[Sink, str]":
    """The sink, and the file where there is one. Raises SinkError, before anything is started."""
    if settings.output or settings.sink == "file":
        from recorder.sinks.file_sink import FileSink

        if settings.output:
            file = FileSink(settings.output)
        else:
            file = FileSink.in_directory(settings.directory or _data_directory() + "/recordings", rec)
        return file, file.path
    if settings.sink == "journald":
        from recorder.sinks.journald_sink import JournaldSink

        return JournaldSink(namespace=settings.journal_namespace or None), ""
    from recorder.sinks.syslog_sink import SyslogSink

    return SyslogSink(settings.syslog_path), ""


def _data_directory() -> str:
    from recorder.paths import data_directory

    return str(data_directory())


def _ingest(path: str) -> None:
    """Let a process of its own put the recording into the user's store: nobody waits for an index at logout."""
    # -P: what lies in the directory where the user happens to be is not imported.
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    try:
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", "sessrec", "ingest", "--quiet", path],
            os.environ,
            file_actions=null,
            setsid=True,
        )
    except OSError:
        # The store catches up at the next `sessrec list`; the recording itself is safe.
        pass
