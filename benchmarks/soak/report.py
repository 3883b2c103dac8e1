"""The soak's figures, and what they mean for ten thousand hosts."""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.recorder.report import machine, table
from benchmarks.soak.accounting import KILLED, Outcome
from benchmarks.soak.directory import SERVERS, Use, rate
from benchmarks.soak.faults import Faults, Happened
from benchmarks.soak.log_chain import LogChain
from benchmarks.soak.people import People

HEADING = "## A fleet, with faults"

FLEET = 10_000
"""Hosts of the site that the costs are worked out for."""
A_DAY = 10
"""Sessions that each of them has in ten hours of work."""

EXPLAINED = """
A host asks every three seconds whether anything has changed (`refresh`), by three searches on a connection that it
keeps; while a session is recorded it asks every two seconds what auditors want of it, on another. What that takes of
the directory server is multiplied as if it grew in proportion: processors of this machine, on which everything else
ran as well. It is an upper bound: a server that is asked 50 times a second wakes up for each question, and one that
has a queue of them answers the same three for a quarter of it ([figures](#watching-for-changes)). All replicas share
it, and a longer `refresh` takes less in the same measure.
"""


@dataclass
class Figures:
    """What was measured. `quiet`, `idle`, `busy`: what FreeIPA used without hosts, with them, with sessions."""

    hosts: int
    sessions: int
    seconds: float
    quiet: list[Use] = field(default_factory=list)
    idle: list[Use] = field(default_factory=list)
    busy: list[Use] = field(default_factory=list)
    asked: dict[str, float] = field(default_factory=dict)
    responder: tuple[float, float] = (0.0, 0.0)
    """Of one that waits: processor seconds a second, and kB of memory (PSS; those of all hosts share pages here)."""
    asked_more: dict[str, float] = field(default_factory=dict)
    """Operations of the directory server a second, without sessions and with them."""
    kills: dict[str, int] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)
    happened: list[Happened] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    most_at_once: int = 0
    ingest_restarts: int = 0

    def take(self, outcome: Outcome, people: People, faults: Faults, chain: LogChain) -> None:
        """What is known at the end."""
        self.outcome = outcome
        self.happened = faults.happened
        self.refusals = Counter(text.splitlines()[-1] for one in people.sessions for text in one.refusals if text)
        self.killed = sum(one.end == KILLED for one in people.sessions)
        self.most_at_once = people.most_at_once
        self.ingest_restarts = chain.ingest_restarts

    def rows(self) -> list[tuple[str, str]]:
        """What people read."""
        outcome = self.outcome
        total = outcome.total
        unnamed = total.wrong + total.after - outcome.of_killed - outcome.of_unstored
        rows = [
            ("hosts, sessions, seconds", f"{self.hosts}, {self.sessions}, {self.seconds:.0f}"),
            ("sessions at the same time, at most", f"{self.most_at_once}"),
            ("ended with a recorder that was killed", f"{self.killed}"),
            ("recordings that verify as complete; as truncated", f"{outcome.complete}; {outcome.truncated}"),
            ("bytes of terminals, as they were", f"{total.recorded:,}"),
            ("bytes that `lost` events name, in recordings", f"{total.lost:,}, {outcome.with_loss}"),
            (
                "bytes lost that nothing names",
                f"{unnamed:,}",
            ),
            ("last bytes of killed recorders", f"{outcome.of_killed:,}"),
            (
                "sessions whose last messages nobody took for ten minutes; their bytes",
                f"{outcome.unstored}; {outcome.of_unstored:,}",
            ),
            ("sessions, recordings, hosts and keys not accounted for", f"{len(outcome.problems)}"),
            ("services killed", ", ".join(f"{count} × {name}" for name, count in self.kills.items() if count)),
            (
                "logins that were refused and tried again; recordings of them without a byte",
                f"{sum(self.refusals.values())}; {outcome.refused}",
            ),
        ]
        rows += [(f"{count} of them", f"`{text[-100:]}`") for text, count in self.refusals.most_common(3)]
        for one in self.happened:
            well = f"; all hosts read it again after {one.well:.1f} s" if one.well is not None else ""
            rows.append((f"after {one.began:.0f} s", f"{one.fault.name}, {one.mended - one.began:.0f} s{well}"))
        return rows + (self._directory() if self.busy else [])

    def _directory(self) -> list[tuple[str, str]]:
        """What the FreeIPA server uses."""
        quiet, idle, busy = (
            {name: rate(uses, name) for name in SERVERS} for uses in (self.quiet, self.idle, self.busy)
        )
        rows = [
            (f"{name}, CPU s/s: without hosts; with them; with sessions",
             f"{quiet[name]:.4f}; {idle[name]:.4f}; {busy[name]:.4f}")
            for name in SERVERS
        ]  # fmt: skip
        cpu, memory = self.responder
        rows.append(("on a host, its responder: CPU; PSS", f"{cpu * 1e3:.2f} ms/s; {memory:.0f} kB"))
        resident = [max((use.resident for use in uses), default=0.0) for uses in (self.quiet, self.idle, self.busy)]
        rows.append(("directory server, MB at most", "; ".join(f"{value:.0f}" for value in resident)))
        for when, asked in (("without sessions", self.asked), ("with them", self.asked_more)):
            told = ", ".join(f"{value:.2f} {name}" for name, value in asked.items())
            rows.append((f"asked of it a second, {when}", told))
        server = SERVERS[0]
        host = max(0.0, idle[server] - quiet[server]) / self.hosts
        session = {name: max(0.0, busy[name] - idle[name]) * self.seconds / self.sessions for name in SERVERS}
        begun = FLEET * A_DAY / 36_000
        rows += [
            ("of the directory server: a host, a session", f"{host * 1e3:.2f} ms/s, {session[server] * 1e3:.0f} ms"),
            ("of the KDC: a session", f"{session[SERVERS[1]] * 1e3:.0f} ms"),
            (f"{FLEET:,} hosts that wait: processors", f"{host * FLEET:.1f}"),
            (f"{A_DAY} sessions of each in ten hours: processors more", f"{sum(session.values()) * begun:.2f}"),
            (f"{FLEET:,} connections, MB", f"{max(0.0, resident[1] - resident[0]) / self.hosts * FLEET:.0f}"),
        ]
        return rows


def section(figures: Figures) -> str:
    """With its heading."""
    parts = [
        HEADING,
        "Made by `make soak`; [benchmarks/README.md](../benchmarks/README.md) says how it is measured.",
        "\n".join(f"- {line}" for line in machine()),
        table([["", ""], *(list(row) for row in figures.rows())]),
        EXPLAINED.strip(),
    ]
    return "\n\n".join(parts) + "\n"
