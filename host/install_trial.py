"""What is done so that no installation locks anybody out: a recorded login before the change, a way back after it.

Everybody's shell is changed when a login through the new one was made, recorded and verified. From then on a timer of
systemd's takes session recording out again, unless it is confirmed that people still get in. The timer needs neither
the program that set it nor the connection that this was started over.
"""

import subprocess
from collections.abc import Callable

from host.install_error import InstallError
from host.install_layout import COMMAND
from recorder.errors import SessrecError

UNIT = "session-recording-unconfirmed"
"""Of the timer, and of the service that it starts."""

LEAST, MOST = 10, 3600
"""Seconds in which it can be confirmed."""

_TIMEOUT = 30


def try_login(user: str, say: Callable[[str], None]) -> None:
    """Have `user` log in through the login shell, which he does not have yet. Raises InstallError."""
    from host.proof import prove
    from host.proof_login import LOGIN_SHELL_BY_SU

    try:
        for name, text in prove(user, LOGIN_SHELL_BY_SU):
            say(f"test login of {user}: {name}: {text}")
    except SessrecError as error:
        raise InstallError(f"the test login of {user} fails, and nobody's shell was changed: {error}") from error


def arm(seconds: int) -> None:
    """Take everything out again after this time, whatever becomes of us. Raises InstallError."""
    confirm()
    options = (
        "--quiet",
        "--collect",
        f"--unit={UNIT}",
        "--description=Takes session recording out, since nobody has confirmed that logins work",
        f"--on-active={seconds}",
        "--timer-property=AccuracySec=1s",
        # Another run may have the lock at that moment.
        "--property=Restart=on-failure",
        "--property=RestartSec=3",
        "--property=StartLimitIntervalSec=120",
        "--property=StartLimitBurst=20",
    )
    done = _systemd("systemd-run", *options, str(COMMAND), "host", "install", "--uninstall")
    if done.returncode:
        raise InstallError(f"no timer can be set, and nobody's shell was changed: {done.stderr.strip()}")


def confirm() -> bool:
    """Leave things as they are; whether there was anything to confirm. Raises InstallError where it is too late."""
    if _systemd("systemctl", "--quiet", "is-active", f"{UNIT}.service").returncode == 0:
        raise InstallError("it is being taken out already, since nobody confirmed it in time")
    return disarm()


def disarm() -> bool:
    """Stop the timer; whether there was one. Raises InstallError."""
    if _systemd("systemctl", "--quiet", "is-active", f"{UNIT}.timer").returncode:
        return False
    done = _systemd("systemctl", "stop", f"{UNIT}.timer")
    if done.returncode:
        raise InstallError(f"the timer {UNIT} cannot be stopped: {done.stderr.strip()}")
    return True


def _systemd(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise InstallError(f"{command[0]} is not installed, or not in PATH") from None
    except subprocess.TimeoutExpired:
        raise InstallError(f"`{command[0]}` does not come to an end") from None
