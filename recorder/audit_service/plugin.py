"""The plugin of auditd: hands what auditd writes to its standard input on to the audit service.

It keeps what comes while the service is away, up to a bound, and says afterwards how much it had to drop. It ends
with auditd. auditd starts it as root, and again when it has ended. auditd's own af_unix plugin would hold one
connection of one program, drop what comes while nobody is connected, and be taken where another program has it.
"""

import os
import select
import signal
import socket
from collections import deque

PATH = "/run/session-recording/audit-records.socket"
BOUND = 16 << 20
"""Bytes that are kept."""
RETRY = 0.5
"""Seconds between two tries to connect."""
LOST = b"session-recording-lost"
"""Begins the line that says how many records were dropped."""
CHUNK = 1 << 16


class Waiting:
    """Whole lines that wait for the service, of at most `bound` bytes. The oldest stay, others are counted."""

    def __init__(self, bound: int = BOUND) -> None:
        self.dropped = 0
        self._bound = bound
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, lines: bytes) -> None:
        """Whole lines, with their ends."""
        if self._size + len(lines) > self._bound:
            self.dropped += lines.count(b"\n")
            return
        self._pieces.append(lines)
        self._size += len(lines)

    def next(self) -> bytes:
        """What is to be sent next."""
        return self._pieces[0]

    def sent(self, count: int) -> None:
        """So many bytes of it were."""
        piece = self._pieces.popleft()
        self._size -= count
        if count < len(piece):
            self._pieces.appendleft(piece[count:])
        elif self.dropped and not self._pieces:
            self.add(b"%b %d\n" % (LOST, self.dropped))
            self.dropped = 0

    def disconnected(self, partly: bool) -> None:
        """Of a line that was sent in part the rest is of no use to another connection."""
        if partly and self._pieces:
            piece = self._pieces.popleft()
            rest = piece.partition(b"\n")[2]
            self._size -= len(piece) - len(rest)
            self.dropped += 1
            if rest:
                self._pieces.appendleft(rest)


def main(path: str = PATH, source: int = 0) -> int:
    """Hand on until auditd closes its end."""
    # auditd sends both, and what it has written before is to arrive all the same.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.set_blocking(source, False)
    waiting, rest, connection = Waiting(), b"", None
    partly = ended = False
    while not ended or (waiting and connection is not None):
        if connection is None:
            connection = _connected(path)
        watched: list[socket.socket | int] = [] if ended else [source]
        writable = [connection] if connection is not None and waiting else []
        if connection is not None:
            watched.append(connection)
        ready, free, _ = select.select(watched, writable, [], RETRY if connection is None else None)
        if source in ready:
            data = os.read(source, CHUNK)
            ended = not data
            whole, newline, rest = (rest + data).rpartition(b"\n")
            if newline:
                waiting.add(whole + newline)
        if connection is None:
            continue
        try:
            if connection in ready and not connection.recv(16):
                raise ConnectionResetError
            if free:
                piece = waiting.next()
                count = connection.send(piece)
                partly = not piece[:count].endswith(b"\n")
                waiting.sent(count)
        except BlockingIOError:
            pass
        except OSError:
            connection.close()
            connection = None
            waiting.disconnected(partly)
            partly = False
    return 0


def _connected(path: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    connection.setblocking(False)
    return connection
