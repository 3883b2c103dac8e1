"""Many sessions at once: what each takes while nothing happens, and whether anything is lost when a lot does."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from auditor.verify import Verdict, verify
from benchmarks.login import memory
from benchmarks.login.host import Host, Way
from benchmarks.login.measure import Figures, keep
from benchmarks.login.terminals import Terminal, Terminals
from benchmarks.recorder import data
from benchmarks.recorder.candidates import Programs
from benchmarks.recorder.measure import MeasureError
from recorder.configuration.host_settings import HostSettings
from recorder.formats.message import Output, parse
from recorder.keys.signing_key import load
from recorder.logins.process_status import parent_of

FEW, IDLE, BUSY = 20, 200, 20
"""Sessions."""

SETTLED = HostSettings().idle + 3.0
"""Seconds after which a session that prints nothing has stored and signed its prompt, and sleeps."""


class Load:
    """As benchmarks.login.measure.Bench."""

    def __init__(self, host: Host, programs: Programs, enter: str, figures: Figures, *, quick: bool) -> None:
        self.host = host
        self.programs = programs
        self.enter = enter
        self.figures = figures
        self.ways = {way.name: way for way in host.ways()}
        self.busy_ones = 5 if quick else BUSY
        self.size = (1 if quick else 4) * data.MB

    def memory(self) -> None:
        """Of each session that waits at its prompt, the recorder's part."""
        for count in (FEW, IDLE):
            for way in (way for name, way in self.ways.items() if name in ("tlog", "sessrec")):
                with self._sessions(way, count) as terminals:
                    time.sleep(SETTLED)
                    pids = self._recorders(way, terminals)
                    taken = memory.of(pids)
                    keep(self.figures, f"PSS of a session, {count} idle, kB", way, taken.pss / count)
                    keep(self.figures, f"private of a session, {count} idle, kB", way, taken.private / count)
                    keep(
                        self.figures, f"page tables of a session, {count} idle, kB", way, memory.kernel(pids) / count
                    )
                    if way.name == "sessrec":
                        service = memory.of([self.host.pid("recorder")])
                        keep(self.figures, f"PSS of the service, {count} idle, kB", way, service.pss)
                        responder = memory.of([self.host.pid("responder")])
                        keep(self.figures, f"PSS of the responder, {count} idle, kB", way, responder.pss)

    def busy(self) -> None:
        """Some that print as fast as they can beside many that wait. Raises MeasureError if anything is lost."""
        (file,) = data.generate(self.host.base, {"ascii": self.size}).values()
        file.chmod(0o644)
        for way in (self.ways[name] for name in ("bare", "tlog", "sessrec") if name in self.ways):
            with self._sessions(way, IDLE), self._sessions(way, self.busy_ones) as busy:
                recordings = self._recordings(busy) if way.name == "sessrec" else {}
                journald = self.host.pid("journald")
                before, journal = self._cpu(way, busy), memory.cpu(journald)
                began = time.monotonic()
                for terminal in busy.all:
                    # The shell stays, so that what has been used is still known of it.
                    terminal.type(f"{self.programs.workload} cat {file}; echo DO''NE\n")
                busy.read(busy.all, lambda: all(terminal.seen.endswith(b"DONE\n$ ") for terminal in busy.all))
                keep(self.figures, "load, s", way, time.monotonic() - began)
                keep(self.figures, "load, CPU s", way, self._cpu(way, busy) - before)
                keep(self.figures, "load, CPU s of journald", way, memory.cpu(journald) - journal)
                pids = self._recorders(way, busy)
                awake = self.host.workers() if way.name == "sessrec" else pids
                if awake:
                    keep(self.figures, "load, PSS of a recorder at work, kB", way, memory.of(awake).pss / len(awake))
                for terminal in busy.all:
                    terminal.type("exit\n")
                busy.read(busy.all, lambda: not any(terminal.open for terminal in busy.all))
            self.host.idle()
            for rec, terminal in recordings.items():
                self._check(rec, bytes(terminal.seen))

    @contextmanager
    def _sessions(self, way: Way, count: int) -> "Iterator[Terminals]":
        terminals = Terminals()
        try:
            for _ in range(count):
                terminals.add(way.command(self.enter))
            yield terminals
        finally:
            terminals.close()
            if count == IDLE:
                self.host.idle()

    def _recorders(self, way: Way, terminals: Terminals) -> list[int]:
        """Our processes for these sessions, or tlog's."""
        leaders = [terminal.pid for terminal in terminals.all]
        if way.name == "sessrec":
            # Each has a process of ours that waits in the place of the shell, a keeper, and, awake, a worker. Whose a
            # worker is nobody knows: those of all sessions are here.
            found = [(parent_of(said["leader"]), said["worker"]) for said in self._described()]
            pairs = [pair for pair in found if pair[0] in leaders]
            return [pid for pair in pairs for pid in pair] + self.host.workers()
        return leaders if way.name == "tlog" else []

    def _cpu(self, way: Way, terminals: Terminals) -> float:
        """Of the recorders of these sessions, not of what they record."""
        return sum(memory.cpu(pid, children=False) for pid in self._recorders(way, terminals))

    def _recordings(self, terminals: Terminals) -> "dict[str, Terminal]":
        by_waiter = {terminal.pid: terminal for terminal in terminals.all}
        found = {said["rec"]: by_waiter.get(parent_of(said["leader"])) for said in self._described()}
        recordings = {rec: terminal for rec, terminal in found.items() if terminal is not None}
        assert len(recordings) == len(by_waiter), "not every session is recorded"
        return recordings

    def _described(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in (self.host.run / "sessions").glob("*.json")]

    def _check(self, rec: str, seen: bytes) -> None:
        key = load(self.host.state / "key.pem").public
        lines = []
        for entry in self.host.journal(rec):
            message = json.loads(entry)["MESSAGE"]
            lines.append((message.encode() if isinstance(message, str) else bytes(message)) + b"\n")
        verdict = verify(lines, [key]).verdict
        if verdict is not Verdict.COMPLETE:
            raise MeasureError(f"the recording {rec} is {verdict}")
        printed = b"".join(p.data for line in lines for p in parse(line).packets if isinstance(p, Output))
        if printed != seen:
            raise MeasureError(f"the recording {rec} has {len(printed)} bytes, its terminal {len(seen)}")
