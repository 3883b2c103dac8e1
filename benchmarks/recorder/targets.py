"""What is asked for, measure by measure, and the reason where it cannot be had."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Figures = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Target:
    """`value(figures)` is to be at most, or at least, `bound`; KeyError: it was not measured.

    `reason` stands beside the figure where the target is missed: what the profile shows.
    """

    measure: str
    value: Callable[[Figures], float]
    sense: Literal["at most", "at least"]
    bound: float
    unit: str = ""
    reason: str = ""

    def met(self, value: float) -> bool:
        """Whether `value` is as good as asked for."""
        return value <= self.bound if self.sense == "at most" else value >= self.bound


def _by_tlog(measure: str, base: str | None = None) -> Callable[[Figures], float]:
    """Ours by tlog's, each less that of the candidate `base`."""

    def ratio(figures: Figures) -> float:
        row = figures[measure]
        zero = row[base] if base else 0.0
        return (row["sessrec"] - zero) / max(row["tlog"] - zero, 1e-9)

    return ratio


def _ours(measure: str) -> Callable[[Figures], float]:
    return lambda figures: figures[measure]["sessrec"]


TARGETS = [
    Target("CPU by tlog's, 200 MB ASCII", _by_tlog("CPU s, ascii"), "at most", 0.35),
    Target("CPU by tlog's, 50 MB CJK and colour", _by_tlog("CPU s, cjk"), "at most", 0.6),
    Target("CPU by tlog's, 5 MB random bytes", _by_tlog("CPU s, random"), "at most", 0.7),
    Target("recording's size by the data's, ASCII", _ours("size ratio, ascii"), "at most", 1.02),
    Target("recording's size by the data's, CJK and colour", _ours("size ratio, cjk"), "at most", 1.39),
    Target("recording's size by the data's, random bytes", _ours("size ratio, random"), "at most", 3.6),
    Target("echo p50 over bare by tlog's", _by_tlog("echo p50, µs", "bare"), "at most", 1.5),
    Target("start of `rec -- true` by tlog's", _by_tlog("start of true, ms"), "at most", 4),
    Target("ingest", _ours("ingest"), "at least", 5, "MB/s"),
    Target("screen, ls.raw", _ours("screen ls.raw"), "at least", 6, "MB/s"),
    Target("screen, vim.raw", _ours("screen vim.raw"), "at least", 2, "MB/s"),
    Target("search over 1,000 recordings, 1 GB", _ours("search"), "at most", 100, "ms"),
]
