"""Connections to the store, for requests that run at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from auditor.recordings.store import Store, StoreError

MAX_STORES = 8
"""Connections at once. Reading is work for the processor: more of them than this would only wait for each other."""

PATIENCE = 10.0
"""Seconds that a request waits for a connection."""


class StoreBusyError(StoreError):
    """All connections have been in use for PATIENCE."""


class StorePool:
    """Stores that are opened as they are needed and kept; each is used by one request at a time, from any thread."""

    def __init__(self, open_one: Callable[[], Store], most: int = MAX_STORES, patience: float = PATIENCE) -> None:
        self._open = open_one
        self._free: list[Store] = []
        self._slots = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._patience = patience
        self._closed = False

    @contextmanager
    def borrow(self) -> Iterator[Store]:
        """A store for as long as the block runs. Raises StoreError."""
        if not self._slots.acquire(timeout=self._patience):
            raise StoreBusyError("the store is busy with other requests: try again in a moment")
        try:
            with self._lock:
                store = self._free.pop() if self._free else None
            if store is None:
                store = self._open()
            try:
                yield store
            except StoreError:
                # Its connection may be what failed.
                store.close()
                raise
            except BaseException:
                self._give_back(store)
                raise
            self._give_back(store)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close those that are free now, the others as they are given back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for store in free:
            store.close()

    def _give_back(self, store: Store) -> None:
        with self._lock:
            if not self._closed:
                self._free.append(store)
                return
        store.close()
