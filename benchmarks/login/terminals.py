"""Many sessions at once, each on a terminal that is held here."""

import os
import pty
import select
import signal
import time
from collections.abc import Callable

from benchmarks.login.host import PATIENCE, HostError

_ENVIRONMENT = {"HOME": "/", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "TERM": "xterm", "PS1": "$ "}


class Terminal:
    """One session: `pid` is its first process, `seen` what it has printed."""

    def __init__(self, command: list[str]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execve(command[0], command, _ENVIRONMENT)
            finally:
                os._exit(126)
        os.set_blocking(self.fd, False)
        self.seen = bytearray()
        self.open = True

    def type(self, text: str) -> None:
        """As if at the keyboard."""
        os.write(self.fd, text.encode())

    def close(self) -> None:
        """Hang up. What does not end by that is killed."""
        os.close(self.fd)
        end = time.monotonic() + 5
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.002)


class Terminals:
    """All that are open."""

    def __init__(self) -> None:
        self.all: list[Terminal] = []

    def add(self, command: list[str]) -> Terminal:
        """One more; it has its prompt when this returns."""
        terminal = Terminal(command)
        self.all.append(terminal)
        self.read([terminal], lambda: terminal.seen.endswith(b"$ "))
        return terminal

    def read(self, of: list[Terminal], until: Callable[[], bool]) -> None:
        """Read what these print. Raises HostError where `until` does not come true."""
        end = time.monotonic() + PATIENCE
        poll = select.poll()
        by_descriptor = {terminal.fd: terminal for terminal in of if terminal.open}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        while not until():
            for descriptor, _ in poll.poll(100):
                terminal = by_descriptor[descriptor]
                try:
                    data = os.read(descriptor, 65_536)
                except OSError:
                    data = b""
                if data:
                    terminal.seen += data
                    end = time.monotonic() + PATIENCE
                else:
                    terminal.open = False
                    poll.unregister(descriptor)
            if time.monotonic() > end or not (until() or any(terminal.open for terminal in of)):
                raise HostError(f"a session stands still: {bytes(of[0].seen[-500:])!r}")

    def close(self) -> None:
        """Log out everywhere."""
        try:
            for terminal in self.all:
                if terminal.open:
                    terminal.type("exit\n")
            self.read(self.all, lambda: not any(terminal.open for terminal in self.all))
        finally:
            for terminal in self.all:
                terminal.close()
            self.all.clear()
