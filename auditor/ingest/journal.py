"""The systemd journal as a source of messages, through journalctl(1).

Entries are found by the fields that our recorder and tlog's journal writer set, and by the program that journald says
sent them. `_UID` and `_SYSTEMD_UNIT`, which journald adds and a sender cannot forge, are kept as the origin.

Of a directory each journal in it is read by itself, and has a mark of its own: what systemd-journal-remote receives
late, from a host that was away, stands before what others have sent meanwhile.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from auditor.ingest.journal_files import Journal as Files
from auditor.ingest.journal_files import journals
from auditor.output.printable import printable
from recorder.errors import SessrecError
from recorder.formats.message import MAX_LINE

MAX_ENTRY = 4 * MAX_LINE
"""Bytes of one line of journalctl: a message within a JSON string, most of whose characters need no escape."""

MAX_MATCHES = 2000
"""Recordings of tlog that are named on journalctl's command line."""

DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
"""MESSAGE_ID of what journald says after it has dropped entries of a unit by its rate limit:
SD_MESSAGE_JOURNAL_DROPPED of systemd/sd-messages.h."""

_FIELDS = "MESSAGE,MESSAGE_ID,N_DROPPED,OBJECT_SYSTEMD_UNIT,_HOSTNAME,_TRANSPORT,_UID,_SYSTEMD_UNIT"
_MATCHES = (
    "SESSREC_TYPE=io",
    "SESSREC_TYPE=event",
    "_COMM=tlog-rec-session",
    "_COMM=tlog-rec",
    f"MESSAGE_ID={DROPPED}",
)


class JournalError(SessrecError):
    """The journal cannot be read; the text says what to do."""


class Entry(NamedTuple):
    """A message of the journal, the position behind it, its origin, and the unit of that. Where journald says that it
    has dropped entries of the unit, `dropped` is what it says."""

    line: bytes
    cursor: str
    origin: str
    unit: str = ""
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """The system's journal, one of its namespaces, or the files of a directory; `only` one journal of those."""

    namespace: str | None = None
    directory: Path | None = None
    only: Files | None = None

    @property
    def source(self) -> str:
        """How the store calls it."""
        if self.directory:
            name = f"journal:directory={printable(str(self.directory.absolute()))}"
            return f"{name} {printable(self.only.name)}" if self.only else name
        return f"journal:namespace={self.namespace or ''}"

    @property
    def parts(self) -> "list[Journal]":
        """The journals that are read each by itself. Raises JournalError."""
        if self.directory is None or self.only is not None:
            return [self]
        try:
            return [Journal(directory=self.directory, only=files) for files in journals(self.directory)]
        except OSError as error:
            raise JournalError(f"cannot read the journal in {self.directory}: {error.strerror}") from error

    def entries(self, after: str | None) -> Iterator[Entry]:
        """The messages behind a cursor. Raises JournalError."""
        command = [*self._command(), "--output=json", "--all", f"--output-fields={_FIELDS}", "--no-tail"]
        if after:
            # Not --after-cursor: where the entry itself is gone, that leaves out the first one behind it.
            command.append(f"--cursor={after}")
        with _output([*command, *self._matches()]) as output:
            while line := output.readline(MAX_ENTRY):
                if not line.endswith(b"\n"):
                    while line and not line.endswith(b"\n"):
                        line = output.readline(MAX_ENTRY)
                    continue
                entry = _entry(line)
                if entry and entry.cursor != after:
                    yield entry

    def objects(self, matches: Sequence[str], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Entries that have all of these fields with these values, as `FIELD=value`, with what is asked for of each.
        Raises JournalError."""
        command = [*self._command(), "--output=json", f"--output-fields={','.join(fields)}", *matches]
        with _output(command) as output:
            while line := output.readline(MAX_ENTRY):
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(found, dict):
                    yield found

    def _command(self) -> list[str]:
        program = shutil.which("journalctl")
        if program is None:
            raise JournalError("journalctl is not installed: a journal can only be read where systemd is")
        command = [program, "--quiet", "--no-pager"]
        if self.only:
            command += [f"--file={path}" for path in self.only.paths]
        elif self.directory:
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
    # Between the tokens of JSON a newline is as good as a space, and inside of strings it cannot stand.
    text = text.replace(b"\n", b" ")
    unit = _text(fields, "_SYSTEMD_UNIT")
    if fields.get("MESSAGE_ID") == DROPPED and "SESSREC_TYPE" not in fields:
        return _dropped(fields, str(cursor), text)
    origin = f"uid={fields.get('_UID', '')} unit={unit}"
    return Entry(text, str(cursor), printable(origin), unit)


def _dropped(fields: dict[str, Any], cursor: str, text: bytes) -> Entry | None:
    """What journald says of dropped entries; None where somebody else says it."""
    if fields.get("_TRANSPORT") != "driver":
        return None
    unit, count = _text(fields, "OBJECT_SYSTEMD_UNIT"), _text(fields, "N_DROPPED")
    origin = printable(f"{unit or 'a unit'} on {_text(fields, '_HOSTNAME') or 'this host'}")
    return Entry(text, cursor, origin, unit, count if count.isdecimal() else "1")


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


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
