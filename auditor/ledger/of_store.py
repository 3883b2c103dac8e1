"""Which ledger belongs to a store, and what the terminal's verbs write into it.

A SQLite store's ledger is the file ledger.db beside it; that of a store in Elasticsearch is named in [store] of the
configuration, and else the service's on its machine, one's own elsewhere. Where a store that is named with --store
has one, it is shared, and whoever reads it from the terminal is recorded as well. Nobody's own store is watched, but
for what is deleted from it.
"""

import argparse
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.recordings.locate import StoreRecording
from auditor.recordings.recording import Recording
from auditor.recordings.store import Facts
from recorder.paths import data_directory

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address
    from auditor.ledger.ledger import Ledger

NAME = "ledger.db"

SERVICE = Path("/var/lib/session-recording/ledger.db")
"""Where the auditor's page keeps its own, unless told otherwise."""

_NOBODY = 2**32 - 1
"""What /proc/self/loginuid has where nobody has logged in: -1 as unsigned int."""


def add_ledger_argument(parser: argparse.ArgumentParser) -> None:
    """The option --ledger."""
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help=f"the ledger (default: {NAME} beside the store, or your own)"
    )


def ledger_file(store: "Path | Address | None", named: Path | None = None) -> Path:
    """Where the ledger of a store lies, which may not be there yet. `named` comes before that."""
    if named is not None:
        return named
    if store is None:
        return data_directory() / NAME
    if isinstance(store, Path):
        return store.absolute().parent / NAME
    # Imported where it is used, as the ledger is: most who look at recordings look at their own.
    from auditor.elasticsearch.settings import STORE_TABLE, StoreSettings
    from recorder.configuration.config import STORE_SECTION, load
    from recorder.configuration.settings import CONFIG_FILE

    values = load(CONFIG_FILE, STORE_SECTION, STORE_TABLE) if Path(CONFIG_FILE).exists() else {}
    named_there = StoreSettings(values).ledger
    if named_there:
        return Path(named_there)
    return SERVICE if _is_ours(SERVICE) else data_directory() / NAME


def _is_ours(path: Path) -> bool:
    """Whether it is there, or could be; of a service's directory that is closed to us, it is neither."""
    try:
        return path.exists() or os.access(path.parent, os.W_OK)
    except PermissionError:
        return False


def open_ledger(store: "Path | Address | None", named: Path | None = None) -> "Ledger":
    """The ledger of a store, made if there is none. Raises LedgerError."""
    from auditor.ledger.ledger import Ledger

    return Ledger(ledger_file(store, named))


def note(
    store: "Path | Address | None",
    action: str,
    facts: Facts | None = None,
    *,
    query: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Record what the person at the terminal is about to do with a shared store. Raises LedgerError, and then it must
    not be done."""
    if store is None or not ledger_file(store).exists():
        return
    rec, host, user = (facts.rec, facts.host, facts.user) if facts else ("", "", "")
    with open_ledger(store) as ledger:
        ledger.record(
            person(), action, rec=rec, host=host, user=user, query=query, detail={"by": "terminal", **(detail or {})}
        )


def note_reading(
    store: "Path | Address | None", action: str, recording: Recording, detail: dict[str, Any] | None = None
) -> None:
    """The same about a recording that was found in the store; what was found in a file is in no ledger."""
    if isinstance(recording, StoreRecording):
        note(store, action, recording.facts(), detail=detail)


def person() -> str:
    """Who sits at the terminal: the account that logged in, also behind sudo, by the kernel's word."""
    try:
        uid = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        uid = _NOBODY
    if uid == _NOBODY:
        uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
