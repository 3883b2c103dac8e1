"""A login that is recorded beside tlog-rec-session and a bare shell, in one run: `python -m benchmarks.login.run`.

As root, in a mount namespace of its own. Repetitions are interleaved and the best of each counts, as in the
recorder's benchmark.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.login import report
from benchmarks.login.host import ROOT, Host, HostError, enter_namespace
from benchmarks.login.load import Load
from benchmarks.login.measure import Bench, Figures
from benchmarks.recorder.candidates import build, compiled
from benchmarks.recorder.measure import MeasureError

RESULT = ROOT / "docs" / "benchmarks.md"
PARTS = ("start", "hook", "echo", "memory", "load", "transfer")


def main() -> int:
    """Measure, show the table, and write its section of docs/benchmarks.md unless --quick; 1 if something failed."""
    parser = argparse.ArgumentParser(prog="make bench-login", description="Logins beside tlog's and bare ones.")
    parser.add_argument("--quick", action="store_true", help="fewer sessions, two repetitions, nothing written")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part, nothing written; may be repeated")
    parser.add_argument("--repetitions", type=int, help="of each measurement (default: 5, with --quick 2)")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("make bench-login needs root: it makes users and logs them in")
    enter_namespace()
    console = Console()
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="bench-login-") as name:
        directory = Path(name)
        try:
            host = Host(directory)
            programs = build(directory)
            enter = compiled(Path(__file__).parent / "enter.c", directory)
            host.start()
        except (HostError, subprocess.CalledProcessError, FileNotFoundError) as error:
            console.print(f"[red]{error}[/red]")
            return 1
        try:
            bench = Bench(host, programs, enter, figures, quick=args.quick)
            load = Load(host, programs, enter, figures, quick=args.quick)
            repetitions = args.repetitions or (2 if args.quick else 5)
            parts: dict[str, tuple[Callable[[], None], int]] = {
                "start": (bench.start, repetitions),
                "hook": (bench.hook, repetitions),
                "echo": (bench.echo, repetitions),
                "transfer": (bench.transfer, min(3, repetitions)),
                "memory": (load.memory, 1),
                "load": (load.busy, 1),
            }
            chosen = [name for name in parts if not args.only or name in args.only]
            turns = [name for turn in range(repetitions) for name in chosen if turn < parts[name][1]]
            with Progress(console=console, transient=True) as progress:
                for part in progress.track(turns, description="measuring"):
                    parts[part][0]()
        except (HostError, MeasureError) as error:
            console.print(f"[red]{error}[/red]")
            return 1
        finally:
            host.close()
    outcome = report.outcome(figures)
    report.show(console, outcome, figures)
    if not args.quick and not args.only:
        before, _, _ = RESULT.read_text().partition(report.HEADING)
        RESULT.write_text(before.rstrip("\n") + "\n" + report.section(outcome, figures))
        console.print(f"written to {RESULT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
