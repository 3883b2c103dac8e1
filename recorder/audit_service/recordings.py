"""The recordings of this host that audit events may belong to, by their descriptions in the directory of sessions."""

import os
import time
from dataclasses import dataclass
from typing import Any

from recorder.logins.process_status import parent_of
from recorder.logins.session_files import SessionFiles

Login = tuple[int, int]
"""A login uid, and the audit session that began with the login."""

FRESH = 0.05
"""Seconds. A directory that has just changed may change again without another time of change: the clock has steps."""
FORGOTTEN = 120.0
"""Seconds after its end in which a recording may still be named by what comes late, or by what it has left."""


@dataclass(slots=True)
class Recording:
    """A session that is or was recorded. Times are seconds since 1970.

    `terminal` is its PTY as the kernel writes it in records (`pts7`), "" without one; `leader` the process that it
    begins with, and `root` what has begun that, sshd for example. `audited`: its policy asks for events. `clean`: at
    its end none of its processes was left.
    """

    rec: str
    login: Login
    terminal: str
    leader: int
    root: int
    started: float
    audited: bool = True
    user: str = ""
    host: str = ""
    ended: float | None = None
    clean: bool = False

    def lasts(self, at: float) -> bool:
        """Whether it went on at that time."""
        return self.started <= at and (self.ended is None or at <= self.ended)


class Recordings:
    """Those that go on, and those that have ended lately."""

    def __init__(self, directory: str) -> None:
        self.changes = 0
        """Counts beginnings, ends and new leaders."""
        self._directory = directory
        self._written: dict[str, tuple[int, int]] = {}
        self._by_rec: dict[str, Recording] = {}
        self._by_login: dict[Login, list[Recording]] = {}
        self._changed_at = -1

    def get(self, rec: str) -> Recording | None:
        """By its id."""
        return self._by_rec.get(rec)

    def of(self, login: Login) -> list[Recording]:
        """Those of a login, the oldest first."""
        return self._by_login.get(login, [])

    def going_on(self) -> list[Recording]:
        """Those that have not ended and are audited."""
        return [one for one in self._by_rec.values() if one.ended is None and one.audited]

    def of_user(self, auid: int) -> Recording | None:
        """Some audited recording of this login uid."""
        return next((one for one in self._by_rec.values() if one.login[0] == auid and one.audited), None)

    def refresh(self) -> list[Recording]:
        """Look into the directory if it has changed; those that have vanished from it since the last look."""
        try:
            changed_at = os.stat(self._directory).st_mtime_ns
            if changed_at == self._changed_at:
                return []
            with os.scandir(self._directory) as entries:
                written = {one.name[:-5]: _written(one) for one in entries if one.name.endswith(".json")}
        except OSError:
            return []
        now = time.time()
        self._changed_at = changed_at if now - changed_at / 1e9 > FRESH else -1
        for rec, at in written.items():
            if self._written.get(rec) != at:
                self._read(rec)
        self._written = written
        gone = [one for one in self._by_rec.values() if one.ended is None and one.rec not in written]
        for one in gone:
            self.end(one, now)
        return gone

    def end(self, recording: Recording, at: float) -> None:
        """One is over."""
        recording.ended = at
        self.changes += 1

    def forget(self, now: float, living: frozenset[Login]) -> None:
        """Drop those of logins without a process, which ended so long ago that nobody asks for them."""
        for login, recordings in list(self._by_login.items()):
            if login not in living and all(
                one.ended is not None and now - one.ended > FORGOTTEN for one in recordings
            ):
                del self._by_login[login]
                for one in recordings:
                    del self._by_rec[one.rec]

    def add(self, recording: Recording) -> None:
        """One that has begun."""
        self.changes += 1
        self._by_rec[recording.rec] = recording
        self._by_login.setdefault(recording.login, []).append(recording)
        self._by_login[recording.login].sort(key=lambda one: one.started)

    def _read(self, rec: str) -> None:
        known = self._by_rec.get(rec)
        if known is not None and known.ended is not None:
            return  # its worker writes the end
        description = SessionFiles(self._directory, rec).read()
        if known is None:
            try:
                self.add(described(description))
            except (KeyError, TypeError, ValueError):
                return  # half a description is none yet
        elif known.leader != (leader := int(description.get("leader") or known.leader)):
            known.leader, known.root = leader, parent_of(leader)
            self.changes += 1


def _written(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Another one for each time that a description is written: it is another file then."""
    try:
        return entry.inode(), entry.stat().st_mtime_ns
    except OSError:
        return 0, 0


def described(description: dict[str, Any]) -> Recording:
    """Raises KeyError, TypeError and ValueError where that is no description."""
    leader = int(description["leader"])
    return Recording(
        rec=str(description["rec"]),
        login=(int(description["auid"]), int(description["session"])),
        terminal=str(description["pty"]).replace("/", ""),
        leader=leader,
        root=parent_of(leader),
        started=float(description["started"]),
        audited=bool(description.get("audit")),
        user=str(description["user"]),
        host=str(description.get("host", "")),
    )
