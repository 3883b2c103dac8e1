"""Whether a login would succeed now, tried before anybody's shell depends on it, and by `sessrec host status`."""

import secrets
import socket
import subprocess

from host.ask import AskError, ask, connect
from host.install_layout import LOGIN_SHELL, RECORDER, RESPONDER, RUN

_WITHIN = 15.0
"""Seconds that a login shell may take before it counts as failed; both services are asked on its way."""


def problem(thorough: bool) -> str:
    """Why a login would fail, in one line; "" if it would not.

    `thorough` runs a login shell as root whatever comes of it. Without, it is not run where root is recorded: what
    looks regularly would leave a recording each time.
    """
    try:
        root = ask(RUN / "responder.socket", {"ask": "what-if", "user": "root"})
    except AskError as error:
        return f"{RESPONDER}: {error}"
    return login_problem() if thorough or not root["record"] else recorder_problem()


def recorder_problem() -> str:
    """Of the recorder alone: whether it takes up a connection, and lets go of one that asks for nothing."""
    try:
        with connect(RUN / "recorder.socket") as connection:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
    except AskError as error:
        return f"{RECORDER}: {error}"
    except OSError as error:
        return f"{RECORDER} does not take up a connection: {error.strerror or error}"
    return ""


def login_problem() -> str:
    """Of the login shell alone, run as root without a terminal: it asks the recorder, which asks the responder."""
    token = secrets.token_hex(8)
    try:
        done = subprocess.run(
            [LOGIN_SHELL, "-c", f"echo {token}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd="/",
            timeout=_WITHIN,
            check=False,
        )
    except OSError as error:
        return f"{LOGIN_SHELL} cannot be run: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{LOGIN_SHELL} does not come to an end within {_WITHIN:g} s"
    if token in done.stdout:
        return ""
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return f"the login shell ends with status {done.returncode}{': ' + said[-1] if said else ''}"
