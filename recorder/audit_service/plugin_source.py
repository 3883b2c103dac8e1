"""Audit records from auditd, by its plugin (plugin.py): lines as in its log, over a socket of ours."""

import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from recorder.audit.record import MAX_LINE, Record, parse_lines
from recorder.audit_service.netlink_source import AuditSourceError
from recorder.audit_service.plugin import LOST
from recorder.logins.login_peer import credentials

CHUNK = 1 << 18
_BUFFER = 1 << 22
_STAMP = re.compile(rb"^(?:node=\S+ )?type=(?!DAEMON_)\S+ msg=audit\((\d+\.\d+):(\d+)\)", re.MULTILINE)
"""Records of auditd itself are numbered by itself."""


class PluginSource:
    """Listens at `path`, where only root may connect. Raises AuditSourceError.

    `seen` is told serial and time of every record, also of those that no event is made of.
    """

    name = "auditd"

    def __init__(self, path: Path, seen: Callable[[int, float], object]) -> None:
        self.dropped = 0
        """Records that the plugin had to drop while nobody was here, since this was last set to 0."""
        self._seen = seen
        self._rest: dict[int, tuple[socket.socket, bytes]] = {}
        try:
            path.unlink(missing_ok=True)
            self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            mask = os.umask(0o177)
            try:
                self.listening.bind(str(path))
            finally:
                os.umask(mask)
            self.listening.listen(4)
        except OSError as error:
            raise AuditSourceError(f"cannot listen at {path}: {error.strerror}") from error

    @property
    def connected(self) -> list[int]:
        """The descriptors of plugins, to be polled. A new auditd may come before the old one has gone."""
        return list(self._rest)

    def accept(self) -> int:
        """The descriptor of a plugin that has connected; -1 for none."""
        try:
            connection, _ = self.listening.accept()
        except OSError:
            return -1
        if credentials(connection)[1] != 0:
            connection.close()
            return -1
        connection.setblocking(False)
        self._rest[connection.fileno()] = connection, b""
        return connection.fileno()

    def receive(self, descriptor: int) -> list[Record] | None:
        """What one has sent, as far as an event is made of it; None when it has gone."""
        connection, rest = self._rest[descriptor]
        try:
            data = connection.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            del self._rest[descriptor]
            connection.close()
            return None
        whole, _, rest = (rest + data).rpartition(b"\n")
        self._rest[descriptor] = connection, rest if len(rest) <= MAX_LINE else b""
        for time, serial in _STAMP.findall(whole):
            self._seen(int(serial), float(time))
        if LOST in whole:
            self.dropped += sum(int(count) for count in re.findall(rb"^%b (\d+)$" % re.escape(LOST), whole, re.M))
            whole = re.sub(rb"^%b \d+\n?" % re.escape(LOST), b"", whole, flags=re.M)
        records, bad = parse_lines(whole.decode(errors="backslashreplace"))
        if bad:
            sys.stderr.write(f"{bad} lines of auditd are no audit records and were left out\n")
        return records

    def close(self) -> None:
        """Plugins keep what they have, and connect again."""
        self.listening.close()
        for connection, _ in self._rest.values():
            connection.close()
        self._rest.clear()
