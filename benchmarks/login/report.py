"""The result as a table on the terminal and as a section of docs/benchmarks.md."""

from benchmarks.login.targets import TARGETS
from benchmarks.recorder.report import Outcome, figure_rows, machine, show, table, target_rows
from benchmarks.recorder.report import outcome as outcome_of
from benchmarks.recorder.targets import Figures

HEADING = "\n## Logins\n"

__all__ = ["HEADING", "outcome", "section", "show"]


def outcome(figures: Figures) -> Outcome:
    """The targets beside what was measured."""
    return outcome_of(figures, {}, TARGETS)


def section(outcome: Outcome, figures: Figures) -> str:
    """With its heading, to the end of the page."""
    missed = [target for target, value in outcome if value is not None and not target.met(value)]
    parts = [
        HEADING.rstrip("\n"),
        "Made by `make bench-login`; [benchmarks/README.md](../benchmarks/README.md) says how it is measured.",
        "\n".join(f"- {line}" for line in machine()),
        table(target_rows(outcome)),
        *(f"**{target.measure}**: {target.reason or 'not explained yet.'}" for target in missed),
        "The best of the repetitions.",
        table(figure_rows(figures)),
    ]
    return "\n\n".join(parts) + "\n"
