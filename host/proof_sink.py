"""The messages of one recording, where this host's settings say they go."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from host.install_layout import RECORDER
from host.proof_error import ProofError
from recorder.configuration.host_settings import HostSettings

Lines = Callable[[str], list[bytes]]
"""From a recording's id to its messages so far."""


def reader(settings: HostSettings) -> tuple[str, Lines]:
    """How the place is called, and what reads there. Raises ProofError for a sink that nothing can be read from."""
    if settings.sink == "journald":
        namespace = settings.journal_namespace
        return f"the journal{f' {namespace}' if namespace else ''}", lambda rec: _journal(namespace, rec)
    if settings.sink == "file":
        return settings.directory, lambda rec: _file(Path(settings.directory), rec)
    raise ProofError(
        f"recordings go to {settings.sink}, where this host cannot read them: search for the token there"
    )


def _journal(namespace: str, rec: str) -> list[bytes]:
    """Those that the recorder service sent, by journald's own word."""
    command = ["journalctl", "--quiet", "--no-pager", "--output=json", "--all", "--output-fields=MESSAGE"]
    matches = [f"SESSREC_REC={rec}", f"_SYSTEMD_UNIT={RECORDER}"]
    done = subprocess.run(
        [*command, *([f"--namespace={namespace}"] if namespace else []), *matches],
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ProofError(f"journalctl cannot read the journal: {said[-1] if said else done.returncode}")
    return list(_messages(done.stdout))


def _messages(output: bytes) -> Iterator[bytes]:
    for line in output.splitlines():
        message: Any = json.loads(line).get("MESSAGE")
        yield message.encode() if isinstance(message, str) else bytes(message)


def _file(directory: Path, rec: str) -> list[bytes]:
    for path in directory.rglob(f"*{rec}*"):
        if path.is_file():
            return path.read_bytes().splitlines()
    return []
