"""Audit records as events, on one core: ours beside regular expressions and the audit project's own programs.

Events by second of CPU time, where an event is what the kernel gives one number: some six records, a kilobyte.
"""

import argparse
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.audit import regex_peer
from benchmarks.audit.workload import log
from benchmarks.recorder.report import machine, outcome, show, table, target_rows
from benchmarks.recorder.targets import Figures, Target
from recorder.audit.conversion import Converter
from recorder.commands.audit_json import CHUNK, as_line

ROOT = Path(__file__).parent.parent.parent
RESULT = ROOT / "docs" / "benchmarks.md"
HEADING = "## Audit records"
BEFORE = "## Logins"
"""Of docs/benchmarks.md: the section that ours stands before."""

MEASURE = "events/s"
TARGETS = [
    Target("events as JSON, own engine", lambda figures: figures[MEASURE]["own"], "at least", 15_000, "events/s"),
    Target("events as JSON, auparse", lambda figures: figures[MEASURE]["auparse"], "at least", 15_000, "events/s"),
    Target(
        "own engine by regular expressions",
        lambda figures: figures[MEASURE]["own"] / figures[MEASURE]["regular expressions"],
        "at least",
        1,
    ),
]


def main() -> int:
    """Measure, show the table, and write its section of docs/benchmarks.md unless --quick."""
    parser = argparse.ArgumentParser(prog="make bench-audit", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer events and repetitions, nothing written")
    parser.add_argument("--profile", choices=("own", "auparse"), help="show where the time of one engine goes")
    args = parser.parse_args()
    use_system_auparse()
    data, events = log(2_000 if args.quick else 20_000)
    if args.profile:
        profile = cProfile.Profile()
        profile.runcall(sessrec, data, args.profile)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return 0
    console = Console()
    candidates: dict[str, Callable[[], object]] = {
        "own": lambda: sessrec(data, "own"),
        "own, without JSON": lambda: sessrec(data, "own", written=False),
        "auparse": lambda: sessrec(data, "auparse"),
        "regular expressions": lambda: regular_expressions(data),
    }
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "audit.log"
        file.write_bytes(data)
        candidates["ausearch -i"] = lambda: ausearch(file, "-i")
        candidates["ausearch --format csv"] = lambda: ausearch(file, "--format", "csv")
        rates: dict[str, float] = {}
        with Progress(console=console, transient=True) as progress:
            for _ in progress.track(range(2 if args.quick else 5), description="measuring"):
                for candidate, run in candidates.items():
                    try:
                        rates[candidate] = max(rates.get(candidate, 0.0), events / cpu_seconds(run))
                    except (FileNotFoundError, ImportError) as error:
                        console.print(f"{candidate} left out: {error}")
    figures: Figures = {
        MEASURE: rates,
        "MB/s": {name: rate * len(data) / events / 1e6 for name, rate in rates.items()},
    }
    found = outcome(figures, {}, TARGETS)
    show(console, found, figures)
    if not args.quick:
        write(section(target_rows(found), figures, events, len(data)))
        console.print(f"written to {RESULT.relative_to(ROOT)}")
    return 0


def sessrec(data: bytes, engine: str, written: bool = True) -> int:
    """Convert, as `sessrec audit-json` does; the number of events that come out."""
    if engine == "auparse" and "auparse" not in sys.modules:
        raise ImportError("no auparse: apt-get install python3-audit")
    converter = Converter(engine)
    count = 0
    for start in range(0, len(data), CHUNK):
        events = converter.feed(data[start : start + CHUNK])
        count += len("".join(map(as_line, events))) if written else len(events)
    events = converter.finish()
    assert converter.bad == converter.incomplete == 0
    return count + len(events)


def regular_expressions(data: bytes) -> int:
    """The same with the peer."""
    return sum(len("".join(map(as_line, events))) for events in regex_peer.convert(data))


def ausearch(file: Path, *arguments: str) -> None:
    """The audit project's own reader."""
    subprocess.run(
        ["ausearch", *arguments, "-if", str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True
    )


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of this process and of what it has waited for."""
    started = _used()
    run()
    return _used() - started


def _used() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def use_system_auparse() -> None:
    """auparse is a module of the system's Python, which this environment does not see."""
    directory = Path("/usr/lib/python3/dist-packages")
    sys.path.append(str(directory))
    try:
        import auparse  # noqa: F401
    except ImportError:
        pass
    finally:
        sys.path.remove(str(directory))


def section(targets: list[list[str]], figures: Figures, events: int, size: int) -> str:
    """With its heading."""
    names = list(figures[MEASURE])
    rows = [["", *figures]] + [[name, *(f"{row[name]:,.0f}" for row in figures.values())] for name in names]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return "\n\n".join(
        [
            HEADING,
            "Made by `make bench-audit`; [benchmarks/README.md](../benchmarks/README.md) says how it is measured.",
            "\n".join(f"- {line}" for line in machine()),
            f"{events:,} events of a recorded session, {size / events:.0f} bytes each, by second of CPU time on one "
            f"core, the best of five. `own`, `auparse` and `regular expressions` make the same JSON "
            f"of them; ausearch prints them in its own words. All in one process, which took {peak} MB, the log of "
            f"{size / 1e6:.0f} MB included.",
            table(targets),
            table(rows),
        ]
    )


def write(text: str) -> None:
    """Put the section in the place of the one before, or where it belongs."""
    page = RESULT.read_text()
    head, found, rest = page.partition(f"\n{HEADING}\n")
    if found:
        _, following, tail = rest.partition("\n## ")
    else:
        head, following, tail = page.partition(f"\n{BEFORE}\n")
        following, tail = ("\n## ", f"{BEFORE[3:]}\n{tail}") if following else ("", "")
    RESULT.write_text(f"{head.rstrip()}\n\n{text}\n" + (f"{following}{tail}" if following else ""))


if __name__ == "__main__":
    sys.exit(main())
