"""The thread that keeps policies as the directory has them. No login waits for it."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sssd_responder.decisions.policies import Policies
from sssd_responder.freeipa.directory import Directory, DirectoryError
from sssd_responder.freeipa.enrolment import Enrolment
from sssd_responder.freeipa.last_known import LastKnown
from sssd_responder.freeipa.watch import Polling

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between attempts to reach the directory: doubled after each that fails."""

_log = logging.getLogger(__name__)


class Refresh:
    """Reads policies, watches for changes, and comes back when the directory does.

    `interval`: seconds between two looks. All times vary by a fifth, or thousands of hosts that one server has
    left would come back at once. `also` is called after each look, with python-ldap's connection.
    """

    def __init__(
        self,
        enrolment: Enrolment,
        policies: Policies,
        last_known: LastKnown,
        interval: float,
        also: Callable[[Any], None] = lambda connection: None,
    ) -> None:
        self._enrolment = enrolment
        self._policies = policies
        self._last_known = last_known
        self._interval = interval
        self._also = also
        self._wake = threading.Event()
        self._stopped = False
        self._server = ""
        self._looked: float | None = None
        self._reads = 0

    def start(self) -> None:
        """Begin; the first read is not waited for."""
        threading.Thread(target=self._run, name="refresh", daemon=True).start()

    def stop(self) -> None:
        """End soon."""
        self._stopped = True
        self._wake.set()

    def now(self) -> None:
        """Look at once."""
        self._wake.set()

    def status(self) -> dict[str, Any]:
        """{"reachable", "server" that is connected, "looked" (Unix seconds), "reads" (how many since the start)}."""
        return {
            "reachable": bool(self._server),
            "server": self._server,
            "looked": self._looked,
            "reads": self._reads,
        }

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopped:
            problems = []
            for uri in self._enrolment.uris:
                try:
                    self._stay_with(uri)
                except DirectoryError as error:
                    problems.append(str(error))
                except Exception as error:
                    _log.exception("the directory cannot be read")
                    problems.append(f"{uri}: {type(error).__name__}: {error}")
                if self._server:
                    # It answered until now: one that comes back is found soon.
                    pause = FIRST_PAUSE
                    self._server = ""
                if self._stopped:
                    return
            self._policies.cannot_read("; ".join(problems))
            if pause == FIRST_PAUSE:
                _log.warning("FreeIPA cannot be read, what is known stays in force: %s", "; ".join(problems))
            self._sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _stay_with(self, uri: str) -> None:
        """Watch one server until it fails."""
        directory = Directory(self._enrolment, self._policies.host, uri)
        try:
            polling = Polling(directory)
            while not self._stopped:
                if polling.due():
                    self._take(directory)
                    polling.taken(directory.numbers)
                else:
                    self._confirm()
                self._seen(uri)
                self._also(directory.connection)
                self._sleep(self._interval)
        finally:
            directory.close()

    def _take(self, directory: Directory) -> None:
        snapshot = directory.read()
        self._reads += 1
        if not snapshot.same_as(self._policies.snapshot):
            _log.info("%d policies concern this host, read from %s", len(snapshot.policies), snapshot.server)
        self._policies.replace(snapshot)
        self._last_known.keep(snapshot)

    def _confirm(self) -> None:
        snapshot = self._policies.snapshot
        if snapshot is not None:
            now = time.time()
            self._policies.confirm(now)
            self._last_known.keep(replace(snapshot, read=now))

    def _seen(self, uri: str) -> None:
        self._server = uri
        self._looked = time.time()

    def _sleep(self, seconds: float, jitter: Callable[[float, float], float] = random.uniform) -> None:
        self._wake.wait(seconds * jitter(0.8, 1.2))
        self._wake.clear()
