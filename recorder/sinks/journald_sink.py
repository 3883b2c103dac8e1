"""The systemd journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

journald adds fields of its own that prove the origin (`_UID`, `_SYSTEMD_UNIT`). What it takes it may still drop:
its rate limit (RateLimitBurst=, journald.conf(5)) counts messages per unit and answers nothing. The seal shows
such a gap.
"""

# `socket` itself imports enum and selectors, 8 ms of each login; this is the same module below it.
import _socket as socket
import errno
import os
import sys
from time import monotonic, sleep

from recorder.sinks.sink import SinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SOCKET = "/run/systemd/journal/socket"

_SEALS = 0xF
"""F_SEAL_SEAL, SHRINK, GROW and WRITE of linux/fcntl.h: journald reads only what can no longer change."""

_F_ADD_SEALS = 1033

_SIOCOUTQ = 0x5411
"""unix(7): how much of what a socket has sent nobody has received yet."""
_SEEN = 0.1
"""Seconds in which a journald that is not stuck has received what was sent."""
_LOOKED_UP = 0.003
"""Seconds that it may take from there to /proc."""


class JournaldSink:
    """Sends each message as one journal entry.

    Fields: MESSAGE (the line without its newline), PRIORITY=6, SYSLOG_IDENTIFIER=sessrec, SESSREC_REC (the
    recording's id) and SESSREC_TYPE (io or event). `namespace`: a journal namespace (systemd-journald.service(8)),
    else the system's journal. An entry too large for a datagram, or in too many parts, goes as a sealed memory file.

    Holds no connection: each entry is sent to the socket's path, so a journald that was started again is found.
    A stopped journald is a SinkError, never a wait.
    """

    payload_limit = 65_536

    def __init__(self, namespace: str | None = None, socket_path: str | None = None) -> None:
        if namespace is not None and not _is_namespace(namespace):
            raise SinkError(f"{namespace!r} is not a journal namespace: use letters, digits, - and _", errno.EINVAL)
        self.path = socket_path or (f"/run/systemd/journal.{namespace}/socket" if namespace else _SOCKET)
        try:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        except OSError as error:
            raise SinkError(f"no socket for journald: {error.strerror}", error.errno or 0) from error
        self._header = b""
        self._header_of = ("", "")

    def write(self, parts: "Sequence[bytes]", *, rec: str, kind: str) -> None:
        """One entry; SinkError when journald did not take it."""
        if (rec, kind) != self._header_of:
            self._header = _fields(rec, kind)
            self._header_of = (rec, kind)
        length = sum(map(len, parts)) - 1
        # The line's own newline ends the field.
        entry = (self._header, length.to_bytes(8, "little"), *parts)
        try:
            self.send(entry)
        except OSError as error:
            raise SinkError(f"journald at {self.path}: {error.strerror or error}", error.errno or 0) from error

    def close(self) -> None:
        """Nothing is held back that could be lost here; but journald is given the time to see who has sent it.

        It reads _SYSTEMD_UNIT and the like in /proc, where there is nothing of a process that has gone.
        """
        until = monotonic() + _SEEN
        while monotonic() < until:
            if not _unread(self._socket.fileno()):
                sleep(_LOOKED_UP)
                break
            sleep(0.001)
        self._socket.close()

    def send(self, entry: "Sequence[bytes]") -> None:
        """An entry in the form of the protocol, in parts; OSError when journald did not take it."""
        flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        try:
            self._socket.sendmsg(entry, (), flags, self.path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            fd = _sealed_file(b"".join(entry))
            try:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))
                self._socket.sendmsg((), (rights,), flags, self.path)
            finally:
                os.close(fd)


def _fields(rec: str, kind: str) -> bytes:
    """All fields up to the name of the last one, whose length and value follow."""
    return (
        b"PRIORITY=6\nSYSLOG_IDENTIFIER=sessrec\n"
        + field(b"SESSREC_REC", rec.encode(errors="replace"))
        + field(b"SESSREC_TYPE", kind.encode(errors="replace"))
        + b"MESSAGE\n"
    )


def field(name: bytes, value: bytes) -> bytes:
    """A field in the form of the protocol."""
    if b"\n" in value:
        return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return name + b"=" + value + b"\n"


def _unread(descriptor: int) -> bool:
    import fcntl

    try:
        return fcntl.ioctl(descriptor, _SIOCOUTQ, bytes(4)) != bytes(4)
    except OSError:
        return False


def _sealed_file(data: bytes) -> int:
    import fcntl

    fd = os.memfd_create("sessrec", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        fcntl.fcntl(fd, _F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _is_namespace(name: str) -> bool:
    return 0 < len(name) <= 200 and name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
