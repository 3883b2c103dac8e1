"""The result as a table on the terminal and as docs/benchmarks.md."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.recorder.targets import TARGETS, Figures, Target
from recorder.capture.session import VERSION

Outcome = list[tuple[Target, float | None]]
"""Every target with the value that was measured, None where it was not."""


def outcome(figures: Figures, reading: Mapping[str, float], targets: Sequence[Target] = TARGETS) -> Outcome:
    """The targets beside what was measured; `reading` are the figures of the auditor's half."""
    known = {**figures, **{measure: {"sessrec": value} for measure, value in reading.items()}}
    found: Outcome = []
    for target in targets:
        try:
            found.append((target, target.value(known)))
        except KeyError:
            found.append((target, None))
    return found


def show(console: Console, outcome: Outcome, figures: Figures) -> None:
    """Both tables."""
    for title, rows in (("targets", target_rows(outcome)), ("figures", figure_rows(figures))):
        if len(rows) < 2:
            continue
        shown = Table(title=title, title_justify="left")
        for index, heading in enumerate(rows[0]):
            shown.add_column(heading, justify="left" if index == 0 else "right", no_wrap=index > 0)
        for row in rows[1:]:
            shown.add_row(*row)
        console.print(shown)


def markdown(outcome: Outcome, figures: Figures) -> str:
    """The page docs/benchmarks.md."""
    missed = [target for target, value in outcome if value is not None and not target.met(value)]
    parts = [
        "# Benchmarks",
        "Made by `make bench`; [benchmarks/README.md](../benchmarks/README.md) says how it is measured.",
        "\n".join(f"- {line}" for line in machine()),
        "## Targets",
        table(target_rows(outcome)),
        *(f"**{target.measure}**: {target.reason or 'not explained yet.'}" for target in missed),
        "## Figures",
        "The best of the repetitions. CPU is the recorder's own, without that of what it records.",
        table(figure_rows(figures)),
    ]
    return "\n\n".join(parts) + "\n"


def target_rows(outcome: Outcome) -> list[list[str]]:
    """Measure, bound, result and verdict, under a row of headings."""
    rows = [["measure", "target", "result", ""]]
    for target, value in outcome:
        asked = f"{target.sense} {target.bound:g} {target.unit}".strip()
        result = "not measured" if value is None else f"{_number(value)} {target.unit}".strip()
        verdict = "" if value is None else "met" if target.met(value) else "missed"
        rows.append([target.measure, asked, result, verdict])
    return rows


def figure_rows(figures: Figures) -> list[list[str]]:
    """A column for each candidate."""
    names = list(dict.fromkeys(name for row in figures.values() for name in row))
    rows = [["measure", *names]]
    for measure, row in figures.items():
        rows.append([measure, *(_number(row[name]) if name in row else "" for name in names)])
    return rows


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: list[list[str]]) -> str:
    """In Markdown."""
    ruled = [rows[0], ["---", *["---:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in ruled)


def machine() -> list[str]:
    """When and on what this was measured, and of which versions."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = names[0].partition(":")[2].strip() if names else platform.machine()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        time.strftime("%Y-%m-%d"),
        f"{os.cpu_count()} × {processor}, Linux {platform.release().partition('-')[0]}, load {load}",
        f"sessrec {VERSION} on Python {platform.python_version()}, {_version('tlog-rec')}, {_version('script')}",
    ]


def _version(program: str) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return f"no {program}"
    return (done.stdout or done.stderr).splitlines()[0].strip()
