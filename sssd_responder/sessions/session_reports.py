"""What FreeIPA is told of this host's sessions, and what auditors want of them there.

Each step compares what goes on with what the directory has and puts right what differs, so that nothing has to be
remembered: a restart, an outage, an entry that somebody removed, a session that ended unseen are all the same to it.
"""

import logging
import random
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

from sssd_responder.freeipa.directory import DirectoryError
from sssd_responder.sessions.live_sessions import LiveSessions
from sssd_responder.sessions.session_control import (
    ENDED,
    RESUME,
    RUNNING,
    SUSPEND,
    SUSPENDED,
    TERMINATE,
    ControlError,
    GoneError,
)
from sssd_responder.sessions.session_entries import Entries, Entry, RefusedError

POLL = 2.0
"""Seconds between two looks for what auditors want, while there are sessions."""
COMPARE = 60.0
"""Seconds between two readings of all entries where nobody has written any: of a removed one nothing else tells."""
AGAIN = 5.0
"""Seconds until a session is told again what it was told and has not done."""
LINGER = 30.0
"""Seconds for which the entry of a session that has ended says so to the auditor who wanted something of it."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until the directory is tried again, doubled each time."""
REFUSED_PAUSE = 60.0
"""Seconds until a write that the directory has refused is tried again."""

GOALS = {RUNNING: (RESUME, RUNNING), SUSPENDED: (SUSPEND, SUSPENDED), "terminated": (TERMINATE, ENDED)}
"""By what may be wanted: what the session is asked for, and the state that it is in then."""

_log = logging.getLogger(__name__)


