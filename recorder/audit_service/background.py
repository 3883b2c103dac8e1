"""Recordings of what a login does in none of its sessions: what outlives them, cron, a user's own systemd.

They have events only, a chain of their own, and the same key and sink as those of sessions. There is one for each
login uid and audit session, from the first such event until no process of that login is left, or nothing was told for
hours.
"""

import os
import subprocess
from time import monotonic
from typing import Any

from recorder.audit_service.recordings import Login
from recorder.capture.log import Header
from recorder.capture.session import VERSION, Session
from recorder.configuration.host_settings import HostSettings
from recorder.keys.signing_key import SigningKey
from recorder.logins.session_events import SessionEvents
from recorder.logins.worker import sink_of
from recorder.sinks.file_sink import FileSink
from recorder.sinks.spool import Spool

QUIET = 12 * 3600.0
"""Seconds without an event after which one is ended. What comes later begins another one."""
_NSS_LIMIT = 1.0


class BackgroundRecording:
    """One of them. `recorder` is uid and gid that files belong to, as those of sessions do. Raises SinkError."""

    def __init__(
        self,
        login: Login,
        user: str,
        host: str,
        settings: HostSettings,
        key: SigningKey | None,
        recorder: tuple[int, int],
        after: str = "",
    ) -> None:
        self.login = login
        self.rec = os.urandom(10).hex()
        self.heard = monotonic()
        self._after = after
        sink = sink_of(settings, self.rec)
        if isinstance(sink, FileSink):
            for descriptor in sink.descriptors:
                os.fchown(descriptor, *recorder)
        header = Header(host=host, rec=self.rec, user=user, term="", session=login[1])
        self._session = Session(header, Spool(sink, settings.spool), deny=False, sign_interval=settings.sign_interval)
        self._events = SessionEvents(self._session)
        log = self._session.log
        log.key = key
        details: dict[str, Any] = {"version": VERSION, "charset": "UTF-8", "input": False, "background": True}
        if key is not None:
            details["key"] = key.key_id
        if after:
            details["after"] = after
        log.event("session-start", 0, self._session.began, process={"args": ["(background)"]}, sessrec=details)

    def write(self, told: dict[str, Any], after: str = "") -> None:
        """An event as deliveries.packed has it; `after`: the recording that its process comes from."""
        self.heard = monotonic()
        if after and after != self._after:
            fields = told["fields"]
            told = {**told, "fields": {**fields, "sessrec": {**fields.get("sessrec", {}), "after": after}}}
        self._events.write([told])

    def attend(self) -> None:
        """Sign what is not signed, and try what the sink did not take."""
        log, now = self._session.log, monotonic()
        if log.failing:
            log.retry()
        if log.checkpoint_due(now) == 0:
            log.event("checkpoint", self._session.position(), now, sign=True)

    def end(self, reason: str = "exit") -> None:
        """Write the end."""
        self._session.end(reason, None)
        self._session.close(0.2)


def user_name(uid: int) -> str:
    """The name of a user, as far as the system tells it in time; his number else."""
    try:
        done = subprocess.run(["getent", "passwd", str(uid)], capture_output=True, timeout=_NSS_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return str(uid)
    return done.stdout.partition(b":")[0].decode(errors="backslashreplace") or str(uid)
