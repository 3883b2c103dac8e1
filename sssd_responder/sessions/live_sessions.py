"""The sessions that are recorded on this host now: what they are, in what state, and who hears when that changes.

What lies in the directory of their descriptions is what counts. Being told of beginnings and ends makes it quick;
looking again makes it right, after a restart as well, and after a recorder was killed.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sssd_responder.sessions import session_control
from sssd_responder.sessions.session_control import (
    DESCRIBE,
    ENDED,
    RUNNING,
    SESSIONS,
    ControlError,
    GoneError,
    Session,
    Watched,
)

LOOK = 2.0
"""Seconds between two looks while there are sessions: so long may a change take that nobody tells of."""
IDLE_LOOK = 30.0
"""The same while there are none: for one whose beginning could not be told."""
PAUSE = 1.0
"""Seconds from one look to the next at the least. Of a session that lasts shorter, the directory hears nothing."""
ASK = 600.0
"""Seconds after which a session is asked for its state again, in case that it was changed and nobody told. Not more
often: the question wakes a session that sleeps."""
RETRY = 15.0
"""Seconds to the next look after one that has failed."""
SETTLE = 10.0
"""Seconds that a session may be without its files at its start."""

STARTED, CHANGED = "started", "changed"
"""With ENDED, the changes that are told."""

_log = logging.getLogger(__name__)

ACTIONS = (session_control.SUSPEND, session_control.RESUME, session_control.TERMINATE)


@dataclass
class Live:
    """A session that goes on, and what is known of it. Times are of the monotonic clock."""

    session: Session
    state: str
    since: float
    asked: float


class Reports(Protocol):
    """Whoever writes down elsewhere what goes on here."""

    def step(self, sessions: "LiveSessions", now: float) -> float | None:
        """Bring it up to date; seconds until the next step is wanted, None: when something changes."""


class LiveSessions:
    """The sessions, by the ids of their recordings. Safe to be used by several threads.

    `directory` has the descriptions; `reports` are kept up to date by the thread that `start` begins, if there are
    any. Callables in `listeners` are called with STARTED, CHANGED or ENDED, the session and its state, by any thread.
    """

    def __init__(self, directory: Path = SESSIONS, reports: Reports | None = None) -> None:
        self.directory = directory
        self.listeners: list[Callable[[str, Session, str], None]] = []
        self._reports = reports
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._live: dict[str, Live] = {}
        self._over: set[str] = set()
        self._unreadable: dict[str, str] = {}
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sessions", daemon=True)

    def start(self) -> None:
        """Look at what there is, and begin the thread that goes on looking."""
        self.look(time.monotonic())
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after what it is doing."""
        self._stopped = True
        self._wake.set()
        self._thread.join(timeout=30)

    def started(self, description: Mapping[str, Any]) -> None:
        """The recorder service says that a session has begun. Raises ControlError if it describes none."""
        session = session_control.described(description)
        now = time.monotonic()
        with self._lock:
            # A second word of the same session, from a recorder service that has been restarted, is no beginning.
            new = session.rec not in self._live
            if new:
                self._over.discard(session.rec)
                self._live[session.rec] = Live(session, RUNNING, now, now)
        if new:
            self._tell(STARTED, session, RUNNING)
        self._wake.set()

    def ended(self, rec: str) -> None:
        """The recorder service says that a session is over. One that is not known is none of ours."""
        with self._lock:
            # Until its description is gone, it is not taken for a session that nobody has told of.
            self._over.add(rec)
        self._remove(rec)
        self._wake.set()

    def changed(self, rec: str) -> None:
        """Somebody says that a session may have another state: it is asked for soon."""
        with self._lock:
            live = self._live.get(rec)
            if live is not None:
                live.asked = -ASK
        self._wake.set()

    def all(self) -> dict[str, Live]:
        """What goes on, by recording."""
        with self._lock:
            return dict(self._live)

    def find(self, rec: str) -> Live:
        """One of them. Raises GoneError."""
        with self._lock:
            live = self._live.get(rec)
        if live is None:
            raise GoneError(f"there is no session {rec!r}; `sessrec host sessions` lists those that go on")
        return live

    @property
    def unreadable(self) -> list[str]:
        """What is wrong with descriptions that make no session, one line each."""
        with self._lock:
            return sorted(self._unreadable.values())

    def control(self, rec: str, action: str, by: str) -> str:
        """Do one of ACTIONS to a session for somebody; its state then. Raises GoneError and ControlError.

        It takes as long as the session's worker needs, at most session_control.ANSWER seconds.
        """
        self.find(rec)
        state = self._ask(rec, action, by)
        self._wake.set()
        return state

    def watch(self, rec: str, by: str) -> Watched:
        """Begin to watch a session for somebody. Raises GoneError and ControlError."""
        self.find(rec)
        return session_control.watch(self.directory, rec, by)

    def look(self, now: float) -> None:
        """Bring what is known in line with the descriptions that lie there and with what the sessions say."""
        with self._looking:
            found = self._found()
            with self._lock:
                self._over &= found
                known = dict(self._live)
                fresh = found - known.keys() - self._over
            for rec in fresh:
                self._discover(rec, now)
            for rec, live in known.items():
                if rec not in found and now - live.since >= SETTLE:
                    self._remove(rec)
                elif now - live.asked >= ASK or not _lives(live.session.worker):
                    self._check(rec, live, now)

    def _found(self) -> set[str]:
        """The recordings of the descriptions that lie there."""
        try:
            names = {path.stem for path in self.directory.iterdir() if path.suffix == ".json"}
        except OSError:
            return set()  # nothing has been recorded since the machine was started
        with self._lock:
            self._unreadable = {rec: line for rec, line in self._unreadable.items() if rec in names}
        return names

    def _discover(self, rec: str, now: float) -> None:
        try:
            session = session_control.read(self.directory, rec)
        except GoneError:
            return
        except ControlError as error:
            with self._lock:
                self._unreadable[rec] = str(error)
            return
        # Its worker may not be listening yet, or not any more: the state will be asked for, whatever it says now.
        with self._lock:
            self._unreadable.pop(rec, None)
            if rec in self._live or rec in self._over:
                return
            self._live[rec] = live = Live(session, RUNNING, now, now)
        self._tell(STARTED, session, RUNNING)
        self._check(rec, live, now)

    def _check(self, rec: str, live: Live, now: float) -> None:
        live.asked = now
        try:
            self._ask(rec, DESCRIBE, "")
        except GoneError:
            # Its recorder was killed, if it is not only just beginning to listen.
            if now - live.since >= SETTLE or not _lives(live.session.worker):
                with self._lock:
                    self._over.add(rec)
                self._remove(rec)
        except ControlError:
            pass  # it hangs: nobody can say that it is over

    def _ask(self, rec: str, request: str, by: str) -> str:
        state = session_control.ask(self.directory, rec, request, by)
        with self._lock:
            live = self._live.get(rec)
            # What has been ended is over when its files are gone.
            changed = live is not None and state not in (live.state, ENDED)
            if live is not None and changed:
                live.state = state
        if live is not None and changed:
            self._tell(CHANGED, live.session, state)
        return state

    def _remove(self, rec: str) -> None:
        with self._lock:
            live = self._live.pop(rec, None)
        if live is not None:
            self._tell(ENDED, live.session, ENDED)

    def _tell(self, change: str, session: Session, state: str) -> None:
        for listener in self.listeners:
            listener(change, session, state)

    def _run(self) -> None:
        while not self._stopped:
            now = time.monotonic()
            wanted: float | None = None
            try:
                self.look(now)
                wanted = self._reports.step(self, now) if self._reports else None
            except Exception:
                # Sessions go on; so does the thread that looks after them.
                _log.exception("sessions could not be looked after")
                wanted = RETRY
            look = LOOK if self.all() else IDLE_LOOK
            self._wake.wait(max(PAUSE, look if wanted is None else min(look, wanted)))
            if not self._stopped:
                time.sleep(max(0.0, now + PAUSE - time.monotonic()))
            self._wake.clear()


def _lives(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()
