"""Verifies recordings in the background of the auditor's page: one thread, one recording at a time, at low priority.

What somebody waits for comes first. Everything else is looked at as it settles, with pauses, so that pages do not
wait for the interpreter; a store that many use is read piece by piece, so that nobody waits for the store either.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from math import inf, nextafter

from auditor.ledger.verdicts import Checked, Verdicts
from auditor.query.query import Selection
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts, Store
from recorder.errors import SessrecError
from recorder.formats.message import MessageError, parse_object

Borrow = Callable[[], AbstractContextManager[Store]]

INTERVAL = 60.0
"""Seconds between two looks for recordings that nobody has verified."""

RECENT = 2 * 86_400.0
"""Seconds: these looks are for recordings that began since then."""

FULL = 3600.0
"""Seconds between two looks at all of them."""

IDLE_FACTOR = 3.0
"""So many times as long as it has worked the thread rests, while nobody waits for what it does."""

MAX_WAITING = 100
"""Recordings that may be asked for at once."""

PAGE = 2000
"""Recordings whose verdicts are looked up at a time."""


class Verifier:
    """The thread. `borrow` gives a store; `log` is told, once each, what cannot be verified."""

    def __init__(self, verdicts: Verdicts, borrow: Borrow, log: Callable[[str], None] = lambda _: None) -> None:
        self._verdicts = verdicts
        self._borrow = borrow
        self._log = log
        self._asked: deque[Facts] = deque()
        self._news = threading.Condition()
        self._stopped = False
        self._said: set[str] = set()
        self._next_full = 0.0
        self._thread = threading.Thread(target=self._run, name="verifier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End, soon: what was half verified is verified another time."""
        with self._news:
            self._stopped = True
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(patience)

    def ask(self, facts: Facts, patience: float) -> Checked | None:
        """The verdict on a recording as it is now, once it is there; None where that takes longer than `patience`
        seconds, or too many are waiting: ask again. Raises LedgerError, KeyFileError."""
        end = time.monotonic() + patience
        self._verdicts.check_keys()
        checked = self._verdicts.known([facts]).get(facts.rec)
        if checked is not None:
            return checked
        with self._news:
            if facts.rec not in {each.rec for each in self._asked} and len(self._asked) < MAX_WAITING:
                self._asked.append(facts)
                self._news.notify_all()
        while checked is None and (left := end - time.monotonic()) > 0:
            with self._news:
                self._news.wait(min(left, 0.2))
            checked = self._verdicts.known([facts]).get(facts.rec)
        return checked

    def _run(self) -> None:
        # On Linux this is of the thread alone.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        while not self._stopped:
            try:
                self._answer()
                full = time.monotonic() >= self._next_full
                for facts in self._unverified(None if full else time.time() - RECENT):
                    self._check(facts, self._rest)
                    if self._stopped:
                        return
                if full:
                    self._next_full = time.monotonic() + FULL
            except SessrecError as error:
                self._say(str(error))
            self._wait(INTERVAL)

    def _answer(self) -> None:
        """Verify what is waited for."""
        while not self._stopped:
            with self._news:
                facts = self._asked[0] if self._asked else None
            if facts is None:
                return
            self._check(facts, lambda _: None)
            with self._news:
                self._asked.popleft()
                self._news.notify_all()

    def _unverified(self, since: float | None) -> Iterator[Facts]:
        """Recordings that have ended, the latest first, and have no verdict."""
        until: float | None = None
        while not self._stopped:
            with self._borrow() as store:
                page = list(islice(store.recordings(Selection(since=since, until=until)), PAGE))
            known = self._verdicts.known(page)
            for facts in page:
                if facts.rec not in known and facts.settled and recording_state(facts) is not State.LIVE:
                    yield facts
            if len(page) < PAGE or page[0].start == page[-1].start:
                return
            until = nextafter(page[-1].start, inf)  # others may have begun at the very same moment
            self._wait(0.05)

    def _check(self, facts: Facts, rest: Callable[[float], None]) -> None:
        try:
            self._verdicts.check(facts, self._lines(facts.rec, rest))
        except _StoppedError:
            pass
        except SessrecError as error:
            self._say(f"{facts.rec} cannot be verified: {error}")

    def _lines(self, rec: str, rest: Callable[[float], None]) -> Iterator[bytes]:
        """A store for each piece, and a rest behind it."""
        after = 0
        began = time.monotonic()
        while True:
            with self._borrow() as store:
                batch = next(store.lines(rec, after), [])
            yield from batch
            if not batch:
                return
            try:
                after = max(after + 1, int(parse_object(batch[-1])["id"]))
            except (MessageError, KeyError, TypeError, ValueError):
                return
            if self._stopped:
                raise _StoppedError
            rest(time.monotonic() - began)
            began = time.monotonic()

    def _rest(self, worked: float) -> None:
        self._answer()
        self._wait(min(worked * IDLE_FACTOR, 5.0))
        self._answer()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._news:
            while not self._stopped and not self._asked and (left := end - time.monotonic()) > 0:
                self._news.wait(left)

    def _say(self, message: str) -> None:
        if message not in self._said and len(self._said) < 1000:
            self._said.add(message)
            self._log(message)


class _StoppedError(Exception):
    """The thread is to end."""
