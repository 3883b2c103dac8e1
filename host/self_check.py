"""Whether a login would succeed now, tried before anybody's shell depends on it, and by `sessrec host status`."""

import secrets
import subprocess

from host.ask import AskError, ask
from host.install_layout import LOGIN_SHELL, RESPONDER, RUN

_WITHIN = 15.0
"""Seconds that a login shell may take before it counts as failed; both services are asked on its way."""


def problem() -> str:
    """Why a login would fail, in one line; "" if it would not."""
    try:
        ask(RUN / "responder.socket", {"ask": "status"})
    except AskError as error:
        return f"{RESPONDER}: {error}"
    return login_problem()


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
