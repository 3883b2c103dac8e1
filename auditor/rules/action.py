"""What an alert starts: a request to a webhook, a command, an order to a session. Each takes bounded time, and raises
ActionError when it has not worked."""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any
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

NOT_FOUND = 2
"""The exit status of `ipa` where there is no such entry (ipalib.errors.NotFound)."""

ORDER_PAUSES = (1.0, 2.0)
"""Seconds before an order is given again to a session that FreeIPA does not know: its host tells of it when it
begins, and a rule may be faster."""

MAX_SAID = 4096
"""Bytes of what a program has said of its failure, from the end."""


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
    if status := _run(argv, json.dumps(summary).encode() + b"\n", patience):
        raise ActionError(_failure(argv, status))


def order(
    session: Order,
    rec: str,
    host: str,
    program: str = IPA,
    patience: float = COMMAND_PATIENCE,
    pauses: tuple[float, ...] = ORDER_PAUSES,
) -> None:
    """Have a session suspended or terminated, as an auditor would, through FreeIPA's live sessions."""
    argv = (program, f"recordedsession-{session}", f"--host={host}", "--", rec)
    for pause in (*pauses, None):
        with tempfile.TemporaryFile() as said:
            status = _run(argv, b"", patience, said)
            if not status:
                return
            if pause is None or status != NOT_FOUND:
                raise ActionError(f"session {rec} on {host} is not {_DONE[session]}: {_reason(argv, status, said)}")
        time.sleep(pause)


_DONE = {Order.SUSPEND: "suspended", Order.TERMINATE: "terminated"}


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


def _run(argv: tuple[str, ...], data: bytes, patience: float, said: IO[bytes] | None = None) -> int:
    """The exit status. `said` gets what is written to standard error: a file, since whoever is started by the command
    and goes on would keep a pipe open."""
    environment = None if said is None else {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            env=environment,
        )
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
    return process.returncode


def _failure(argv: tuple[str, ...], status: int) -> str:
    return f"{' '.join(argv[:2])} failed with status {status}"


def _reason(argv: tuple[str, ...], status: int, said: IO[bytes]) -> str:
    """Why FreeIPA has not taken an order, in its own words, and what to do where it is for want of a right."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - MAX_SAID))
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), _failure(argv, status))
    if "Insufficient access" in last or "Kerberos" in last:
        return f"{last}; let sessrec have the Kerberos ticket of an auditor"
    return last


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
