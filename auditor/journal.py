"""The systemd journal as a source of messages, through journalctl(1).

Entries are found by the fields that our recorder and tlog's journal writer set, and by the program that journald says
sent them. `_UID` and `_SYSTEMD_UNIT`, which journald adds and a sender cannot forge, are kept as the origin.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from auditor.ingest import Ingest
from auditor.printable import printable
from auditor.store import Store
from recorder.errors import SessrecError
from recorder.formats.message import MAX_LINE

MAX_ENTRY = 4 * MAX_LINE
"""Bytes of one line of journalctl: a message within a JSON string, most of whose characters need no escape."""

BATCH_BYTES = 2 * 1024 * 1024
"""Bytes of messages added to the store together."""

MAX_MATCHES = 2000
"""Recordings of tlog that are named on journalctl's command line."""

_FIELDS = "MESSAGE,_UID,_SYSTEMD_UNIT"
_MATCHES = ("SESSREC_TYPE=io", "SESSREC_TYPE=event", "_COMM=tlog-rec-session", "_COMM=tlog-rec")


class JournalError(SessrecError):
    """The journal cannot be read; the text says what to do."""


class Entry(NamedTuple):
    """A message of the journal, the position behind it, and its origin."""

    line: bytes
    cursor: str
    origin: str


@dataclass(frozen=True, slots=True)
class Journal:
    """The system's journal, one of its namespaces, or the files of a directory."""

    namespace: str | None = None
    directory: Path | None = None

    @property
    def source(self) -> str:
        """How the store calls it."""
        if self.directory:
            return f"journal:directory={printable(str(self.directory.absolute()))}"
        return f"journal:namespace={self.namespace or ''}"

    def entries(self, after: str | None) -> Iterator[Entry]:
        """The messages behind a cursor. Raises JournalError."""
        command = [*self._command(), "--output=json", "--all", f"--output-fields={_FIELDS}", "--no-tail"]
        if after:
            command.append(f"--after-cursor={after}")
        with _output([*command, *self._matches()]) as output:
            while line := output.readline(MAX_ENTRY):
                if not line.endswith(b"\n"):
                    while line and not line.endswith(b"\n"):
                        line = output.readline(MAX_ENTRY)
                    continue
                entry = _entry(line)
                if entry:
                    yield entry

    def _command(self) -> list[str]:
        program = shutil.which("journalctl")
        if program is None:
            raise JournalError("journalctl is not installed: a journal can only be read where systemd is")
        command = [program, "--quiet", "--no-pager"]
        if self.directory:
            command.append(f"--directory={self.directory}")
        elif self.namespace:
            command.append(f"--namespace={self.namespace}")
        return command

    def _matches(self) -> list[str]:
        """Ours by type; tlog's, which has nothing like it, by program and by each recording's id."""
        with _output([*self._command(), "--field=TLOG_REC"]) as output:
            recs = [line.rstrip(b"\n").decode("utf-8", "replace") for line in output]
        matches = [*_MATCHES, *[f"TLOG_REC={rec}" for rec in recs[-MAX_MATCHES:]]]
        return [part for match in matches for part in ("+", match)][1:]


def ingest_journal(ingest: Ingest, store: Store, journal: Journal) -> None:
    """Take in what the journal has behind the point reached last time. Raises JournalError."""
    source = journal.source
    cursor = store.marks(source).get(source)
    lines: list[bytes] = []
    origins: list[str] = []
    size = 0
    for entry in journal.entries(cursor):
        lines.append(entry.line)
        origins.append(entry.origin)
        cursor = entry.cursor
        size += len(entry.line)
        if size >= BATCH_BYTES:
            ingest.take(source, cursor, lines, origins)
            lines, origins, size = [], [], 0
    if lines:
        ingest.take(source, cursor, lines, origins)
    ingest.settle(source)


def _entry(line: bytes) -> Entry | None:
    try:
        fields = json.loads(line)
        cursor, message = fields["__CURSOR"], fields.get("MESSAGE")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if isinstance(message, list):
        # An array of bytes where it is not UTF-8; of strings where the sender gave the field twice.
        try:
            text = bytes(message)
        except (TypeError, ValueError):
            text = b"the field MESSAGE stands more than once"
    else:
        text = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else b"no MESSAGE"
    unit = fields.get("_SYSTEMD_UNIT")
    origin = f"uid={fields.get('_UID', '')} unit={unit if isinstance(unit, str) else ''}"
    # Between the tokens of JSON a newline is as good as a space, and inside of strings it cannot stand.
    return Entry(text.replace(b"\n", b" "), str(cursor), printable(origin))


@contextmanager
def _output(command: list[str]) -> Iterator[IO[bytes]]:
    """The output of a command that must succeed."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        # Only then, so little of it that the pipe holds it: journalctl says at most a line per broken file.
        complaint = process.stderr.read(4096).decode("utf-8", "replace").strip()
        if process.wait():
            last = printable(complaint.splitlines()[-1]) if complaint else f"status {process.returncode}"
            raise JournalError(f"journalctl cannot read the journal: {last}")
