"""Who is at the other end of a connection: from the kernel, never from what is said."""

import os
import socket
import stat
import struct
import sys
from dataclasses import dataclass
from select import POLLIN, poll

from recorder.capture.session import UNSET_SESSION
from recorder.errors import SessrecError
from recorder.logins.process_status import status_of

_SO_PEERPIDFD = 77
"""asm-generic/socket.h, Linux 6.5."""
_CREDENTIALS = struct.Struct("iII")


class PeerError(SessrecError):
    """It cannot be known who that is, most likely because he has gone."""


@dataclass(frozen=True)
class Peer:
    """The process that has connected. `pidfd` holds on to it; `auid` and `session` are the kernel's login uid and
    audit session id; `terminal` is the device number of its controlling terminal, of its parent's if it has none and
    root is its parent (`su -c` begins a session without one), and 0 where there is none.
    """

    pid: int
    uid: int
    gid: int
    pidfd: int
    auid: int
    session: int
    terminal: int

    def owns(self, descriptor: int) -> bool:
        """Whether a descriptor is the terminal that this process has anyway."""
        try:
            status = os.fstat(descriptor)
        except OSError:
            return False
        return stat.S_ISCHR(status.st_mode) and status.st_rdev == self.terminal != 0 and os.isatty(descriptor)


def credentials(connection: socket.socket) -> tuple[int, int, int]:
    """Process id, effective uid and gid of who has connected, at that time."""
    pid, uid, gid = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return pid, uid, gid


def peer_of(connection: socket.socket) -> Peer:
    """All that is asked of the process that has connected. Raises PeerError."""
    pid, uid, gid = credentials(connection)
    try:
        pidfd = _pidfd(connection, pid)
        peer = Peer(
            pid=pid,
            uid=uid,
            gid=gid,
            pidfd=pidfd,
            auid=_number(pid, "loginuid"),
            session=_number(pid, "sessionid"),
            terminal=terminal_of(pid),
        )
    except (OSError, ValueError) as error:
        raise PeerError(f"process {pid} has gone: {error}") from error
    # As long as it has not ended, its number was nobody else's.
    alive = poll()
    alive.register(pidfd, POLLIN)
    if alive.poll(0):
        raise PeerError(f"process {pid} has ended")
    return peer


def terminal_of(pid: int) -> int:
    """As `Peer.terminal`. Raises OSError and ValueError where the process has gone."""
    status = status_of(pid)
    if not status.terminal and _is_root(status.parent):
        return status_of(status.parent).terminal
    return status.terminal


def _pidfd(connection: socket.socket, pid: int) -> int:
    try:
        return int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4), sys.byteorder)
    except OSError:
        return os.pidfd_open(pid)


def _is_root(pid: int) -> bool:
    return pid > 0 and os.stat(f"/proc/{pid}").st_uid == 0


def _number(pid: int, name: str) -> int:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return int(file.read())
    except FileNotFoundError:
        # A kernel without auditing.
        return UNSET_SESSION
