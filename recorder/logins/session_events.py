"""Events in the recording of a live session that others tell of: what its processes did, and who controls it."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from recorder.capture.session import Session

SILENCE = 1.0
"""Seconds that the audit service has for the next of the last events of a session."""
LAST = 5.0
"""Seconds that all of them may take."""
LONGEST = 65_536
"""Bytes of a packet."""


class SessionEvents:
    """Writes to the recording of `session`. `flush` makes messages of what was collected before."""

    def __init__(self, session: Session) -> None:
        self.flush: Callable[[], object] = _nothing
        self._session = session

    def note(self, action: str, **fields: Any) -> None:
        """An event that happens now. Raises RecordingFailed."""
        # What was printed before stands before it: positions never go back.
        self.flush()
        self._session.log.event(action, self._session.position(), monotonic(), **fields)

    @property
    def waiting(self) -> int:
        """Bytes of messages that the sink has not taken yet."""
        return self._session.waiting

    def write(self, events: object) -> int:
        """Events of audit, each an object of `time` (seconds since 1970) and `fields`; how many were taken.

        Raises RecordingFailed.
        """
        if not isinstance(events, list):
            return 0
        self.flush()
        position, now, clock = self._session.position(), monotonic(), time.time()
        for each in events:
            try:
                event = {**each["fields"]["event"]}
                action = event.pop("action")
                # By its age: the clock may have been set since the recording began.
                at = min(max(position - int((clock - each["time"]) * 1000), 0), position)
                sessrec = {"at": at, **each["fields"].get("sessrec", {})}
            except (KeyError, TypeError, AttributeError):
                continue  # from a service of another version
            self._session.log.event(action, position, now, **{**each["fields"], "event": event, "sessrec": sessrec})
        return len(events)

    def take_last(self, path: str, rec: str) -> None:
        """Say to the audit service at `path` that the session is over, and take what it still has of it.

        Raises RecordingFailed.
        """
        until = monotonic() + LAST
        with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(SILENCE)
            connection.connect(path)
            connection.send(json.dumps({"ask": "last", "rec": rec}).encode())
            while monotonic() < until:
                said = json.loads(connection.recv(LONGEST) or b"{}")
                if "events" not in said:
                    return
                taken = self.write(said["events"])
                connection.send(json.dumps({"taken": taken}).encode())


def _nothing() -> None:
    """Nothing is collected."""
