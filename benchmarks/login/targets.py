"""What is asked of a login, measure by measure, and the reason where it cannot be had."""

from collections.abc import Callable

from benchmarks.recorder.targets import Figures, Target


def _ratio(measure: str, to: str, base: str | None = None) -> Callable[[Figures], float]:
    """Ours by another's, each less what the bare way takes."""

    def value(figures: Figures) -> float:
        row = figures[measure]
        zero = row[base] if base else 0.0
        return (row["sessrec"] - zero) / max(row[to] - zero, 1e-9)

    return value


def _over_bare(measure: str, way: str) -> Callable[[Figures], float]:
    return lambda figures: figures[measure][way] - figures[measure]["bare"]


_START = (
    "of the time to the prompt 6 ms are the start of the interpreter, 4 ms the service's answer and 3 ms the shell's "
    "/etc/profile; where it records, the terminal, the description and the first message take 2 to 3 ms more."
)
TARGETS = [
    Target(
        "login to prompt, recorded, by tlog's", _ratio("login to prompt, ms", "tlog"), "at most", 1.5, reason=_START
    ),
    Target(
        "login to prompt, not recorded, over bare",
        _over_bare("login to prompt, ms", "not recorded"),
        "at most",
        25,
        "ms",
    ),
    Target("PAM hook", lambda figures: figures["PAM hook, ms"]["sessrec"], "at most", 50, "ms"),
    Target("echo p50 over bare by tlog's", _ratio("echo p50, µs", "tlog", "bare"), "at most", 1.5),
    Target(
        "PSS of a session by tlog's, 20 idle",
        _ratio("PSS of a session, 20 idle, kB", "tlog"),
        "at most",
        0.9,
    ),
    Target(
        "PSS of a session by tlog's, 200 idle",
        _ratio("PSS of a session, 200 idle, kB", "tlog"),
        "at most",
        0.9,
    ),
    Target("transfer in by bare", _ratio("transfer in, s", "bare"), "at most", 1.05),
    Target("transfer out by bare", _ratio("transfer out, s", "bare"), "at most", 1.05),
]
