"""The local syslog daemon: RFC 5424 messages on its socket."""

# `socket` itself imports enum and selectors, 8 ms of each login; this is the same module below it.
import _socket as socket
import errno
import os
import time

from recorder.sinks.sink import SinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FACILITIES = {
    "kern": 0,
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    **{f"local{n}": 16 + n for n in range(8)},
}
"""Names of syslog(3) and their numbers, which are those of RFC 5424 section 6.2.1."""

_INFORMATIONAL = 6
_ENTERPRISE = 32_473
"""The number for examples (RFC 5612): nobody else's structured data bears the same name."""


SAFE_PAYLOAD = 1024
"""Bytes. rsyslog as it is installed cuts every message at 8 KiB without a word ($MaxMessageSize), and a byte of the
terminal takes up to six in JSON."""


class SyslogSink:
    """Sends each message as one RFC 5424 message: APP-NAME sessrec, MSGID io or event.

    The recording's id is structured data, `[sessrec@32473 rec="…"]`. The message is JSON in UTF-8 without the byte
    order mark of RFC 5424: RFC 8259 forbids one before JSON, and syslog daemons pass it on.

    The socket at `path` may be of datagrams (rsyslog, journald) or a stream (some syslog-ng), where a NUL ends
    each message as with syslog(3). `now`: seconds since 1970, for the header. A daemon that is gone or stopped is
    a SinkError, never a wait; one that is back is found at the next message.

    `payload_limit`: more than the default is for a daemon that was told to take longer messages.
    """

    def __init__(
        self,
        path: str = "/dev/log",
        facility: str = "authpriv",
        *,
        payload_limit: int = SAFE_PAYLOAD,
        now: "Callable[[], float]" = time.time,
    ) -> None:
        if facility not in FACILITIES:
            raise SinkError(f"{facility!r} is not a syslog facility: one of {', '.join(FACILITIES)}", errno.EINVAL)
        self.path = path
        self.payload_limit = payload_limit
        self._priority = FACILITIES[facility] * 8 + _INFORMATIONAL
        self._now = now
        self._host = _header_text(os.uname().nodename, 255)
        self._socket: socket.socket | None = None
        self._is_stream = False
        # Of a message that a stream took in part: its parts, and the bytes that are still to come.
        self._torn: tuple[bytes, ...] = ()
        self._rest = b""

    def write(self, parts: "Sequence[bytes]", *, rec: str, kind: str) -> None:
        """One message; SinkError when the daemon did not take it."""
        try:
            if self._rest and self._finish_torn(parts):
                return
            line = b"".join(parts)
            self._send(self._header(rec, kind) + line[:-1], parts)
        except OSError as error:
            raise SinkError(f"syslog at {self.path}: {error.strerror or error}", error.errno or 0) from error

    def close(self) -> None:
        """Close the connection."""
        self._disconnect()

    def _header(self, rec: str, kind: str) -> bytes:
        now = self._now()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        quoted = rec.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
        text = (
            f"<{self._priority}>1 {moment}.{int(now % 1 * 1_000_000):06d}Z {self._host} sessrec {os.getpid()} "
            f'{_header_text(kind, 32)} [sessrec@{_ENTERPRISE} rec="{quoted}"] '
        )
        return text.encode(errors="replace")

    def _send(self, data: bytes, parts: "Sequence[bytes]") -> None:
        fresh = self._socket is None
        try:
            self._send_once(data, parts)
        except OSError as error:
            if fresh or error.errno not in _GONE:
                raise
            # The daemon that was connected is no more; perhaps another listens at the same path.
            self._send_once(data, parts)

    def _send_once(self, data: bytes, parts: "Sequence[bytes]") -> None:
        connection = self._connected()
        if self._is_stream:
            data += b"\0"
        try:
            sent = connection.send(data, socket.MSG_NOSIGNAL)
        except OSError as error:
            if error.errno in _GONE:
                self._disconnect()
            raise
        if sent < len(data):
            self._torn = tuple(parts)
            self._rest = data[sent:]
            self._send_rest()

    def _finish_torn(self, parts: "Sequence[bytes]") -> bool:
        """Bring the half message to its end first; True when `parts` are that message."""
        torn = b"".join(self._torn)
        try:
            self._send_rest()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return False
        return torn == b"".join(parts)

    def _send_rest(self) -> None:
        connection = self._connected()
        try:
            while self._rest:
                self._rest = self._rest[connection.send(self._rest, socket.MSG_NOSIGNAL) :]
        except OSError as error:
            if error.errno in _GONE:
                self._disconnect()
            raise
        self._torn = ()

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        try:
            self._socket = _connect(self.path, socket.SOCK_DGRAM)
            self._is_stream = False
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            self._socket = _connect(self.path, socket.SOCK_STREAM)
            self._is_stream = True
        return self._socket

    def _disconnect(self) -> None:
        # With the connection goes what was half sent: the daemon throws it away, and the whole is sent again.
        self._torn, self._rest = (), b""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


_GONE = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE, errno.ENOENT)


def _connect(path: str, kind: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _header_text(text: str, length: int) -> str:
    """Printable ASCII without spaces, as header fields must be (RFC 5424 section 6)."""
    return "".join(char if "!" <= char <= "~" else "_" for char in text)[:length] or "-"
