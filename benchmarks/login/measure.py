"""One session at a time: how long a login takes, what a key stroke waits for, how fast data passes."""

import json
import subprocess
import time
from typing import Any

from benchmarks.login import memory
from benchmarks.login.host import RECORDED, Host, Way
from benchmarks.recorder.candidates import Programs
from benchmarks.recorder.measure import MeasureError

Figures = dict[str, dict[str, float]]
"""Measure, way, best value."""

GB = 1_000_000_000
_ENVIRONMENT = {"HOME": "/", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "TERM": "xterm", "PS1": "$ "}
TIMEOUT = 300


class Bench:
    """`enter` is the program of enter.c. With `quick`, less of everything."""

    def __init__(self, host: Host, programs: Programs, enter: str, figures: Figures, *, quick: bool) -> None:
        self.host = host
        self.programs = programs
        self.enter = enter
        self.figures = figures
        self.ways = host.ways()
        self.quick = quick
        self._taken: dict[str, tuple[float, int]] = {}
        """Seconds of the daemons' processor time, and logins."""

    def start(self) -> None:
        """From the exec of the login shell to the prompt of the user's."""
        for _ in range(5 if self.quick else 20):
            for way in self.ways:
                before = self._daemons()
                measured = self._drive(["start", "exit"], way)
                keep(self.figures, "login to prompt, ms", way, measured["first_ms"])
                keep(self.figures, "login, CPU ms of its processes", way, measured["cpu_ms"])
                self.host.idle()
                total, times = self._taken.get(way.name, (0.0, 0))
                self._taken[way.name] = total, times = total + self._daemons() - before, times + 1
                self.figures.setdefault("login, CPU ms of daemons (mean)", {})[way.name] = total / times * 1000

    def hook(self) -> None:
        """What PAM runs at each login, with a login uid as it has then."""
        user = str(RECORDED)
        for _ in range(10 if self.quick else 40):
            for name, program in (("bare", "/bin/true"), ("sessrec", str(self.host.pam_hook))):
                argv = [self.enter, user, "0", program]
                began = time.perf_counter()
                done = subprocess.run(argv, env={"PAM_TYPE": "open_session", "PAM_USER": "recorded"}, check=False)
                taken = time.perf_counter() - began
                if done.returncode != 0:
                    raise MeasureError(f"{argv}: exit status {done.returncode}")
                keep(self.figures, "PAM hook, ms", name, taken * 1000)

    def echo(self) -> None:
        """From a key stroke to its echo."""
        for label, gap in (("echo", 2000), ("echo without pause", 0)):
            for way in self.ways:
                count = str(300 if self.quick else 2000)
                measured = self._drive(["echo", count, str(gap)], way, "-c", f"exec {self.programs.workload} echo")
                for percentile in ("p50", "p90", "p99"):
                    keep(self.figures, f"{label} {percentile}, µs", way, measured[f"{percentile}_us"])
                self.host.idle()

    def transfer(self) -> None:
        """A gigabyte through a command without a terminal, in and out, as scp moves it."""
        size = GB // 10 if self.quick else GB
        for way in self.ways:
            if way.name == "tlog" and not self.quick:
                continue  # it records every byte of it, in minutes
            for label, ours, theirs in (
                ("in", ["head", "-c", str(size), "/dev/zero"], "exec cat > /dev/null"),
                ("out", ["cat"], f"exec head -c {size} /dev/zero"),
            ):
                command = way.command(self.enter, "-c", theirs)
                began = time.perf_counter()
                pipes: list[list[str]] = [ours, command] if label == "in" else [command, ours]
                first = subprocess.Popen(pipes[0], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=_ENVIRONMENT)
                second = subprocess.Popen(pipes[1], stdin=first.stdout, stdout=subprocess.DEVNULL, env=_ENVIRONMENT)
                assert first.stdout is not None
                first.stdout.close()
                if second.wait(TIMEOUT) or first.wait(TIMEOUT):
                    raise MeasureError(f"{way.name}: {command} failed")
                keep(self.figures, f"transfer {label}, s", way, time.perf_counter() - began)
            self.host.idle()

    def _daemons(self) -> float:
        return sum(memory.cpu(self.host.pid(name)) for name in ("recorder", "responder"))

    def _drive(self, mode: list[str], way: Way, *arguments: str) -> dict[str, Any]:
        command = [self.programs.drive, *mode, "--", *way.command(self.enter, *arguments)]
        done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        if done.returncode != 0:
            raise MeasureError(f"{' '.join(command)}: {done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["status"] != 0:
            raise MeasureError(f"{' '.join(command)}: exit status {answer['status']}: {done.stderr[-500:].strip()}")
        return answer


def keep(figures: Figures, measure: str, way: Way | str, value: float) -> None:
    """Note a value if it is the best so far."""
    name = way if isinstance(way, str) else way.name
    row = figures.setdefault(measure, {})
    row[name] = min(value, row.get(name, value))
