"""For `sessrec doctor`, what is wrong with a store, its ledger, and what takes recordings into it."""

import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.ingest.progress import LATE, Progress, progress
from auditor.ledger.of_store import ledger_file
from auditor.recordings.store import Store, StoreError
from auditor.recordings.store_name import open_named, store_name
from recorder.doctor import Finding
from recorder.errors import SessrecError

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address

PART = "auditor"

OWN = Path("/var/lib/session-recording/auditor/store.sqlite")
"""What the unit of the ingest fills where nothing else is set."""

BEHIND = 60.0
"""Seconds that recordings may come in late."""

LATELY = 86_400.0
"""Seconds for which a refused line is told of."""

SCARCE = 0.1
"""Part of the disk that should be free."""


def store_findings(named: str, ledger: str) -> Iterator[Finding]:
    """Of the store that the page's settings name, or of the one that is usual; and of its ledger."""
    try:
        name = store_name(named) if named else OWN
    except StoreError as error:
        yield Finding(PART, "store", "critical", str(error), "vi /etc/session-recording/web.toml")
        return
    option = f"--store {shlex.quote(named or str(name))}"
    if isinstance(name, Path):
        if not name.exists():
            yield Finding(
                PART, "store", "critical", f"there is no store {name}: nothing was taken in",
                "systemctl enable --now session-recording-ingest.service",
            )  # fmt: skip
            return
        yield disk(name.parent)
    else:
        yield from _elasticsearch(name, option)
    try:
        store = open_named(name)
        try:
            yield from _of(store, option)
        finally:
            store.close()
    except StoreError as error:
        show = f"ls -l {shlex.quote(str(name))}" if isinstance(name, Path) else f"sessrec store status {option}"
        yield Finding(PART, "store", "critical", str(error), show)
    yield from _ledger(name, ledger)


def _of(store: Store, option: str) -> Iterator[Finding]:
    found = list(progress(store))
    yield Finding(PART, "store", "ok", "can be read")
    if not found:
        yield Finding(
            PART, "ingest", "critical", "nothing follows a source of recordings, so that none come in",
            "systemctl enable --now session-recording-ingest.service",
        )  # fmt: skip
    yield from map(ingest, found)
    since = time.time() - LATELY
    refused = [row for row in store.quarantined() if row.time > since]
    if refused:
        text = f"{sum(row.lines for row in refused)} lines were refused since yesterday: {refused[0].reason}"
        yield Finding(PART, "quarantine", "warning", text, f"sessrec list --quarantined {option}")


def ingest(one: Progress) -> Finding:
    """Whether it looks, and keeps up."""
    silent = time.time() - one.looked
    of = f"of {one.source} on {one.host}"
    if silent > LATE:
        text = f"the ingest {of} has not looked for {silent:.0f} s"
        return Finding(PART, "ingest", "critical", text, "systemctl restart session-recording-ingest.service")
    if one.lag > BEHIND:
        text = f"the ingest {of} is {one.lag:.0f} s behind"
        return Finding(PART, "ingest", "warning", text, "journalctl --since=-1h -u session-recording-ingest")
    return Finding(PART, "ingest", "ok", f"{of}: looked {silent:.0f} s ago, {one.lag:.1f} s behind")


def disk(directory: Path) -> Finding:
    """Whether there is room."""
    usage = shutil.disk_usage(directory)
    free = usage.free / usage.total if usage.total else 1.0
    text = f"{free:.0%} of the disk of {directory} is free"
    if free < SCARCE:
        return Finding(PART, "disk", "warning", text, "sessrec retention run --dry-run")
    return Finding(PART, "disk", "ok", text)


def _elasticsearch(name: "Address", option: str) -> Iterator[Finding]:
    try:
        from auditor.elasticsearch.connection import connect
        from auditor.elasticsearch.server import Server
        from auditor.elasticsearch.status import status
    except ModuleNotFoundError:
        return  # opening it says so
    try:
        server = Server(connect(name), name)
        try:
            problems = status(server).problems
        finally:
            server.close()
    except SessrecError:
        return
    for problem in problems:
        yield Finding(PART, "store", "warning", problem, f"sessrec store status {option}")


def _ledger(store: "Path | Address", named: str) -> Iterator[Finding]:
    from auditor.ledger.ledger import Ledger

    try:
        path = ledger_file(store, Path(named) if named else None)
        if not path.exists():
            yield Finding(PART, "ledger", "ok", f"{path} will be made when somebody looks")
            return
        with Ledger(path, journal_socket="") as ledger:
            head = ledger.head()
    except SessrecError as error:
        text = f"{error}; nobody can watch anything"
        yield Finding(PART, "ledger", "critical", text, "sessrec audit-trail --verify")
        return
    yield Finding(PART, "ledger", "ok", f"{path} has {head.number} entries")
