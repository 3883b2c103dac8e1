"""Events on their way to the workers of sessions: in order, a few at a time, and never more than a bound of them.

A worker takes a packet of events between two turns of its copy loop, and answers. Only then the next is sent: what a
session does with its terminal waits for one packet at most. Nothing here waits for a worker.
"""

import json
import socket
from collections import deque
from contextlib import suppress
from typing import Any

from recorder.audit.event import AuditEvent

PACKET = 60_000
"""Bytes of events in a packet, which a worker takes up to 65,536 of."""
TOGETHER = 24
"""Events in a packet: some milliseconds of the worker's time."""
BOUND = 16 << 20
"""Bytes that may wait for one recording; further events are counted, and told as lost."""
_HEAD, _TAIL = b'{"ask":"events","events":[', b"]}"

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Delivery:
    """What goes to one recording, whose worker listens at `path`."""

    def __init__(self, path: str, bound: int = BOUND) -> None:
        self.delivered = 0
        self.refused = False
        """Whether the worker is of a version that takes none."""
        self.lost = 0
        """Events that found no room and are not told of yet."""
        self.due = 0.0
        """Monotonic time of the next packet."""
        self._path = path
        self._bound = bound
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._sent = 0
        self._connection: socket.socket | None = None
        self._last = False

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    @property
    def descriptor(self) -> int:
        """Of the connection, to be polled for the answer; -1 without one."""
        return -1 if self._connection is None else self._connection.fileno()

    @property
    def lowest(self) -> int:
        """The serial of the first event that waits, 0 for none."""
        return next((serial for serial, _ in self._waiting if serial), 0)

    def add(self, event: AuditEvent) -> None:
        """One more."""
        data = packed(event)
        if self._size + len(data) > self._bound:
            self.lost += 1
            return
        self._waiting.append((event.serial, data))
        self._size += len(data)

    def last(self, connection: socket.socket) -> None:
        """The session is over, and its worker takes what is left here."""
        if self._connection is not None:
            # It has not been read: whoever served it has closed it, or is the one who asks now.
            self._connection.close()
        self._sent = 0
        self._connection = connection
        self._last = True

    def say_last(self) -> None:
        """Tell the worker of a session that is over that it has all."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.send(b'{"last":true}')

    def send(self) -> bool:
        """Send a packet if that can be done; False: nobody is there any more."""
        if self._sent or not self._waiting:
            return True
        try:
            if self._connection is None:
                self._connection = _connected(self._path)
            packet, count = self._packet()
            self._connection.send(packet)
            self._sent = count
        except BlockingIOError:
            return True
        except OSError:
            self.close()
            return False
        return True

    def answered(self) -> bool:
        """Take the answer; False: the connection ended without one, so that nothing of the packet was written."""
        assert self._connection is not None
        try:
            said = json.loads(self._connection.recv(1024) or b"null")
        except BlockingIOError:
            return True
        except (OSError, ValueError):
            said = None
        if not isinstance(said, dict):
            self.close()
            return False
        if "taken" not in said:
            self.refused = True
        for _ in range(self._sent):
            _, data = self._waiting.popleft()
            self._size -= len(data)
            self.delivered += 1
        self._sent = 0
        if not self._last and not self._waiting:
            # A session can sleep only while nobody is connected.
            self.close()
        return True

    def left(self) -> list[dict[str, Any]]:
        """What was not taken, as `packed` has it, and nothing more of it here."""
        left = [json.loads(data) for _, data in self._waiting]
        self._waiting.clear()
        self._size = 0
        return left

    def close(self) -> None:
        """The connection. What waits stays."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._sent = 0

    def _packet(self) -> tuple[bytes, int]:
        size, events = 0, list[bytes]()
        for _, data in self._waiting:
            size += len(data) + 1
            if events and (size > PACKET or len(events) == TOGETHER):
                break
            events.append(data)
        return _HEAD + b",".join(events) + _TAIL, len(events)


def packed(event: AuditEvent) -> bytes:
    """An event as a worker gets it, not longer than a packet."""
    fields = event.fields
    while len(data := _encode({"time": event.time, "fields": fields}).encode(errors="replace")) > PACKET:
        process = fields.get("process", {})
        arguments = process.get("args", [])
        if not arguments:
            # No field but the arguments is that long.
            fields = {"event": fields["event"], "sessrec": {"truncated": True}}
            continue
        kept = arguments[: len(arguments) // 2] if len(arguments) > 1 else [arguments[0][: len(arguments[0]) // 2]]
        fields = {
            **fields,
            "process": {**process, "args": [] if kept == [""] else kept},
            "sessrec": {**fields.get("sessrec", {}), "truncated": True},
        }
    return data


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
