"""A journald of a namespace of its own; its socket is held here, as systemd holds it: it outlives journald."""

import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

_JOURNALD = "/usr/lib/systemd/systemd-journald"
_SETTINGS = """[Journal]
Audit=
Storage=volatile
RuntimeMaxUse=2G
RateLimitIntervalSec=0
RateLimitBurst=0
"""
_START = 'exec 3<&"$1"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$2" "$3"'
_PASSED_ON = 33
"""SO_RCVBUFFORCE of asm/socket.h."""
_WAITING = 8 * 1024 * 1024
"""Bytes that may wait in the socket, as systemd-journald.socket has it."""

_LOOK = 0.05
"""Seconds between two looks whether journald is there for what waits for it."""


class Journald:
    """In a journal namespace that stands in the place of the system's journal; for a private /run.

    One of a namespace ends when it has had nothing to do for half a minute; a thread here starts it again with the
    next message, as systemd does.
    """

    namespace = "soak"

    def __init__(self) -> None:
        directory = Path(f"/run/systemd/journal.{self.namespace}")
        settings = Path(f"/run/systemd/journald@{self.namespace}.conf.d")
        for path in (directory, settings, Path("/run/log/journal")):
            path.mkdir(parents=True)
        (settings / "soak.conf").write_text(_SETTINGS)
        Path("/run/systemd/journal").symlink_to(directory.name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _PASSED_ON, _WAITING)
        self._socket.bind(str(directory / "socket"))
        (directory / "socket").chmod(0o666)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._away = True
        threading.Thread(target=self._keep, name="journald", daemon=True).start()

    def start(self) -> None:
        """Start it, again if need be."""
        with self._lock:
            self._away = False
            self._start()

    def send(self, number: int) -> None:
        """A signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """As a crash does; it is away until `start`."""
        with self._lock:
            self._away = True
            self.send(signal.SIGKILL)
            if self._process is not None:
                self._process.wait()

    def _start(self) -> None:
        held = self._socket.fileno()
        self._process = subprocess.Popen(
            ["sh", "-c", _START, "sh", str(held), _JOURNALD, self.namespace],
            pass_fds=[held],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _keep(self) -> None:
        while True:
            select.select([self._socket], [], [])
            with self._lock:
                if not self._away and self._process is not None and self._process.poll() is not None:
                    self._start()
            time.sleep(_LOOK)