class SessionReports:
    """Keeps the host's entries up to date, over a connection of its own that is open while there is something to say.

    `connects` are tried in turn until one gives the entries on its server. Not for several threads: `step` is called
    by that of LiveSessions.
    """

    def __init__(self, connects: Sequence[Callable[[], Entries]]) -> None:
        self._connects = connects
        self._entries: Entries | None = None
        self._heartbeat = 0
        self._beat = 0.0
        self._compared: dict[str, str] = {}
        self._again = 0.0
        self._empty_since: float | None = None
        self._clean = False
        self._pause = FIRST_PAUSE
        self._retry = 0.0
        self._problem = ""
        self._done: dict[str, tuple[str, str]] = {}
        """By session, the order that was carried out last: what was wanted, and the stamp of its entry."""
        self._tried: dict[str, tuple[str, float]] = {}
        """By session, what it was told last, and until when it is given time for that."""
        self._ended: dict[str, float] = {}
        """By session that an auditor wanted something of, since when its entry says that it has ended."""
        self._refused: dict[str, float] = {}
        """By what was refused, until when it is not tried again."""

    def status(self) -> dict[str, object]:
        """{"problem": why FreeIPA is not up to date, or "", "connected"}."""
        return {"problem": self._problem, "connected": self._entries is not None}

    def step(self, sessions: LiveSessions, now: float) -> float | None:
        """Compare and put right; seconds until the next step is wanted, None: not before something changes."""
        if not sessions.all() and self._clean:
            return None
        if now < self._retry:
            return self._retry - now
        try:
            wait = self._compare(sessions, now)
        except DirectoryError as error:
            self._part()
            if str(error) != self._problem:
                _log.warning("FreeIPA is not told of sessions, which go on: %s", error)
            self._problem = str(error)
            wait = _jittered(self._pause)
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            self._retry = now + wait
            return wait
        if self._problem:
            _log.info("FreeIPA is told of sessions again")
        self._problem, self._pause = "", FIRST_PAUSE
        return wait

    def _compare(self, sessions: LiveSessions, now: float) -> float | None:
        entries = self._connected()
        states = {rec: one.state for rec, one in sessions.all().items()}
        if states and states == self._compared and now < self._again and not entries.changed():
            return _jittered(POLL)
        self._compared, self._again = states, now + min(COMPARE, max(0.0, self._beat + self._heartbeat - now))
        found = entries.read()
        self._clean = False
        for entry in (found or {}).values():
            self._obey(sessions, entry, now)
        # Taken now, so that what was just obeyed is reported at once.
        live = {rec.lower(): (one.session, one.state) for rec, one in sessions.all().items()}
        if live and found is None:
            entries.add_host()
            self._beat = now
        elif live and now - self._beat >= self._heartbeat:
            self._heartbeat = entries.heartbeat()
            entries.seen()
            self._beat = now
        for rec, (session, state) in live.items():
            there = (found or {}).get(rec)
            if there is None:
                self._write(rec, partial(entries.add, session, state), now)
            elif there.state != state:
                self._write(rec, partial(entries.report, there, state), now)
        for rec, entry in (found or {}).items():
            if rec not in live:
                self._remove(entries, entry, now)
        self._forget({*live, *(found or {})})
        return self._next(entries, live, found, now)

    def _obey(self, sessions: LiveSessions, entry: Entry, now: float) -> None:
        """Do what an auditor wants of a session, if it has not been done."""
        live = next((one for rec, one in sessions.all().items() if rec.lower() == entry.rec), None)
        if live is None or entry.wanted not in GOALS:
            if not entry.wanted:
                self._done[entry.rec] = "", entry.stamp
            return
        action, goal = GOALS[entry.wanted]
        if goal == live.state:
            self._done[entry.rec] = entry.wanted, entry.stamp
        elif self._is_open(entry):
            told, until = self._tried.get(entry.rec, ("", 0.0))
            if told == entry.wanted and now < until:
                return
            self._tried[entry.rec] = entry.wanted, now + AGAIN
            name = f"session {live.session.rec} of {live.session.user}"
            self._again = min(self._again, now + AGAIN)
            try:
                state = sessions.control(live.session.rec, action, self._asker(entry))
            except GoneError:
                return  # its entry will say so
            except ControlError as error:
                _log.warning("%s wants %s %s: %s", self._asker(entry), name, entry.wanted, error)
                return
            self._done[entry.rec] = entry.wanted, entry.stamp
            _log.info("%s wants %s %s; it is %s", self._asker(entry), name, entry.wanted, state)

    def _is_open(self, entry: Entry) -> bool:
        """Whether what is wanted still has to be done, where the session is in another state.

        It may be in that state because root of this host has wanted so later; what the directory says is older then.
        An order is known to be new by another value, or by somebody else than this host having written last.
        """
        if GOALS[entry.wanted][1] == ENDED:
            return True
        done = self._done.get(entry.rec)
        if done is None and self._is_own(entry):
            # Carried out before a restart: nothing is written to the entry of a session before it is read.
            self._done[entry.rec] = entry.wanted, entry.stamp
            return False
        return done is None or done[0] != entry.wanted or not (self._is_own(entry) or done[1] == entry.stamp)

    def _remove(self, entries: Entries, entry: Entry, now: float) -> None:
        """Of a session that is over. Whoever wanted something of it is told first that it has ended."""
        if now < self._refused.get(entry.rec, 0.0):
            return
        if entry.state == ENDED and entry.wanted:
            if now - self._ended.setdefault(entry.rec, now) < LINGER:
                return
        elif entry.wanted:
            self._tell_ended(entries, entry, now)
            return
        try:
            entries.remove(entry)
        except RefusedError:
            # Something has come to be wanted since the entry was read: the directory keeps it then.
            if entry.state == ENDED:
                self._refused[entry.rec] = now + REFUSED_PAUSE
            else:
                self._tell_ended(entries, entry, now)

    def _tell_ended(self, entries: Entries, entry: Entry, now: float) -> None:
        done, _ = self._done.get(entry.rec, ("", ""))
        if not entry.wanted or entry.wanted != done:
            what = entry.wanted or "something else"
            _log.warning("%s wants session %s %s, and it has ended", self._asker(entry), entry.rec, what)
        self._write(entry.rec, partial(entries.report, entry, ENDED), now)
        self._ended[entry.rec] = now

    def _write(self, rec: str, write: Callable[[], None], now: float) -> None:
        """One that may be refused while others go on."""
        if now < self._refused.get(rec, 0.0):
            return
        try:
            write()
        except RefusedError as error:
            self._refused[rec] = now + REFUSED_PAUSE
            self._again = min(self._again, now + REFUSED_PAUSE)
            _log.warning("FreeIPA refuses what is written of session %s: %s", rec, error)

    def _next(
        self,
        entries: Entries,
        live: Mapping[str, object],
        found: Mapping[str, Entry] | None,
        now: float,
    ) -> float | None:
        if live:
            self._empty_since = None
            return _jittered(POLL)
        if found:
            return max(0.0, min(self._later(rec, now) for rec in found) - now)
        if self._empty_since is None:
            self._empty_since = now
        left = self._empty_since + self._heartbeat - now
        if found is not None and left > 0:
            # The next session is often not far away, and then finds the entry of its host.
            self._part()
            return left
        if found is not None:
            self._write("", entries.remove_host, now)
        self._clean = True
        self._empty_since = None
        self._part()
        return None

    def _later(self, rec: str, now: float) -> float:
        """When there is more to do about an entry that is left of a session."""
        if rec in self._refused:
            return self._refused[rec]
        return self._ended[rec] + LINGER if rec in self._ended else now

    def _connected(self) -> Entries:
        """Raises DirectoryError with what was wrong with each server."""
        problems = []
        for connect in self._connects if self._entries is None else ():
            try:
                self._entries = connect()
                self._again = 0.0
                self._heartbeat = self._entries.heartbeat()
                break
            except DirectoryError as error:
                self._part()
                problems.append(str(error))
        if self._entries is None:
            raise DirectoryError("; ".join(problems) or "no server of FreeIPA is known")
        return self._entries

    def _part(self) -> None:
        if self._entries is not None:
            self._entries.close()
            self._entries = None

    def _forget(self, known: Container[str]) -> None:
        """What was remembered of sessions that are neither here nor there."""
        memories: tuple[dict[str, Any], ...] = (self._done, self._tried, self._ended, self._refused)
        for memory in memories:
            for rec in [rec for rec in memory if rec not in known]:
                del memory[rec]

    def _is_own(self, entry: Entry) -> bool:
        return self._entries is not None and _plain(entry.modifier) == _plain(self._entries.own)

    def _asker(self, entry: Entry) -> str:
        """The DN of who wants something; where the host has written since, it is not known any more."""
        return "an auditor" if self._is_own(entry) or not entry.modifier else entry.modifier


def _plain(dn: str) -> str:
    return dn.replace(", ", ",").lower()


def _jittered(seconds: float) -> float:
    """Varied by a fifth, so that hosts which lost the same server do not come back at the same moment."""
    return seconds * random.uniform(0.8, 1.2)
