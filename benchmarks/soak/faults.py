"""What goes wrong meanwhile: parts of the chain are killed or stand still, services of hosts are killed."""

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.soak.directory import Directory
from benchmarks.soak.hosts import Host
from benchmarks.soak.log_chain import LogChain
from benchmarks.soak.people import People

CYCLE = 600.0
"""Seconds in which each part fails once; less where the whole soak takes less."""
KILL_EVERY = 20.0
"""Seconds between two kills of a service of some host; less in a short soak."""
SINK_BACK = 5.0
"""Seconds after journald was away in which sessions end whose recorders gave it up before; on a busy machine."""
MOST_WAITED = 120.0
"""Seconds for which hosts may take to come back to FreeIPA."""


@dataclass(frozen=True)
class Fault:
    """`at`: part of a cycle after which it begins; `away`: seconds until `mend`."""

    name: str
    at: float
    away: float
    hurt: Callable[[], None]
    mend: Callable[[], None]
    directory: bool = False
    sink: bool = False
    """Whether recorders cannot store what they have."""


@dataclass
class Happened:
    """One that was made: seconds after the beginning, and how long it took until all was well again."""

    fault: Fault
    began: float
    mended: float
    well: float | None = None


class Faults(threading.Thread):
    """Makes those of the chain and of the directory one after the other, in `seconds`; `errors` of making them."""

    def __init__(self, chain: LogChain, directory: Directory | None, hosts: list[Host], seconds: float) -> None:
        super().__init__(name="faults", daemon=True)
        self.happened: list[Happened] = []
        self.errors: list[str] = []
        self.directory_away = False
        self._sink_away = False
        self._sink_back = -SINK_BACK
        self._hosts = hosts
        self._halt = threading.Event()
        self._begun = 0.0
        cycles = max(1, round(seconds / CYCLE))
        self._plan = [
            ((cycle + fault.at) * seconds / cycles, fault)
            for cycle in range(cycles)
            for fault in faults_of(chain, directory)
        ]

    def run(self) -> None:
        """Until all were made, or `finish`."""
        self._begun = time.monotonic()
        for at, fault in self._plan:
            if self._halt.wait(max(0.0, at - self._now())):
                return
            try:
                self._make(fault)
            except Exception as error:
                self.errors.append(f"{fault.name}: {type(error).__name__}: {error}")

    def sink_is_away(self) -> bool:
        """Whether a session that ends now may not be able to store its end."""
        return self._sink_away or time.monotonic() - self._sink_back < SINK_BACK

    def finish(self) -> None:
        """No more; what was begun is mended."""
        self._halt.set()
        self.join(MOST_WAITED * 2)

    def _make(self, fault: Fault) -> None:
        self.directory_away, self._sink_away = fault.directory, fault.sink
        happened = Happened(fault, self._now(), 0.0)
        print(f"{happened.began:6.0f} s  {fault.name}, for {fault.away:.0f} s", file=sys.stderr)
        fault.hurt()
        self._halt.wait(fault.away)
        fault.mend()
        happened.mended = self._now()
        if fault.directory:
            happened.well = self._all_back(time.monotonic())
        if fault.sink:
            self._sink_back = time.monotonic()
        self.directory_away = self._sink_away = False
        self.happened.append(happened)

    def _all_back(self, since: float) -> float | None:
        """Seconds until every host reads FreeIPA again."""
        waiting = list(self._hosts)
        began = time.time()
        while time.monotonic() - since < MOST_WAITED:
            waiting = [host for host in waiting if not _looked(host) > began]
            if not waiting:
                return time.monotonic() - since
            time.sleep(0.25)
        self.errors.append(f"{len(waiting)} hosts have not come back to FreeIPA: {waiting[0].log()}")
        return None

    def _now(self) -> float:
        return time.monotonic() - self._begun


def faults_of(chain: LogChain, directory: Directory | None) -> list[Fault]:
    """Those of one cycle, in their order."""
    found = [
        Fault("journald stands still", 0.06, 8, lambda: chain.journald.send(signal.SIGSTOP),
              lambda: chain.journald.send(signal.SIGCONT), sink=True),
        Fault("journald killed and away", 0.16, 5, chain.journald.kill, chain.journald.start, sink=True),
        Fault("rsyslogd killed and away", 0.26, 15, chain.rsyslogd.kill, chain.rsyslogd.start),
        Fault("Elasticsearch killed and away", 0.38, 30, chain.node.kill, chain.node.start),
        Fault("sessrec ingest killed", 0.56, 1, chain.kill_ingest, lambda: None),
    ]  # fmt: skip
    if directory is not None:
        found += [
            Fault("directory server killed and away", 0.62, 30, directory.kill, directory.start, directory=True),
            Fault("directory server stands still", 0.86, 15, directory.stop, directory.go_on, directory=True),
        ]
    return found


class ServiceKills:
    """Services of hosts are killed one after the other, and recorders of single sessions in turn with them."""

    KINDS: Sequence[str] = ("responder", "recorder", "zygote", "session")

    def __init__(self, people: People, hosts: list[Host], seconds: float, seed: int) -> None:
        self.counts = dict.fromkeys(self.KINDS, 0)
        self._people = people
        self._hosts = hosts
        self._lot = random.Random(seed)
        every = min(KILL_EVERY, seconds / 12)
        for number in range(int((seconds - 20) / every)):
            kind = self.KINDS[number % len(self.KINDS)]
            people.at(15 + number * every, lambda kind=kind: self._kill(kind))  # type: ignore[misc]

    def _kill(self, kind: str) -> None:
        if kind == "session":
            done = self._people.kill_recorder()
        else:
            host = self._lot.choice(self._hosts)
            done = host.kill(kind)
            if kind == "zygote":
                self._people.endanger(host)
        self.counts[kind] += done


def _looked(host: Host) -> float:
    """When it last read FreeIPA, in Unix seconds."""
    return float(host.ask(ask="status").get("connection", {}).get("looked") or 0.0)
