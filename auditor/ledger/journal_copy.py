"""Entries of a ledger as entries of the systemd journal, and back.

Fields: MESSAGE (one line for people), PRIORITY, SYSLOG_IDENTIFIER=sessrec, a MESSAGE_ID that all of them have,
SESSREC_TYPE=trail, SESSREC_LEDGER (the ledger's id), SESSREC_NUMBER and SESSREC_VALUE (of the chain, in hexadecimal),
SESSREC_VIEWER, SESSREC_ACTION, SESSREC_REC, and SESSREC_ENTRY, which is the entry as JSON. `sessrec ingest --journal`
does not take them for messages.
"""

import errno
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from auditor.ledger.entry import FAILURE, Entry
from auditor.ledger.schema import LedgerError
from auditor.output.printable import printable
from recorder.formats.canonical import canonical
from recorder.sinks.journald_sink import JournaldSink, field

if TYPE_CHECKING:
    from auditor.ingest.journal import Journal

MESSAGE_ID = "3f1d0f3c9f5c4c0f8a0b6d7a52e9c1d4"

PATIENCE = 5.0
"""Seconds for which a journald that reads nothing is waited for. Somebody is waiting for the answer."""

_NOTICE, _WARNING = 5, 4
_NO_JOURNAL = (errno.ENOENT, errno.ENOTDIR)


class JournalCopy:
    """Sends entries to journald, where there is one. `socket_path`: another socket than the system's."""

    def __init__(self, socket_path: str | None = None) -> None:
        self._sink = JournaldSink(socket_path=socket_path)
        self._seen = False

    def send(self, ledger: str, entry: Entry, value: bytes, patience: float = PATIENCE) -> None:
        """One entry. LedgerError where a journald is there and does not take it."""
        fields = {
            "PRIORITY": str(_WARNING if entry.outcome == FAILURE else _NOTICE),
            "SYSLOG_IDENTIFIER": "sessrec",
            "MESSAGE_ID": MESSAGE_ID,
            "SESSREC_TYPE": "trail",
            "SESSREC_LEDGER": ledger,
            "SESSREC_NUMBER": str(entry.number),
            "SESSREC_VALUE": value.hex(),
            "SESSREC_VIEWER": entry.viewer,
            "SESSREC_ACTION": entry.action,
            "SESSREC_REC": entry.rec,
            "SESSREC_ENTRY": canonical(entry.fields()).decode(),
            "MESSAGE": line_about(entry),
        }
        parts = [field(name.encode(), text.encode(errors="replace")) for name, text in fields.items() if text]
        end = time.monotonic() + patience
        while True:
            try:
                self._sink.send(parts)
            except OSError as error:
                if error.errno in _NO_JOURNAL and not self._seen:
                    return
                # A journald that was there comes back; one that is slower than we are catches up.
                if time.monotonic() > end:
                    raise LedgerError(
                        f"the journal does not take what is recorded ({error.strerror}); nothing is done that cannot "
                        "be recorded: see `systemctl status systemd-journald`"
                    ) from error
            else:
                self._seen = True
                return
            time.sleep(0.01)

    def close(self) -> None:
        """Give back the socket."""
        self._sink.close()


def noted(journal: "Journal", ledger: str, uids: Collection[int]) -> dict[int, str]:
    """Values by the number of their entries, as the journal has them of one ledger. Only what processes of these
    users have sent counts: anybody may write such fields. Raises JournalError."""
    found = {}
    for fields in journal.objects(["SESSREC_TYPE=trail", f"SESSREC_LEDGER={ledger}"], _NOTED):
        number, value = fields.get("SESSREC_NUMBER"), fields.get("SESSREC_VALUE")
        trusted = str(fields.get("_UID")) in map(str, uids)
        if trusted and isinstance(number, str) and number.isdecimal() and isinstance(value, str):
            found[int(number)] = value
    return found


_NOTED = ("SESSREC_NUMBER", "SESSREC_VALUE", "_UID")


def line_about(entry: Entry) -> str:
    """One printable line about an entry."""
    about = f" {entry.user}@{entry.host} {entry.rec}" if entry.rec else ""
    query = f" {entry.query!r}" if entry.query else ""
    reason = f": {entry.reason}" if entry.reason else ""
    origin = f" from {entry.origin}" if entry.origin else ""
    failed = "" if entry.outcome != FAILURE else " (failed)"
    return printable(f"{entry.viewer}{origin}: {entry.action}{failed}{about}{query}{reason}")
