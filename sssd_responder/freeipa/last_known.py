"""What was last known, on disk: a host that boots without its directory, and without SSSD, decides from it."""

import json
import logging
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

from recorder.errors import SessrecError
from sssd_responder.decisions.identity import User
from sssd_responder.decisions.snapshot import Snapshot

VERSION = 1
"""Of the file's format; a file of another version is not read."""

MAX_SIZE = 64 * 1024 * 1024
MAX_USERS = 2000
"""Users that are remembered; those who were not seen for longest are forgotten."""

GATHER = 2.0
"""Seconds for which changes are gathered before they are written."""

RENEW = 300.0
"""Seconds after which the time of a snapshot that says nothing new is written all the same."""

_log = logging.getLogger(__name__)


class LastKnownError(SessrecError):
    """The file cannot be read or written."""


class LastKnown:
    """The file at `path`, written by a thread of its own. Any thread may call any method."""

    def __init__(self, path: str, host: str) -> None:
        self.path = path
        self._host = host
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._users: dict[int, User] = {}
        self._changed = threading.Event()
        self._error = ""
        self._written = 0.0

    def load(self) -> Snapshot | None:
        """Read the file; the snapshot in it. Raises LastKnownError, and then there is nothing."""
        try:
            snapshot, users = _read(self.path)
        except FileNotFoundError:
            return None
        except LastKnownError as error:
            self._error = str(error)
            raise
        if snapshot is not None and snapshot.host != self._host:
            self._error = f"{self.path} is about {snapshot.host} and not about this host; its policies are not used"
            snapshot = None
        with self._lock:
            self._snapshot = snapshot
            self._users = users
        return snapshot

    def start(self) -> None:
        """Write what changes, from now on."""
        threading.Thread(target=self._run, name="last-known", daemon=True).start()

    def close(self) -> None:
        """Write what is not yet written."""
        if self._changed.is_set():
            self._write()

    def keep(self, snapshot: Snapshot) -> None:
        """Remember what the directory says."""
        with self._lock:
            old, self._snapshot = self._snapshot, snapshot
        if not snapshot.same_as(old) or abs(time.time() - self._written) > RENEW:
            self._changed.set()

    def user(self, uid: int) -> User | None:
        """What was last learned of the user with this number."""
        return self._users.get(uid)

    def user_named(self, name: str) -> User | None:
        """What was last learned of the user with this name."""
        with self._lock:
            return next((user for user in self._users.values() if user.name == name), None)

    def learn(self, user: User) -> None:
        """Remember a user."""
        with self._lock:
            # Last in order is whom we saw last.
            old = self._users.pop(user.uid, None)
            self._users[user.uid] = user
            while len(self._users) > MAX_USERS:
                del self._users[next(iter(self._users))]
        if old != user:
            self._changed.set()

    def status(self) -> dict[str, Any]:
        """For `sessrec host status`."""
        return {"file": self.path, "users": len(self._users), "written": self._written or None, "error": self._error}

    def _run(self) -> None:
        while True:
            self._changed.wait()
            time.sleep(GATHER)
            self._write()

    def _write(self) -> None:
        with self._write_lock:
            self._changed.clear()
            with self._lock:
                snapshot, users = self._snapshot, list(self._users.values())
            document = {
                "version": VERSION,
                "directory": None if snapshot is None else snapshot.to_json(),
                "users": [{**vars(user), "groups": sorted(user.groups)} for user in users],
            }
            try:
                _write_whole(self.path, json.dumps(document).encode())
            except OSError as error:
                problem = f"{self.path}: cannot be written: {error.strerror}"
                if problem != self._error:
                    _log.error("%s; after a restart without FreeIPA nobody could tell who is recorded", problem)
                self._error = problem
                return
            self._written = time.time()
            self._error = ""


def _read(path: str) -> tuple[Snapshot | None, dict[int, User]]:
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o022:
                raise LastKnownError(f"{path}: others than root may write it; it is not used, remove it")
            data = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LastKnownError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        document = json.loads(data)
        if document["version"] != VERSION:
            raise ValueError("of another version")
        directory = document["directory"]
        users = [_user(entry) for entry in document["users"]]
        return None if directory is None else Snapshot.from_json(directory), {user.uid: user for user in users}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise LastKnownError(f"{path}: is damaged, or of another version; it is written anew") from error


def _user(entry: dict[str, Any]) -> User:
    groups = frozenset(entry["groups"])
    user = User(entry["name"], entry["uid"], groups, entry["shell"], entry["home"])
    texts = (user.name, user.shell, user.home, *groups)
    if type(user.uid) is not int or not all(isinstance(text, str) for text in texts):
        raise ValueError("not a user")
    return user


def _write_whole(path: str, data: bytes) -> None:
    """Replace a file as a whole, on disk before it has its name."""
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    Path(new).replace(path)
    directory = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
