"""One measurement at a time: a candidate under `drive`, and its answer."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.recorder.candidates import Candidate, Programs, environment

TIMEOUT = 600


class MeasureError(Exception):
    """A candidate did not do what it was started for, so its figures mean nothing."""


@dataclass(frozen=True)
class Bench:
    """The programs and a directory for recordings, keys and the workload's report."""

    programs: Programs
    directory: Path

    def copying(self, candidate: Candidate, data: Path) -> dict[str, float]:
        """CPU seconds of the recorder alone (`cpu_s`), and its recording's size by the data's (`size_ratio`)."""
        out = self._out(candidate)
        workload = [self.programs.workload, "cat", str(data)]
        answer = self._drive(["drain", str(data)], candidate, out, workload)
        if answer["wrong_after"] >= 0 or answer["bytes"] < answer["expected"]:
            raise MeasureError(f"{candidate.name}: the terminal did not get the bytes of {data.name}: {answer}")
        child = float((self.directory / "workload-cpu").read_text())
        size = candidate.recorded_bytes(out)
        own = answer["cpu_s"] - child if candidate.name != "bare" else 0.0
        return {"cpu_s": own, "size_ratio": size / answer["expected"], "wall_s": answer["wall_s"]}

    def echo(self, candidate: Candidate, count: int, gap: int) -> dict[str, float]:
        """Percentiles of the time from a byte typed to the same byte seen, in microseconds; `gap` likewise."""
        workload = [self.programs.workload, "echo"]
        return self._drive(["echo", str(count), str(gap)], candidate, self._out(candidate), workload)

    def start(self, candidate: Candidate, command: Sequence[str]) -> dict[str, float]:
        """Milliseconds until the first byte of the command's output (0: none) and until the end, and CPU."""
        return self._drive(["start"], candidate, self._out(candidate), command)

    def _out(self, candidate: Candidate) -> Path:
        for old in self.directory.glob(f"recording-{candidate.name}*"):
            old.unlink()
        return self.directory / f"recording-{candidate.name}"

    def _drive(self, mode: list[str], candidate: Candidate, out: Path, argv: Sequence[str]) -> dict[str, Any]:
        command = [self.programs.drive, *mode, "--", *candidate.command(out, argv)]
        done = subprocess.run(
            command, env=environment(self.directory), capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        if done.returncode != 0:
            raise MeasureError(f"{' '.join(command)}: {done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["status"] != 0:
            raise MeasureError(f"{' '.join(command)}: exit status {answer['status']}: {done.stderr[-300:].strip()}")
        return answer
