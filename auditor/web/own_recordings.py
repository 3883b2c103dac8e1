"""Takes in one's own recordings as they grow, while the page over one's own store is served."""

import threading
from collections.abc import Callable
from pathlib import Path

from auditor.ingest.file_source import changed_files, ingest_files
from auditor.ingest.ingest import Ingest
from auditor.recordings.store import Store
from recorder.errors import SessrecError

INTERVAL = 1.0
"""Seconds between two looks at the files."""


class OwnRecordings:
    """The thread. `open_store` opens a store of its own for it; `log` is told, once each, what cannot be done."""

    def __init__(self, open_store: Callable[[], Store], directory: Path, log: Callable[[str], None]) -> None:
        self._open = open_store
        self._directory = directory
        self._log = log
        self._said: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="own-recordings", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End, soon: what was not taken in is another time."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                store = self._open()
                try:
                    self._follow(store)
                finally:
                    store.close()
            except SessrecError as error:
                if str(error) not in self._said:
                    self._said.add(str(error))
                    self._log(str(error))
                self._stopped.wait(10 * INTERVAL)

    def _follow(self, store: Store) -> None:
        # Kept, so that a recording goes on where it was left, and is not gone through at each look.
        ingest = Ingest(store)
        while not self._stopped.is_set():
            if self._directory.is_dir() and (changed := changed_files(store, [self._directory])):
                ingest_files(ingest, store, changed, quiet=True)
            self._stopped.wait(INTERVAL)
