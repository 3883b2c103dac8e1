"""Starting the session's command, on a PTY of its own or on the descriptors that are there."""

import errno
import os
import signal
import termios

from recorder.capture import terminal
from recorder.errors import SessrecError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ)
"""The interpreter ignores these two; a program that starts under sessrec must find them as any other does."""


class SpawnError(SessrecError):
    """The session could not be started; nothing runs."""


class CommandNotStarted(SpawnError):
    """The command cannot be executed: exit status 127 where there is none, else 126, as shells have it."""

    def __init__(self, program: str, error: OSError) -> None:
        super().__init__(f"{program}: {error.strerror}")
        self.exit_status = 127 if error.errno == errno.ENOENT else 126


class PtyNotOpened(SpawnError):
    """The system has no PTY left."""


class Command:
    """What to run: a program by path or name, its argv as it is to see it, and its environment."""

    def __init__(self, program: str, argv: "Sequence[str]", environment: "Mapping[str, str]") -> None:
        self.program = program
        self.argv = argv
        self.environment = environment


class Pty:
    """A pseudo-terminal: `master` is ours and does not block; `slave` is the session's, `name` its device."""

    def __init__(self, like: int, attributes: "terminal.Attributes") -> None:
        try:
            self.master, self.slave = os.openpty()
        except OSError as error:
            raise PtyNotOpened(f"no pseudo-terminal to be had: {error.strerror}") from error
        self.name = os.ttyname(self.slave)
        self.size = terminal.copy_size(like, self.slave)
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        os.set_blocking(self.master, False)

    def close_slave(self) -> None:
        """Only the session holds the slave from now on, so that its end is seen on the master."""
        os.close(self.slave)


def on_pty(pty: Pty, command: Command) -> int:
    """Start `command` as leader of a new session whose controlling terminal is the PTY; its process id.

    A session leader that opens a terminal without O_NOCTTY gets it as its controlling terminal, so posix_spawn
    suffices, which does not copy the interpreter.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, pty.name, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
    ]
    pid = _spawn(command, actions, setsid=True)
    pty.close_slave()
    return pid


def on_descriptors(command: Command, descriptors: "Sequence[int]" = (0, 1, 2)) -> int:
    """Start `command` on three descriptors as its standard input, output and error; its process id."""
    actions = [(os.POSIX_SPAWN_DUP2, descriptor, target) for target, descriptor in enumerate(descriptors)]
    return _spawn(command, actions, setsid=False)


def _spawn(
    command: Command,
    actions: "Sequence[tuple[int, ...]] | Sequence[tuple[object, ...]]",
    *,
    setsid: bool,
) -> int:
    start = os.posix_spawn if "/" in command.program else os.posix_spawnp
    try:
        return start(
            command.program,
            list(command.argv),
            command.environment,
            file_actions=actions,
            setsid=setsid,
            setsigdef=_TO_DEFAULT,
        )
    except OSError as error:
        raise CommandNotStarted(command.program, error) from error


GRACE = 3.0
"""Seconds that a session has to end when its terminal is gone."""


def wait_after_hangup(pid: int) -> int | None:
    """What waitpid tells of a command whose terminal was hung up; None where it ignores that and goes on."""
    import time

    end = time.monotonic() + GRACE
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() >= end:
            return None
        time.sleep(0.01)


def terminate(pid: int) -> None:
    """End a command that may not go on without its recording."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    os.waitpid(pid, 0)


def exit_status(status: int) -> int:
    """What waitpid tells as a shell shows it: the exit status, or 128 and the signal's number."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
