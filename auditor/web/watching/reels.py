"""The recordings that are being watched, and the thread that goes through them in the background."""

import threading
import time
from collections import OrderedDict

from starlette.requests import Request

from auditor.recordings.store import Facts, StoreError
from auditor.web.stores import StorePool
from auditor.web.watching.event_index import EventIndex
from auditor.web.watching.live import Broadcasts
from auditor.web.watching.reel import Reel

MOST = 8
"""Recordings kept: each takes up to some 20 MB."""

WATCHED = 90.0
"""Seconds after the last request for it for which a recording is gone through further."""

_SLICE, _REST = 0.06, 0.03
"""Seconds of work, and of leaving the processor to requests."""


class Reels:
    """One for the process. `broadcasts`: those that run now."""

    def __init__(self, stores: StorePool, closing: threading.Event) -> None:
        self.broadcasts = Broadcasts(stores, closing)
        self._stores = stores
        self._closing = closing
        self._reels: OrderedDict[str, Reel] = OrderedDict()
        self._indexes: OrderedDict[str, EventIndex] = OrderedDict()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()

    def of(self, facts: Facts) -> Reel:
        """Of a recording that the viewer may see, as it is now."""
        with self._lock:
            reel = self._reels.get(facts.rec)
            if reel is None or not reel.suits(facts):
                reel = self._reels[facts.rec] = Reel(facts)
            self._reels.move_to_end(facts.rec)
            while len(self._reels) > MOST:
                self._reels.popitem(last=False)
            reel.used = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="reels", daemon=True)
                self._thread.start()
        self._wanted.set()
        return reel

    def index_of(self, facts: Facts) -> EventIndex:
        """Of the events of a recording that the viewer may see."""
        with self._lock:
            index = self._indexes.get(facts.rec)
            if index is None or not index.suits(facts):
                index = self._indexes[facts.rec] = EventIndex(facts)
            self._indexes.move_to_end(facts.rec)
            while len(self._indexes) > MOST:
                self._indexes.popitem(last=False)
        return index

    def _work(self) -> None:
        while not self._closing.is_set():
            if not self._some():
                self._wanted.clear()
                self._wanted.wait(1.0)
            self._closing.wait(_REST)

    def _some(self) -> bool:
        """A slice of work for each that is watched; False where there was none."""
        with self._lock:
            recent = [reel for reel in self._reels.values() if time.monotonic() - reel.used < WATCHED]
        worked = False
        for reel in reversed(recent):
            if self._closing.is_set():
                break
            try:
                with self._stores.borrow() as store:
                    facts = store.facts(reel.rec)
                    if facts is not None and reel.suits(facts) and reel.behind(facts):
                        reel.advance(store, _SLICE)
                        worked = True
                    index = self._indexes.get(reel.rec)
                    if facts is not None and index is not None and index.suits(facts) and index.behind(facts):
                        index.catch_up(store, facts, 4 * _SLICE)
                        worked = True
            except StoreError:
                # Whoever watches is told of it by his own request.
                self._closing.wait(1.0)
        return worked


def reels_of(request: Request) -> Reels:
    """Those of the application that a request came to."""
    state = request.app.state
    with _MAKING:
        reels: Reels | None = getattr(state, "reels", None)
        if reels is None:
            reels = state.reels = Reels(state.site.stores, state.site.closing)
    return reels


_MAKING = threading.Lock()
