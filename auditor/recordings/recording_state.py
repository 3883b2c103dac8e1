"""Whether a recording still runs, has ended, or broke off."""

import os
import time
from enum import StrEnum
from pathlib import Path

from auditor.recordings.store import Facts

RECENT = 60.0
"""Seconds without a message after which one whose process cannot be looked at is no longer taken for live."""

ENDING = 5.0
"""Seconds that the recorder may take to mark the end after the recorded process is gone."""

CLOCK_TOLERANCE = 10.0
"""Seconds between the start of a process and that of its recording, and between two readings of the clock."""


class State(StrEnum):
    """Of a recording. OPEN: nothing marks its end, as tlog's recordings have none. BROKEN: one of ours without its
    end. INCOMPLETE: messages are missing inside."""

    LIVE = "live"
    ENDED = "ended"
    OPEN = "open"
    BROKEN = "broken end"
    INCOMPLETE = "incomplete"


def recording_state(facts: Facts, now: float | None = None) -> State:
    """The state of a recording, seen from this machine at `now` (seconds since 1970; default: now)."""
    if not facts.ended and _runs(facts, time.time() if now is None else now):
        return State.LIVE
    if facts.missing:
        return State.INCOMPLETE
    if facts.ended:
        return State.ENDED
    return State.BROKEN if facts.marked else State.OPEN


def _runs(facts: Facts, now: float) -> bool:
    if facts.pid and facts.host == os.uname().nodename:
        started = _process_start(facts.pid)
        if started is not None:
            return abs(started - facts.start) < CLOCK_TOLERANCE
        return facts.finish > now - ENDING
    return facts.finish > now - RECENT


def _process_start(pid: int) -> float | None:
    """Seconds since 1970 at which a running process began, from proc_pid_stat(5); None without such a process."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        ticks = int(after_name[19])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
