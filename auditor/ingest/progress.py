"""How an ingest that follows a source is doing, kept in its store: when it looked last, and how far behind it was.

Whoever has the store can tell then, wherever the ingest runs: the page's /metrics, and `sessrec doctor`.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from auditor.ingest.ingest import Ingest
from auditor.output.printable import printable
from auditor.recordings.store import Store

PREFIX = "ingest:"
"""Of the names under which it stands among the sources of the store; no source of messages begins so."""

INTERVAL = 15.0
"""Seconds between two notes."""

LATE = 300.0
"""Seconds without a note after which nobody looks there any more."""

FORGOTTEN = 7 * 86_400.0
"""Seconds after which that was meant so: the ingest has been moved, or its source is gone."""


@dataclass(frozen=True)
class Progress:
    """Of one ingest: the machine it runs on and what it follows; `looked` and `since`, its start, are seconds since
    1970. `lag`: the greatest age, in seconds, of the newest of the messages that were added together since the note
    before, 0 where none was. `taken` and `refused` count messages and lines since its start."""

    host: str
    source: str
    since: float
    looked: float
    lag: float
    taken: int
    refused: int


class Notes:
    """Of an ingest into `store`, which follows `source`."""

    def __init__(self, store: Store, ingest: Ingest, source: str) -> None:
        self._store, self._ingest, self._source = store, ingest, printable(source)
        self._host = socket.gethostname()
        self._since = time.time()
        self._noted = float("-inf")

    def looked(self) -> None:
        """It has looked, and everything that it found is in the store. Raises StoreError."""
        if time.monotonic() - self._noted < INTERVAL:
            return
        counts = self._ingest.counts
        note = Progress(
            host=self._host,
            source=self._source,
            since=self._since,
            looked=time.time(),
            lag=round(self._ingest.lag, 3),
            taken=counts.taken,
            refused=counts.refused,
        )
        self._store.add(f"{PREFIX}{self._host}:{self._source}", json.dumps(asdict(note)), (), ())
        self._ingest.lag = 0.0
        self._noted = time.monotonic()


def progress(store: Store) -> Iterator[Progress]:
    """What is noted in a store, by name. Raises StoreError."""
    for _, text in sorted(store.marks(PREFIX).items()):
        with suppress(ValueError, TypeError, LookupError, RecursionError):
            said = json.loads(text)
            found = Progress(
                host=str(said["host"]),
                source=str(said["source"]),
                since=float(said["since"]),
                looked=float(said["looked"]),
                lag=float(said["lag"]),
                taken=int(said["taken"]),
                refused=int(said["refused"]),
            )
            if time.time() - found.looked < FORGOTTEN:
                yield found
