"""The recorder beside tlog-rec, script and a copy loop in C, in one run: `python -m benchmarks.recorder.run`.

Repetitions are interleaved, so that a noisy machine is noisy for everybody, and the best of each counts: noise only
adds. What is compared are ratios in the same run, never seconds of different machines.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.recorder import data, report
from benchmarks.recorder.candidates import Candidate, available, build
from benchmarks.recorder.measure import Bench, MeasureError
from recorder.formats import message

READING_SIDE = ("screen", "ingest", "search")
"""Modules of `benchmarks` for the auditor's half: `python -m benchmarks.X --json` ends with a line of JSON,
{measure: value}."""

ROOT = Path(__file__).parent.parent.parent
RESULT = ROOT / "docs" / "benchmarks.md"

Figures = dict[str, dict[str, float]]
"""Measure, candidate, best value."""


def main() -> int:
    """Measure, show the table, and write docs/benchmarks.md unless --quick; 1 if a candidate failed."""
    parser = argparse.ArgumentParser(prog="make bench", description="The recorder beside others.")
    parser.add_argument("--quick", action="store_true", help="less data, two repetitions, nothing written")
    parser.add_argument("--only", choices=("copying", "echo", "start", "reading"), help="one part, nothing written")
    parser.add_argument("--repetitions", type=int, help="of each measurement (default: 4, with --quick 2)")
    args = parser.parse_args()
    repetitions = args.repetitions or (2 if args.quick else 4)
    console = Console(soft_wrap=False)
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        bench = Bench(build(directory), directory)
        candidates = available(bench.programs)
        files = data.generate(directory, data.QUICK if args.quick else data.FULL)
        parts: dict[str, Callable[[], None]] = {
            "copying": lambda: _copying(figures, bench, candidates, files),
            "echo": lambda: _echo(figures, bench, candidates, 300 if args.quick else 2000),
            "start": lambda: _start(figures, bench, candidates, 5 if args.quick else 20),
        }
        try:
            with Progress(console=console, transient=True) as progress:
                chosen = [part for part in parts if args.only in (None, part)]
                for part in progress.track(chosen * repetitions, description="measuring"):
                    parts[part]()
            if args.only in (None, "copying"):
                _check_exact(bench, candidates[-1], files)
        except MeasureError as error:
            console.print(f"[red]{error}[/red]", markup=True)
            return 1
    reading = _reading_side(args.quick) if args.only in (None, "reading") else {}
    outcome = report.outcome(figures, reading)
    report.show(console, outcome, figures)
    if not args.quick and args.only is None:
        RESULT.write_text(report.markdown(outcome, figures) + _by_hand(RESULT.read_text()))
        console.print(f"written to {RESULT.relative_to(ROOT)}")
    return 0


def _by_hand(text: str) -> str:
    """The section of the page that other measurements are written into."""
    _, heading, rest = text.partition("\n## The directory\n")
    return heading + rest


def _copying(figures: Figures, bench: Bench, candidates: Iterable[Candidate], files: dict[str, Path]) -> None:
    for kind, file in files.items():
        for candidate in candidates:
            measured = bench.copying(candidate, file)
            _keep(figures, f"CPU s, {kind}", candidate, measured["cpu_s"])
            _keep(figures, f"size ratio, {kind}", candidate, measured["size_ratio"])


def _echo(figures: Figures, bench: Bench, candidates: Iterable[Candidate], count: int) -> None:
    for label, gap in (("echo", 2000), ("echo without pause", 0)):
        for candidate in candidates:
            measured = bench.echo(candidate, count, gap)
            for percentile in ("p50", "p90", "p99"):
                _keep(figures, f"{label} {percentile}, µs", candidate, measured[f"{percentile}_us"])


def _start(figures: Figures, bench: Bench, candidates: Iterable[Candidate], times: int) -> None:
    for _ in range(times):
        for candidate in candidates:
            _keep(figures, "start of true, ms", candidate, bench.start(candidate, ["true"])["wall_ms"])
            measured = bench.start(candidate, [bench.programs.workload, "hello"])
            _keep(figures, "start to first byte, ms", candidate, measured["first_ms"])
            _keep(figures, "start, CPU ms", candidate, measured["cpu_ms"])


def _keep(figures: Figures, measure: str, candidate: Candidate, value: float) -> None:
    row = figures.setdefault(measure, {})
    row[candidate.name] = min(value, row.get(candidate.name, value))


def _check_exact(bench: Bench, candidate: Candidate, files: dict[str, Path]) -> None:
    """A fast recorder that records something else is no recorder."""
    for kind, file in files.items():
        bench.copying(candidate, file)
        recorded = bytearray()
        with (bench.directory / f"recording-{candidate.name}").open("rb") as lines:
            for line in lines:
                for packet in message.parse(line).packets:
                    if isinstance(packet, message.Output):
                        recorded += packet.data
        if recorded != file.read_bytes():
            raise MeasureError(f"{candidate.name}: the recording of {kind} is not what was printed")


def _reading_side(quick: bool) -> dict[str, float]:
    """The figures of those benchmarks of the auditor's half that are here; one that fails has said why."""
    figures: dict[str, float] = {}
    for name in READING_SIDE:
        if not (ROOT / "benchmarks" / f"{name}.py").exists():
            continue
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *(["--quick"] if quick else [])]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            figures.update(json.loads(done.stdout.splitlines()[-1]))
    return figures


if __name__ == "__main__":
    sys.exit(main())
