"""Tells of alerts: in the journal, and through what their rules ask for, each from a queue of its own.

Ingest never waits here. The journal, each webhook, each command and the orders to sessions have a thread and a
bounded queue; one that hangs delays its own alerts only. What fails is complained about once, until it works again.
An alert that could not be sent stands in the store all the same.
"""

import queue
import threading
import time
from collections.abc import Callable

from auditor.recordings.store import Facts
from auditor.rules import action
from auditor.rules.alert import Alert
from auditor.rules.journal_entry import JournalEntries
from auditor.rules.rule import Order
from recorder.errors import SessrecError

MAX_WAITING = 1000
"""Alerts in one queue; more are dropped, and that is told."""

MAX_ENTRIES = 20_000
"""The same for the journal: a store that is made anew has many at once."""

MAX_AGE = 86400.0
"""Seconds: what is older when it is taken in, as where a store is made anew, starts nothing any more. The journal is
told of it."""

ORDER_AGE = 600.0
"""Seconds after which a session is not suspended or terminated any more: whoever looks at it then decides better."""

MAX_TERMINATED = 10_000
"""Sessions of which is remembered that they are to end."""

CLOSING = 15.0
"""Seconds in which queues are emptied at the end."""

Complain = Callable[[str], None]


class AlertTeller:
    """See `auditor.rules.watcher.Teller`. `complain` gets lines about what does not work, from any thread."""

    def __init__(self, complain: Complain, journal: JournalEntries, ipa: str = action.IPA) -> None:
        self._complain, self._journal, self._ipa = complain, journal, ipa
        self._queues: dict[str, _Queue] = {}
        self._terminated: dict[str, None] = {}

    def tell(self, facts: Facts, alert: Alert) -> None:
        """See Teller."""
        self._queue("journal", MAX_ENTRIES).put(lambda: self._journal.send(facts, alert))
        age = time.time() - alert.time(facts)
        if age > MAX_AGE:
            return
        actions, summary = alert.rule.actions, alert.summary(facts)
        if actions.webhook:
            self._queue(actions.webhook).put(lambda: action.post(actions.webhook, summary))
        if actions.run:
            self._queue(f"run {actions.run!r}").put(lambda: action.run(actions.run, summary))
        if actions.session is not None and alert.certain and not facts.ended and age <= ORDER_AGE:
            self._order(actions.session, facts.rec, facts.host)

    def close(self, patience: float = CLOSING) -> None:
        """Wait for what is to be sent, for so many seconds altogether; what is left is told."""
        end = time.monotonic() + patience
        for each in self._queues.values():
            each.finish()
        left = sum(each.join(max(0.0, end - time.monotonic())) for each in self._queues.values())
        if left:
            self._complain(f"{left} messages about alerts were not sent in time: the alerts are in the store")
        else:
            self._journal.close()  # a thread that is still there would write into whatever has its number next

    def _order(self, session: Order, rec: str, host: str) -> None:
        """FreeIPA keeps one order for a session. One deed may break several rules: the harder order is to stand."""
        if session is Order.TERMINATE:
            self._terminated[rec] = None
            if len(self._terminated) > MAX_TERMINATED:
                del self._terminated[next(iter(self._terminated))]
        elif rec in self._terminated:
            return
        self._queue("session").put(lambda: action.order(session, rec, host, self._ipa))

    def _queue(self, name: str, most: int = MAX_WAITING) -> "_Queue":
        if name not in self._queues:
            self._queues[name] = _Queue(self._complain, most)
        return self._queues[name]


class _Queue:
    """Actions of one kind, done one after the other by a thread."""

    def __init__(self, complain: Complain, most: int) -> None:
        self._complain = complain
        self._most = most
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(most)
        self._failing = False
        self._full = False
        self._closing = False
        self._unfinished = 0
        self._lock = threading.Lock()
        # A daemon: a server that hangs does not keep the process.
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, job: Callable[[], None]) -> None:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            if not self._full:
                self._complain(f"more than {self._most} alerts wait for one action: further ones are not sent")
            self._full = True
        else:
            self._full = False
            with self._lock:
                self._unfinished += 1

    def finish(self) -> None:
        """Nothing is put any more."""
        self._closing = True
        try:
            self._jobs.put_nowait(None)
        except queue.Full:
            pass  # the thread looks at _closing when the queue is empty

    def join(self, patience: float) -> int:
        """Wait for the end; how many jobs are left."""
        self._thread.join(patience)
        with self._lock:
            return self._unfinished

    def _work(self) -> None:
        while not (self._closing and self._jobs.empty()):
            job = self._jobs.get()
            if job is None:
                return
            try:
                job()
            except SessrecError as error:
                if not self._failing:
                    self._complain(f"{error}: the alert is in the store")
                self._failing = True
            else:
                self._failing = False
            finally:
                with self._lock:
                    self._unfinished -= 1
