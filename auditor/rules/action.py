"""What an alert starts: a request to a webhook, a command, an order to a session. Each takes bounded time, and raises
ActionError when it has not worked."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from auditor.rules.rule import Order
from recorder.errors import SessrecError

WEBHOOK_PATIENCE = 10.0
"""Seconds for which a web server may say nothing."""

PAUSES = (1.0, 5.0)
"""Seconds before a webhook is tried again."""

COMMAND_PATIENCE = 30.0
"""Seconds after which a command is killed, with what it has started."""

IPA = "/usr/bin/ipa"


class ActionError(SessrecError):
    """An action has not worked; the text says which and why."""


def post(url: str, summary: Mapping[str, Any], pauses: tuple[float, ...] = PAUSES) -> None:
    """Send an alert as JSON. Any answer of 2xx is a success; redirections are not followed. Where nobody answers, or
    the server has a fault (429, 5xx), it is tried again after the pauses."""
    for pause in (*pauses, None):
        try:
            _post(url, summary)
        except urllib.error.HTTPError as error:
            error.close()
            if pause is None or (error.code != 429 and error.code < 500):
                raise ActionError(f"the webhook {_shown(url)} answered {error.code}") from error
        except (OSError, HTTPException, ValueError) as error:
            if pause is None:
                reason = getattr(error, "reason", None) or error
                raise ActionError(f"the webhook {_shown(url)} cannot be reached: {reason}") from error
        else:
            return
        time.sleep(pause)


def run(argv: tuple[str, ...], summary: Mapping[str, Any], patience: float = COMMAND_PATIENCE) -> None:
    """Run a command, without a shell, with an alert as JSON on its standard input."""
    _run(argv, json.dumps(summary).encode() + b"\n", patience)


def order(session: Order, rec: str, host: str, program: str = IPA, patience: float = COMMAND_PATIENCE) -> None:
    """Have a session suspended or terminated, as an auditor would, through FreeIPA's live sessions."""
    _run((program, f"recordedsession-{session}", f"--host={host}", "--", rec), b"", patience)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An alert goes where the rule says, and nowhere else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(url: str, summary: Mapping[str, Any]) -> None:
    request = urllib.request.Request(
        url,
        data=json.dumps(summary).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "sessrec"},
        method="POST",
    )
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=WEBHOOK_PATIENCE):
        pass  # what the server says beside its status is of no interest


def _run(argv: tuple[str, ...], data: bytes, patience: float) -> None:
    try:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ActionError(f"{argv[0]} cannot be run: {reason}") from error
    try:
        process.communicate(data, patience)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        raise ActionError(f"{argv[0]} took longer than {patience:g} s, and was killed") from error
    except OSError:
        process.wait()
    if process.returncode:
        raise ActionError(f"{' '.join(argv[:2])} failed with status {process.returncode}")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        process.kill()
    process.wait()


def _shown(url: str) -> str:
    """Without what is often a secret: a path, a query, a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
