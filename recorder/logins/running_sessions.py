"""The sessions that go on, as the service knows them: what is theirs is put in order when their workers are gone."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recorder.logins import service_manager
from recorder.logins.left_processes import Left, end_left, is_alive
from recorder.logins.login import Host, Standing
from recorder.logins.process_status import parent_of
from recorder.logins.session_files import SessionFiles, all_sessions
from recorder.logins.session_reports import Begun
from recorder.logins.taken_terminal import TakenTerminal


class RunningSession:
    """A session. `pty` is the device number of the recorder's own terminal, `peer` the pidfd of who has asked for it.

    `worker` is the pidfd of one that an earlier service has started, -1 for a child of this one's.
    """

    def __init__(self, files: SessionFiles, description: dict[str, Any], pty: int) -> None:
        self.files = files
        self.uid = int(description.get("uid", -1))
        leader = int(description.get("leader", 0))
        self.left = Left(leader, int(description.get("session", 0)), self.uid, parent_of(leader))
        self.pty = pty
        self.worker = -1
        self.peer = -1
        self.taken: TakenTerminal | None = None

    def begins_with(self, leader: int) -> None:
        """Which process it begins with, whose number all of its processes bear, is known now."""
        if self.left.leader != leader:
            self.left.leader = leader
            self.files.write({**self.files.read(), "leader": leader})

    def descriptors(self) -> list[int]:
        """What of it is open in the service."""
        taken = self.taken.descriptor if self.taken else -1
        return [descriptor for descriptor in (taken, self.peer, self.worker) if descriptor >= 0]


class RunningSessions:
    """All of them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._by_pty: dict[int, RunningSession] = {}
        self._of_user: Counter[int] = Counter()
        self._running: dict[str, RunningSession] = {}
        self._ending: list[Left] = []

    def __iter__(self) -> Iterator[RunningSession]:
        return iter(list(self._running.values()))

    def standing(self, uid: int, terminal: int) -> Standing:
        """What a login is to know whose user this is, and the device number of his terminal."""
        session = self._by_pty.get(terminal)
        return Standing(self._of_user[uid], "" if session is None else session.files.rec)

    def begin(self, report: Begun) -> RunningSession:
        """As a login has reported it."""
        description = report.description
        files = SessionFiles(self._host.directory, description["rec"])
        session = RunningSession(files, description, report.pty)
        session.peer = report.peer
        if report.outer >= 0:
            session.taken = TakenTerminal(report.outer, *description["outer"])
            service_manager.keep(files.rec, report.outer)
        self._add(session)
        return session

    def adopt(self) -> list[RunningSession]:
        """Those whose workers were started by a service before this one; what is left of others is put in order."""
        found = []
        terminals = service_manager.kept()
        for files in all_sessions(self._host.directory):
            description = files.read()
            session = RunningSession(files, description, _device(description.get("pty", "")))
            taken = terminals.pop(files.rec, -1)
            if taken >= 0 and description.get("outer"):
                # systemd keeps the descriptor and not whose it was: that stands in the description.
                session.taken = TakenTerminal(taken, *description["outer"])
            self._add(session)
            try:
                session.worker = os.pidfd_open(int(description.get("worker", 0))) if files.answers() else -1
            except (OSError, ValueError):
                pass
            if session.worker >= 0:
                found.append(session)
            else:
                self.end(session, failed=True)
        for name, descriptor in terminals.items():
            os.close(descriptor)
            service_manager.forget(name)
        return found

    def end(self, session: RunningSession, *, failed: bool) -> None:
        """Put in order what a worker leaves. `failed`: the session must not go on without it."""
        host = self._host
        self._running.pop(session.files.rec, None)
        if session.pty and self._by_pty.get(session.pty) is session:
            del self._by_pty[session.pty]
        self._of_user[session.uid] -= 1
        if self._of_user[session.uid] <= 0:
            del self._of_user[session.uid]
        session.files.remove()
        if session.taken is not None:
            session.taken.give_back()
            service_manager.forget(session.files.rec)
        if failed:
            self._ending.append(session.left)
            self.end_left()
        for descriptor in session.descriptors():
            os.close(descriptor)
        host.responder.tell({"ask": "ended", "rec": session.files.rec})

    def end_adopted(self, session: RunningSession) -> None:
        """How somebody else's child has ended is not known.

        A worker ends after its session's first process; where that goes on, it was killed.
        """
        self.end(session, failed=is_alive(session.left))

    def end_left(self) -> bool:
        """Go on ending what must not go on; False where there is nothing more of it."""
        if self._ending:
            leaders = {session.left.leader for session in self._running.values()}
            # Those that wait for them lead sessions of their own.
            living = leaders | {parent_of(leader) for leader in leaders}
            self._ending = [left for left in self._ending if not end_left(left, living)]
        return bool(self._ending)

    def _add(self, session: RunningSession) -> None:
        self._running[session.files.rec] = session
        if session.pty:
            self._by_pty[session.pty] = session
        self._of_user[session.uid] += 1


def _device(name: str) -> int:
    try:
        return Path("/dev", name).stat().st_rdev if name else 0
    except OSError:
        return 0
