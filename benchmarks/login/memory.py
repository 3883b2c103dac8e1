"""What processes take: memory of which each page counts once over all that share it, and processor time."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """In kB. `pss` shares every page out among those that map it; `private` is mapped by nobody else."""

    pss: float
    private: float


def of(pids: Iterable[int]) -> Memory:
    """All of them together."""
    pss = private = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            words = line.split()
            if words[0] == "Pss:":
                pss += int(words[1])
            elif words[0] in ("Private_Clean:", "Private_Dirty:"):
                private += int(words[1])
    return Memory(pss, private)


def kernel(pids: Iterable[int]) -> float:
    """kB of page tables, which is what a process costs beside its memory, and which no PSS has."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmPTE:"):
                total += int(line.split()[1])
    return total


def cpu(pid: int, *, children: bool = True) -> float:
    """Seconds of a process, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15] if children else fields[11:13])) / _TICKS
