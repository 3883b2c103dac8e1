"""Processes that journald takes for those of a unit of systemd's: in its control group, without systemd."""

import contextlib
import multiprocessing
import os
from pathlib import Path

SLICE = "system.slice"


class Unit:
    """A unit's control groups, in each hierarchy that journald may look at."""

    def __init__(self, name):
        self._groups = [root / SLICE / name for root in _roots()]

    def run(self, function, *arguments):
        """Run it in a process of the unit."""
        self.start(function, *arguments)()

    def start(self, function, *arguments):
        """The same without waiting for it, which what is returned does."""
        process = multiprocessing.get_context("fork").Process(target=self._inside, args=(function, *arguments))
        process.start()

        def joined():
            process.join(60)
            assert process.exitcode == 0

        return joined

    def _inside(self, function, *arguments):
        for group in self._groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))
        function(*arguments)

    def make(self):
        for group in self._groups:
            group.mkdir(parents=True, exist_ok=True)

    def remove(self):
        for group in self._groups:
            for directory in (group, group.parent):
                with contextlib.suppress(OSError):  # the slice may have others
                    directory.rmdir()


@contextlib.contextmanager
def unit(name):
    """A unit of this name."""
    made = Unit(name)
    made.make()
    try:
        yield made
    finally:
        made.remove()


def _roots():
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            yield Path(place)
