"""Who sits at the terminals: sessions that begin over the time, type commands now and then, and end."""

import contextlib
import heapq
import os
import random
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from benchmarks.login.terminals import Terminal
from benchmarks.soak import accounting
from benchmarks.soak.accounting import Told
from benchmarks.soak.hosts import Host
from recorder.logins.process_status import parent_of

PROMPT = b"$ "
REFUSED = 254
"""Exit status of the login shell that lets nobody in, and of a session whose recording has failed."""
AGAIN, TRIES = 4.0, 40
"""Seconds until somebody who was refused tries again, and how often he does."""
SHORTEST, LONGEST = 15.0, 100.0
"""Seconds of most sessions."""
LONG = 0.05
"""So many of them take up to half of the whole time."""
PAUSES = 1.0, 12.0
"""Seconds between two commands."""
LAST = 15.0
"""Seconds before the end in which no session begins."""
SETTLED = 5.0
"""Seconds after which what a session has printed first is stored, and its recorder may be killed."""
TICK = 0.1

COMMANDS = (
    "uptime",
    "ls -l /usr/bin | head -30",
    "cat /etc/services | head -60",
    "printf '\\033[31mred\\033[0m \\303\\244\\342\\202\\254 \\344\\270\\255\\346\\226\\207\\n'",
    "seq 1 400",
    "id; pwd; date",
    "grep -c . /etc/passwd",
    "for i in 1 2 3 4 5; do echo line $i; done",
)
FLOOD = "seq 1 6000"
"""On hosts with a small spool, so that there is something to lose."""


@dataclass
class Session:
    """One of them; times are seconds after the beginning of the soak."""

    number: int
    host: Host
    user: str
    begins: float
    life: float
    tries: int = 0
    refusals: list[str] = field(default_factory=list)
    terminal: Terminal | None = None
    at_work: bool = False
    leaving: bool = False
    killed: bool = False
    endangered: bool = False
    worked_since: float = 0.0
    ended: float = 0.0
    end: str = accounting.HUNG
    status: int | None = None

    def told(self) -> Told:
        """For the accounts."""
        seen = bytes(self.terminal.seen) if self.terminal else b""
        how = f"at {self.ended:.0f} s, status {self.status}, {seen[-80:]!r}"
        lasted = self.ended - self.worked_since
        return Told(self.number, self.host.name, self.end, seen, len(self.refusals), lasted, how)


