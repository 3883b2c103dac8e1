"""The control socket of a live session, in its worker: describe, suspend, resume, terminate, watch, events.

Only root reaches the socket. A request and its answer are one JSON object each; after `watch` the screen follows, as
packets of b"o" and output, and b"r" and the new size. Nothing here waits for whoever is at the other end.
"""

import json
import os
import socket
from contextlib import suppress
from select import POLLOUT, poll
from typing import Any

from recorder.capture.copy_loop import Capture
from recorder.capture.log import displayable
from recorder.capture.signals import Signals
from recorder.logins.kept import Kept
from recorder.logins.session_events import SessionEvents

TERMINATED = "terminated"
ABANDONED = "abandoned"
"""Why a session ends whose keeper was killed."""
LONGEST = 65_536
"""Bytes of a request."""
RECENT = 131_072
"""Bytes of output that a watcher is shown at once, so that the screen as it is can be made of them."""
PACKET = 32_768
_BUFFER = 1024 * 1024
"""Bytes that a watcher may be behind."""
TAKEN = 1000
"""Milliseconds in which a terminal that somebody reads has room for a line."""
_MOST = 16
"""Connections at a time."""


class SessionControl:
    """Serves a `listening` socket. `capture` is set once there is one; without it nothing is suspended or watched.

    `peer` is the connection of the login shell, where it stays and passes on changes of the window. `signals` are
    told of those that `kept` tells of; `events` writes what others tell of the session.
    """

    def __init__(
        self,
        listening: socket.socket,
        events: SessionEvents,
        description: dict[str, Any],
        kept: Kept,
        signals: Signals,
    ) -> None:
        self.capture: Capture | None = None
        self.peer: socket.socket | None = None
        self.status_said: int | None = None
        """What waitpid has told the process that waits for the session, by its own word."""
        self.farewell = "This session has been ended by an administrator."
        """What its user is told when it is terminated."""
        self.asked_by = ""
        """Who has had the session terminated."""
        self.listening = listening
        self._kept = kept
        self._signals = signals
        self._events = events
        self._description = description
        self._asking: dict[int, socket.socket] = {}
        self._watching: dict[int, tuple[socket.socket, str]] = {}
        self._recent = bytearray()

    def watched(self) -> list[int]:
        """The sockets that are looked at."""
        peer = [] if self.peer is None else [self.peer.fileno()]
        return [self.listening.fileno(), self._kept.descriptor, *self._asking, *self._watching, *peer]

    def woken(self, descriptor: int) -> str:
        """Serve one; why the session is to end, or ""."""
        if descriptor == self.listening.fileno():
            self._accept()
        elif descriptor == self._kept.descriptor:
            numbers = self._kept.signals()
            if not numbers:
                return ABANDONED
            self._signals.repeat(*numbers)
        elif self.peer is not None and descriptor == self.peer.fileno():
            return self._window()
        elif descriptor in self._watching:
            self._leave(descriptor)
        elif descriptor in self._asking:
            return self._serve(descriptor)
        return ""

    def printed(self, data: bytes) -> None:
        """For watchers, now and to come."""
        recent = self._recent
        recent += data
        if len(recent) > 2 * RECENT:
            del recent[:-RECENT]
        if self._watching:
            self._send_all(data)

    def resized(self, columns: int, rows: int) -> None:
        """For those who watch."""
        for descriptor, (watcher, _) in list(self._watching.items()):
            self._send(descriptor, watcher, b"r%dx%d" % (columns, rows))

    def idle(self) -> bool:
        """Whether nobody asks anything or watches."""
        return not self._asking and not self._watching

    def state(self) -> dict[str, Any]:
        """What `resume` needs while it is idle, plain values."""
        return {
            "farewell": self.farewell,
            "asked_by": self.asked_by,
            "status": self.status_said,
            "recent": bytes(self._recent[-RECENT:]),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on for another process that has served the same session."""
        self.farewell, self.asked_by, self.status_said = state["farewell"], state["asked_by"], state["status"]
        self._recent += state["recent"]

    def close(self) -> None:
        """Nobody reaches the session any more."""
        self.listening.close()
        for connection in (*self._asking.values(), *(watcher for watcher, _ in self._watching.values())):
            connection.close()
        self._asking.clear()
        self._watching.clear()

    def _accept(self) -> None:
        try:
            connection, _ = self.listening.accept()
        except OSError:
            return
        if len(self._asking) + len(self._watching) >= _MOST:
            connection.close()
            return
        connection.setblocking(False)
        self._asking[connection.fileno()] = connection

    def _window(self) -> str:
        assert self.peer is not None
        try:
            said = self.peer.recv(16)
        except BlockingIOError:
            return ""
        except OSError:
            said = b""
        if not said:
            # The process that stands in the outer session for this one is gone, and with it who waits for its end.
            self.peer = None
            return "hangup"
        if said.isdigit():
            self.status_said = int(said) & 0xFFFF
        elif self.capture is not None:
            self.capture.resized()
        return ""

    def _serve(self, descriptor: int) -> str:
        connection = self._asking[descriptor]
        try:
            said = json.loads(connection.recv(LONGEST) or b"null")
        except BlockingIOError:
            return ""
        except (OSError, ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            self._asking.pop(descriptor).close()
            return ""
        by = str(said.get("by", ""))[:256]
        try:
            if say := str(said.get("say", ""))[:256]:
                self.farewell = displayable("".join(filter(str.isprintable, say)))
            return self._done(descriptor, said.get("ask"), by, said.get("events"))
        except OSError:
            self._asking.pop(descriptor, connection).close()
            return ""

    def _done(self, descriptor: int, asked: object, by: str, events: object) -> str:
        capture, connection = self.capture, self._asking[descriptor]
        if asked == "describe":
            _reply(connection, {**self._description, "state": self._state(), "waiting": self._events.waiting})
        elif asked == "events":
            _reply(connection, {"taken": self._events.write(events)})
        elif asked == "terminate":
            self._note("terminate", by)
            self.asked_by = by
            _reply(connection, {"state": "ended"})
            return TERMINATED
        elif asked not in ("suspend", "resume", "watch"):
            _reply(connection, {"error": "nobody can do that; ask describe, suspend, resume, terminate or watch"})
        elif capture is None:
            _reply(connection, {"error": f"{asked} needs a session with a terminal; this one can be terminated"})
        elif asked == "watch":
            self._note("watch", by)
            size = {"columns": capture.columns, "rows": capture.rows}
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            _reply(connection, {"state": self._state(), **size})
            del self._asking[descriptor]
            self._watching[descriptor] = connection, by
            self._send_recent(descriptor, connection)
        else:
            if capture.suspended != (asked == "suspend"):
                self._note(str(asked), by)
                capture.suspend(asked == "suspend")
            _reply(connection, {"state": self._state()})
        return ""

    def _state(self) -> str:
        return "suspended" if self.capture is not None and self.capture.suspended else "running"

    def _note(self, action: str, by: str) -> None:
        self._events.note("control", sessrec={"control": {"action": action, "by": by}})

    def _leave(self, descriptor: int) -> None:
        watcher, by = self._watching[descriptor]
        try:
            if watcher.recv(16):
                return  # whatever a watcher says
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(descriptor, by)

    def _drop(self, descriptor: int, by: str) -> None:
        watcher, _ = self._watching.pop(descriptor)
        watcher.close()
        self._note("unwatch", by)

    def _send_recent(self, descriptor: int, watcher: socket.socket) -> None:
        recent = bytes(self._recent[-RECENT:])
        for start in range(0, len(recent), PACKET):
            self._send(descriptor, watcher, b"o" + recent[start : start + PACKET])

    def _send_all(self, data: bytes) -> None:
        for descriptor, (watcher, _) in list(self._watching.items()):
            self._send(descriptor, watcher, b"o" + data)

    def _send(self, descriptor: int, watcher: socket.socket, packet: bytes) -> None:
        if descriptor not in self._watching:
            return
        try:
            watcher.send(packet)
        except OSError:
            # Too slow, or gone: it may come again, the session does not wait.
            self._drop(descriptor, self._watching[descriptor][1])


def _reply(connection: socket.socket, said: dict[str, Any]) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.send(json.dumps(said).encode())


def tell_on_terminal(descriptor: int, text: str) -> None:
    """A line of its own on the user's terminal, which is in raw mode; not for one that nobody reads."""
    room = poll()
    room.register(descriptor, POLLOUT)
    with suppress(OSError):
        if room.poll(TAKEN):
            os.write(descriptor, f"\r\n{text}\r\n".encode())
