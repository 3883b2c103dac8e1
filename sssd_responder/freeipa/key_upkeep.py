"""Sees to it that the directory has the key that this host signs recordings with."""

import time
from pathlib import Path
from typing import Any

from recorder.errors import SessrecError
from recorder.keys import signing_key

AGAIN = 60.0
"""Seconds until it is tried again, where it did not work."""


class KeyUpkeep:
    """The key in the file at `path`, which the recorder service makes. `step` is for one thread, now and then."""

    def __init__(self, path: Path, suffix: str, host: str) -> None:
        self._path = path
        self._suffix = suffix
        self._host = host
        self._file: tuple[int, int] | None = None
        self._retry = 0.0
        self._status: dict[str, Any] = {"id": "", "since": None, "problem": ""}

    def step(self, connection: Any) -> None:
        """Publish the key, by python-ldap's connection, unless that has been done."""
        if time.monotonic() < self._retry:
            return
        try:
            found = self._path.stat()
        except OSError:
            return  # The recorder service has not been started yet.
        file = (found.st_ino, found.st_mtime_ns)
        if file == self._file:
            return
        # Only where there is a directory there is python-ldap.
        from sssd_responder.freeipa.host_key import publish

        try:
            key = signing_key.load(self._path).public
            published = publish(connection, self._suffix, self._host, key)
        except SessrecError as error:
            self._status = {"id": "", "since": None, "problem": str(error)}
            self._retry = time.monotonic() + AGAIN
            return
        self._file = file
        self._status = {"id": key.key_id, "since": published.since, "problem": ""}

    def status(self) -> dict[str, Any]:
        """{"id" of the key that the directory has, "since" when (Unix seconds), "problem": why it has none}."""
        return self._status
