"""A terminal without a person: a program on a PTY, typed to key by key, and all that it printed."""

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ptyprocess import PtyProcess  # type: ignore[import-untyped]

from demo.failure import DemoFailed

PATIENCE = 30.0
"""Seconds until something that is waited for is taken as missing."""

KEY = 0.02
"""Seconds from one key to the next: a fast typist, and slow enough to be seen in the playback."""


class Terminal:
    """Runs a program; `printed` is every byte that reached the terminal so far."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        self._process = PtyProcess.spawn(list(argv), cwd=str(directory), env=dict(environment), dimensions=(24, 80))
        self.printed = b""
        self._since = 0

    def type(self, text: str) -> None:
        """Press the keys one after the other."""
        self._since = len(self.printed)
        for key in text:
            self.press(key)

    def press(self, key: str) -> None:
        """Press one key: its bytes arrive at once, as those of an arrow key do."""
        os.write(self._process.fd, key.encode())
        self._read_for(KEY)

    def until(self, text: str) -> None:
        """Read until `text` was printed since the last typing; DemoFailed if it does not come."""
        wanted = text.encode()
        end = time.monotonic() + PATIENCE
        while wanted not in self.printed[self._since :]:
            if not self._read(end - time.monotonic()):
                raise DemoFailed(f"{text!r} did not appear on the terminal, but {self.printed[-200:]!r}")

    def settle(self, quiet: float = 0.4) -> None:
        """Read until nothing was printed for so many seconds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._read(quiet):
            pass

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self._since = len(self.printed)
        self._process.setwinsize(rows, columns)

    def finish(self) -> int:
        """Read to the end of the session; its exit status as a shell has it."""
        end = time.monotonic() + PATIENCE
        while self._read(end - time.monotonic()):
            pass
        if time.monotonic() >= end:
            raise DemoFailed("the session did not end")
        self._process.wait()
        status: int | None = self._process.exitstatus
        return 128 + self._process.signalstatus if status is None else status

    def close(self) -> None:
        """Nothing of the session is left running, however far it came."""
        if not self._process.terminated:
            self._process.kill(signal.SIGHUP)
        self._process.close(force=True)

    def _read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._read(left):
            pass

    def _read(self, seconds: float) -> bool:
        """Whether something was printed within so many seconds."""
        if not select.select([self._process.fd], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self._process.fd, 65_536)
        except OSError:  # EIO: the other side is closed, as Linux says it
            return False
        self.printed += data
        return bool(data)
