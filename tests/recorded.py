"""Runs `sessrec rec` as a user would, on a real PTY or on pipes, and reads back what it recorded."""

import os
import subprocess
import sys
import time
from pathlib import Path

import ptyprocess

from recorder.formats.message import Input, Output, parse

ROOT = Path(__file__).parent.parent
SESSREC = [sys.executable, "-m", "sessrec"]


def environment(home, **variables):
    """A user's environment with data of its own under `home`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        **variables,
    }


class OnTerminal:
    """A process on a PTY whose other side is in the hands of the test."""

    def __init__(self, argv, home, *, size=(24, 80), **variables):
        self.process = ptyprocess.PtyProcess.spawn(argv, dimensions=size, env=environment(home, **variables))
        self.seen = b""

    def until(self, text, timeout=20):
        """Read until `text` was printed; everything printed so far."""
        end = time.monotonic() + timeout
        start = getattr(self, "_searched", 0)
        while text not in self.seen[start:]:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} was not printed within {timeout} s but {self.seen[start:]!r}")
            try:
                self.seen += os.read(self.process.fd, 65_536)
            except OSError as error:
                raise AssertionError(f"the session ended before {text!r}: {self.seen[start:]!r}") from error
        self._searched = self.seen.index(text, start) + len(text)
        return self.seen

    def send(self, data):
        os.write(self.process.fd, data)

    def finish(self):
        """Read to the end; the exit status as a shell has it."""
        chunks = [self.seen]
        while True:
            try:
                data = os.read(self.process.fd, 65_536)
            except OSError:
                break
            if not data:
                break
            chunks.append(data)
        self.seen = b"".join(chunks)
        self.process.wait()
        self.process.close()
        if self.process.signalstatus is not None:
            return 128 + self.process.signalstatus
        return self.process.exitstatus


def record(home, *command, options=(), file=None, size=(24, 80), **variables):
    """Start `sessrec rec` on a terminal, writing to `file` (default: home/rec.jsonl)."""
    path = file or home / "rec.jsonl"
    return OnTerminal([*SESSREC, "rec", "-o", str(path), *options, "--", *command], home, size=size, **variables)


def record_on_pipes(home, *command, options=(), input=b"", **variables):
    """Run `sessrec rec` without a terminal; the completed process."""
    return subprocess.run(
        [*SESSREC, "rec", "-o", str(home / "rec.jsonl"), *options, "--", *command],
        input=input,
        capture_output=True,
        env=environment(home, **variables),
        timeout=60,
    )


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def messages_of(path):
    return [parse(line) for line in lines_of(path)]


def output_of(path):
    return b"".join(p.data for m in messages_of(path) for p in m.packets if isinstance(p, Output))


def input_of(path):
    return b"".join(p.data for m in messages_of(path) for p in m.packets if isinstance(p, Input))


def actions_of(path):
    return [m.event["action"] for m in messages_of(path) if m.event]
