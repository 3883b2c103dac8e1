"""A sink that fails when told to, around a real one."""

import errno
import os

from recorder.sinks.sink import SinkError


class FailingSink:
    """Fails the `at`-th write (counted from 1), and with `times` that many in a row (None: for ever).

    `partial` bytes of the message go to the file at `path` before the failure and are taken back, as a disk that
    fills up does it. `failures` counts the refused writes; `lines` are the messages that were taken.
    """

    def __init__(self, sink=None, *, at=0, times=1, number=errno.ENOSPC, partial=0, payload_limit=65_536):
        self.sink = sink
        self.at = at
        self.times = times
        self.number = number
        self.partial = partial
        self.payload_limit = sink.payload_limit if sink is not None else payload_limit
        self.writes = 0
        self.failures = 0
        self.lines = []
        self.kinds = []
        self.closed = False

    def write(self, parts, *, rec, kind):
        self.writes += 1
        if self.failing:
            self.failures += 1
            if self.partial and self.sink is not None:
                self._write_partially(b"".join(parts))
            raise SinkError(f"made to fail: {os.strerror(self.number)}", self.number)
        if self.sink is not None:
            self.sink.write(parts, rec=rec, kind=kind)
        self.lines.append(b"".join(parts))
        self.kinds.append(kind)

    @property
    def failing(self):
        if not self.at or self.writes < self.at:
            return False
        return self.times is None or self.writes < self.at + self.times

    def close(self):
        self.closed = True
        if self.sink is not None:
            self.sink.close()

    def _write_partially(self, line):
        """Bytes that stood in the file for a moment: a reader that follows it must cope."""
        with open(self.sink.path, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.write(line[: self.partial])
            file.flush()
            file.truncate(end)
