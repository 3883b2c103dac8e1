"""Audit records from the kernel's netlink multicast group, which is there beside auditd and without it.

The kernel sends to it in the machine's first network namespace only. systemd opens the socket
(session-recording-audit.socket) and holds it while the service is away, so that what comes meanwhile waits in it.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from recorder.audit.record import Record, from_netlink
from recorder.errors import SessrecError

NETLINK_AUDIT = 9
READLOG = 1
"""AUDIT_NLGRP_READLOG of linux/audit.h."""
BUFFER = 64 << 20
"""Bytes that may wait: some 40,000 system calls."""
BURST = 2000
"""Messages taken in a row."""

_SOL_NETLINK, _ADD_MEMBERSHIP, _DROP_MEMBERSHIP = 270, 1, 2
_SO_RCVBUFFORCE = 33
_LONGEST = 16_384
"""Bytes. MAX_AUDIT_MESSAGE_LENGTH is 8970."""
_HEADER = struct.Struct("=IHHII")
_GET, _ERROR = 1000, 2
"""AUDIT_GET, NLMSG_ERROR."""
_STATUS = struct.Struct("=8I")
"""The beginning of struct audit_status: mask, enabled, failure, pid, rate_limit, backlog_limit, lost, backlog."""


class AuditSourceError(SessrecError):
    """No records come from here; the text says why."""


class NetlinkSource:
    """Records of the group. `descriptor` of a socket that is open already, or a new one. Raises AuditSourceError.

    `seen` is told serial and time of every message, also of those that no event is made of.
    """

    name = "netlink"

    def __init__(self, seen: Callable[[int, float], object], descriptor: int = -1) -> None:
        self.overflowed = False
        """Whether messages were dropped since this was last set to False, because they were not read in time."""
        self._seen = seen
        # The service before this one may have left the group.
        self._joined = descriptor < 0
        try:
            if descriptor >= 0:
                self._socket = socket.socket(fileno=descriptor)
            else:
                self._socket = _bound()
            self._socket.setblocking(False)
        except OSError as error:
            raise AuditSourceError(_reason(error)) from error

    @property
    def descriptor(self) -> int:
        """To be polled."""
        return self._socket.fileno()

    def receive(self) -> list[Record]:
        """What has come, at most BURST messages, as far as an event is made of it."""
        records = []
        receive, seen, unpack = self._socket.recv, self._seen, _HEADER.unpack_from
        for _ in range(BURST):
            try:
                message = receive(_LONGEST)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    self.overflowed = True
                    continue
                break
            if len(message) < _HEADER.size:
                continue
            _, number, *_ = unpack(message)
            payload = message[_HEADER.size :]
            stamp = _stamp(payload)
            if stamp is not None:
                seen(*stamp)
            record = from_netlink(number, payload)
            if record is not None:
                records.append(record)
        return records

    def listen(self, on: bool) -> None:
        """Have records come, or none. Raises AuditSourceError."""
        if on == self._joined:
            return
        try:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP if on else _DROP_MEMBERSHIP, READLOG)
        except OSError as error:
            raise AuditSourceError(_reason(error)) from error
        self._joined = on

    def close(self) -> None:
        """Of this process; systemd keeps its own."""
        self._socket.close()


@dataclass(frozen=True)
class KernelStatus:
    """`auditd` is the process that the kernel sends to, 0 for none; `backlog` are records that wait to be sent."""

    enabled: int
    auditd: int
    lost: int
    backlog: int


def kernel_status() -> KernelStatus | None:
    """What the kernel says of its audit system; None where it does not, as in a container."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_AUDIT) as link:
            link.settimeout(0.2)
            link.send(_HEADER.pack(_HEADER.size, _GET, 1, 1, 0))
            for _ in range(4):
                message = link.recv(_LONGEST)
                _, number, *_ = _HEADER.unpack_from(message)
                if number == _GET:
                    _, enabled, _, pid, _, _, lost, backlog = _STATUS.unpack_from(message, _HEADER.size)
                    return KernelStatus(enabled, pid, lost, backlog)
                if number == _ERROR and int.from_bytes(message[16:20], "little", signed=True):
                    return None
    except (OSError, struct.error):
        pass
    return None


def counts_everything() -> bool:
    """Whether the kernel was started with `audit=1`: it then counts as lost what auditd alone does not get."""
    try:
        with open("/proc/cmdline", "rb") as file:
            words = file.read().split()
    except OSError:
        return False
    return any(word in (b"audit=1", b"audit=on") for word in words)


def _bound() -> socket.socket:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_AUDIT)
    try:
        try:
            link.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        except PermissionError:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        link.bind((0, READLOG))
    except OSError:
        link.close()
        raise
    return link


def _stamp(payload: bytes) -> tuple[int, float] | None:
    """Serial and time of `audit(1700000000.123:4711): ...`, None of what is none."""
    time, _, serial = payload[:48].partition(b"):")[0].partition(b":")
    try:
        return int(serial), float(time.removeprefix(b"audit("))
    except ValueError:
        return None


def _reason(error: OSError) -> str:
    if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
        return "this kernel has no audit, or none for containers"
    if error.errno in (errno.EPERM, errno.EACCES, errno.ECONNREFUSED):
        return "the kernel does not let this container, or this process, read audit records"
    return os.strerror(error.errno or 0)
