"""A login on a pseudo-terminal, as root makes one for a user: it prints a token, is looked at meanwhile, and ends."""

import fcntl
import os
import pty
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence

from host.install_layout import LOGIN_SHELL
from host.proof_error import ProofError

PROGRAMS = {"login": ("login", "-f"), "su": ("su", "-")}
"""The first that is there is used. A login has a login uid of its own, by which audit rules are set; su has none."""

LOGIN_SHELL_BY_SU = ("su", "-s", str(LOGIN_SHELL), "-")
"""The login shell for a user whose shell it is not yet. Root may name any."""

WITHIN = 30.0
"""Seconds for all of it, slow start files of a shell included."""
_TYPE_AGAIN = 3.0
"""Seconds until it is typed again: programs throw away what was typed before they listen."""
_LAST_SAID = 300
_TIOCGPTN = 0x80045430
"""Which number the kernel has given to a pseudo-terminal (asm-generic/ioctls.h)."""


def program() -> str:
    """The key of PROGRAMS that is used here. Raises ProofError."""
    for name in PROGRAMS:
        if shutil.which(name):
            return name
    raise ProofError("neither login nor su is installed here")


def log_in(user: str, token: str, meanwhile: Callable[[str], None], command: Sequence[str]) -> None:
    """Log in as `user`, have `token` printed, call `meanwhile` with the terminal's name (pts/3), log out.

    `command` is what logs in, but for the user's name.
    Raises ProofError where the token is not printed, with what was printed instead.
    """
    child, terminal = pty.fork()
    if child == 0:
        try:
            os.execvp(command[0], [*command, user])
        finally:
            os._exit(127)
    try:
        shown = _converse(terminal, token, lambda: _has_ended(child))
        meanwhile(_name(terminal))
        _end(terminal)
    finally:
        os.close(terminal)
        _reap(child)
    if token not in shown:  # the session has been looked at all the same
        raise ProofError(f"the login of {user} does not come to a prompt; it says: {shown[-_LAST_SAID:].strip()!r}")


def _converse(terminal: int, token: str, ended: Callable[[], bool]) -> str:
    """What is printed until the token stands in it, or the login ends, or takes too long."""
    # In two parts, so that the echo of what is typed is not taken for what is printed.
    half = len(token) // 2
    typed = f"echo {token[:half]}''{token[half:]}\n".encode()
    shown = b""
    end = time.monotonic() + WITHIN
    again = 0.0
    while token.encode() not in shown and time.monotonic() < end:
        if shown and time.monotonic() >= again:
            os.write(terminal, typed)
            again = time.monotonic() + _TYPE_AGAIN
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 65_536)
            except OSError:
                # login(1) hangs the terminal up for a moment, so that nobody else has it open.
                if ended():
                    break
                time.sleep(0.02)
        elif not shown:
            shown = b"\n"  # a shell without a prompt
    return shown.decode(errors="replace")


def _name(terminal: int) -> str:
    """As pts/3. os.ptsname is there from Python 3.13 on."""
    number = fcntl.ioctl(terminal, _TIOCGPTN, bytes(4))
    return f"pts/{int.from_bytes(number, sys.byteorder)}"


def _end(terminal: int) -> None:
    """Log out, and read what comes of it."""
    end = time.monotonic() + WITHIN
    try:
        os.write(terminal, b"exit\n")
        while time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0] and not os.read(terminal, 65_536):
                return
    except OSError:
        return  # the other side is closed


def _has_ended(child: int) -> bool:
    """Without taking its exit status away."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reap(child: int) -> None:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