class People:
    """`sessions` of them on `hosts` within `seconds`. Not for several threads."""

    def __init__(self, hosts: list[Host], sessions: int, seconds: float, seed: int) -> None:
        self._lot = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._begun = time.monotonic()
        self.sessions = [self._planned(number, hosts, seconds) for number in range(1, sessions + 1)]
        self.most_at_once = 0
        self.sink_is_away: Callable[[], bool] = lambda: False
        """Whether recorders cannot store what they have."""

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def begin(self) -> None:
        """The time begins."""
        self._begun = time.monotonic()
        for session in self.sessions:
            self.at(session.begins, lambda session=session: self._log_in(session))  # type: ignore[misc]

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Have something done at a time."""
        heapq.heappush(self._due, (when, next(self._order), act))

    def step(self) -> None:
        """Do what is due, and read what terminals show, for TICK seconds at most."""
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()
        wait = TICK if not self._due else max(0.0, min(TICK, self._due[0][0] - self.now))
        for key, _ in self._selector.select(wait):
            self._read(key.data)
        self.most_at_once = max(self.most_at_once, self.going_on())

    def going_on(self) -> int:
        """How many terminals are open."""
        return len(self._selector.get_map())

    def all_over(self) -> bool:
        """Whether nobody sits at a terminal, nor will."""
        return not self._due and not self.going_on()

    def kill_recorder(self) -> bool:
        """Kill the recorder of one session that goes on, whose process it is that copies its terminal."""
        if self.sink_is_away():
            return False
        old = self.now - SETTLED
        going_on = [one for one in self._at_work() if one.worked_since < old and not one.leaving]
        self._lot.shuffle(going_on)
        for session in going_on:
            for said in session.host.sessions():
                with contextlib.suppress(OSError, ValueError, KeyError):
                    if session.terminal is not None and parent_of(said["leader"]) == session.terminal.pid:
                        session.killed = True
                        os.kill(said["worker"], 9)
                        return True
        return False

    def endanger(self, host: Host) -> None:
        """Those on a host that sleep will end when something happens: nobody is left who could wake them."""
        for session in self._at_work():
            session.endangered |= session.host is host

    def hang_up(self) -> None:
        """On all that are left; they count as hung."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.data.terminal.close()

    def _at_work(self) -> list[Session]:
        return [key.data for key in self._selector.get_map().values() if key.data.at_work]

    def _planned(self, number: int, hosts: list[Host], seconds: float) -> Session:
        lot = self._lot
        begins = lot.uniform(0, max(1.0, seconds - LAST))
        life = lot.uniform(SHORTEST, LONGEST)
        if lot.random() < LONG:
            life = lot.uniform(life, seconds / 2)
        life = max(5.0, min(life, seconds - begins))
        return Session(number, hosts[number % len(hosts)], lot.choice(("alice", "bob")), begins, life)

    def _log_in(self, session: Session) -> None:
        session.tries += 1
        session.terminal = terminal = Terminal(session.host.login(session.user))
        self._selector.register(terminal.fd, selectors.EVENT_READ, session)

    def _read(self, session: Session) -> None:
        terminal = session.terminal
        assert terminal is not None
        try:
            data = os.read(terminal.fd, 65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._over(session, terminal)
            return
        terminal.seen += data
        if not session.at_work and terminal.seen.endswith(PROMPT):
            session.at_work, session.worked_since = True, self.now
            self._work(session)

    def _work(self, session: Session) -> None:
        """The mark at once, and then commands until the time has come."""
        self._type(session, f": soak-{session.number}.")
        pause = self._lot.uniform(*PAUSES)
        at, end = self.now + pause, self.now + session.life
        commands = (*COMMANDS, FLOOD, FLOOD) if session.host.small else COMMANDS
        while at < end:
            command = self._lot.choice(commands)
            self.at(at, lambda command=command: self._type(session, command))  # type: ignore[misc]
            at += self._lot.uniform(*PAUSES)
        self.at(end, lambda: self._leave(session))

    def _leave(self, session: Session) -> None:
        session.leaving = True
        self._type(session, "exit")

    def _type(self, session: Session, line: str) -> None:
        if session.terminal is not None and session.terminal.open:
            with contextlib.suppress(OSError):
                session.terminal.type(f"{line}\n")

    def _over(self, session: Session, terminal: Terminal) -> None:
        self._selector.unregister(terminal.fd)
        terminal.open = False
        os.close(terminal.fd)
        self._reap(session, terminal)

    def _reap(self, session: Session, terminal: Terminal, tried: int = 0) -> None:
        pid, status = os.waitpid(terminal.pid, os.WNOHANG)
        if not pid:
            if tried > 100:
                os.kill(terminal.pid, 9)
            self.at(self.now + 0.05, lambda: self._reap(session, terminal, tried + 1))
            return
        session.ended = self.now
        session.status = os.waitstatus_to_exitcode(status)
        if session.at_work:
            session.end = self._end_of(session)
        elif session.tries < TRIES:
            # Nobody has let him in.
            session.refusals.append(terminal.seen.decode(errors="replace").strip()[-200:])
            self.at(self.now + AGAIN, lambda: self._log_in(session))
        else:
            session.end = accounting.REFUSED

    def _end_of(self, session: Session) -> str:
        if session.killed or (session.endangered and session.status != 0):
            return accounting.KILLED
        # The login shell's status tells whoever sat there that his recording has failed.
        if session.status == REFUSED or self.sink_is_away():
            return accounting.UNSTORED
        return accounting.ENDED if session.leaving else accounting.CUT
