"""The policies that are in force on this host, from the directory and from the local file, and what they decide."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipa_plugin.policy import (
    DEFAULT_HEARTBEAT,
    DEFAULTS,
    Decision,
    Policy,
    PolicyError,
    Settings,
    Subject,
    decide,
    heartbeat_from_entry,
    settings_from_entry,
)
from recorder.errors import SessrecError
from sssd_responder.decisions.local_policies import LocalPolicies, LocalPolicyError, read_local
from sssd_responder.decisions.snapshot import Snapshot
from sssd_responder.decisions.unreadable import Unreadable, read_entries


class Undecided(SessrecError):
    """Nobody can say whether somebody is recorded; what follows is the host's `on_failure`."""


@dataclass(frozen=True)
class InForce:
    """What decides, replaced as a whole when anything of it changes."""

    snapshot: Snapshot | None = None
    local: LocalPolicies = field(default_factory=LocalPolicies)
    policies: tuple[Policy, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    defaults: Settings = DEFAULTS
    heartbeat: int = DEFAULT_HEARTBEAT
    config_error: str = ""


class Policies:
    """The holder of what is in force. Every method may be called by any thread.

    `host` is the host's fully qualified name; `directory` tells whether there is one to read policies from. Of the
    local file at `path`, the last version that could be read is in force; it is looked at for each decision.
    """

    def __init__(self, host: str, path: str, directory: bool) -> None:
        self.host = host
        self.directory = directory
        self._path = path
        self._lock = threading.Lock()
        self._file: tuple[int, ...] | None = None
        self._local_error = ""
        self._directory_error = ""
        self._confirmed = 0.0
        self._current = InForce()
        self._look_at_file()

    @property
    def heartbeat(self) -> int:
        """Seconds between two reports about this host's recorded sessions."""
        return self._current.heartbeat

    @property
    def snapshot(self) -> Snapshot | None:
        """What was last read of the directory."""
        return self._current.snapshot

    def replace(self, snapshot: Snapshot) -> None:
        """Take what the directory says now."""
        with self._lock:
            self._put(snapshot, self._current.local)
            self._confirmed = snapshot.read
            self._directory_error = ""

    def confirm(self, when: float) -> None:
        """Note that the directory still says what was last read of it; `when` in Unix seconds."""
        self._confirmed = when
        self._directory_error = ""

    def cannot_read(self, problem: str) -> None:
        """Note why the directory cannot be read; what was last read stays in force."""
        self._directory_error = problem

    def decide(self, user: str, groups: frozenset[str]) -> Decision:
        """What happens to `user`, who is in `groups`, on this host. Raises Undecided."""
        self._look_at_file()
        current = self._current
        host_groups = current.snapshot.host_groups if current.snapshot else frozenset()
        subject = Subject(user, groups, self.host, host_groups)
        decision = decide(current.policies, subject, current.defaults)
        highest = max((policy.order for policy in current.policies if policy.matches(subject)), default=None)
        for unreadable in current.unreadable:
            if unreadable.may_decide(subject, highest):
                raise Undecided(f"{unreadable.problem}; correct it, or disable that policy")
        if not decision.recorded:
            self._check_sources(current, bool(decision.matched))
        return decision

    def name(self, user: str, decision: Decision) -> bool:
        """Whether one of the policies that decided names the user himself."""
        return any(
            policy.name in decision.decided and user.lower() in policy.users.names
            for policy in self._current.policies
        )

    def status(self) -> dict[str, Any]:
        """For `sessrec host status`: {"directory": {...}, "local": {...}, "unreadable": [...]}.

        Of the directory, "read" is when all was read (Unix seconds), "age" how many seconds ago it was last found to
        say the same still.
        """
        self._look_at_file()
        current = self._current
        snapshot = current.snapshot
        return {
            "directory": {
                "used": self.directory,
                "server": snapshot.server if snapshot else "",
                "read": snapshot.read if snapshot else None,
                "age": max(0.0, round(time.time() - self._confirmed, 1)) if snapshot else None,
                "policies": len(snapshot.policies) if snapshot else 0,
                "host_groups": sorted(snapshot.host_groups) if snapshot else [],
                "error": self._directory_error,
            },
            "local": {"file": self._path, "policies": len(current.local.policies), "error": self._local_error},
            "unreadable": [unreadable.problem for unreadable in current.unreadable]
            + ([current.config_error] if current.config_error else []),
        }

    def _check_sources(self, current: InForce, matched: bool) -> None:
        """Not recorded is somebody only where all policies are known, or where a local one exempts him."""
        if self.directory and current.snapshot is None and not matched:
            why = self._directory_error or "the first look at it has not come to an end"
            raise Undecided(f"no policies were ever read from FreeIPA: {why}")
        if not self.directory and not current.local.present:
            why = self._local_error or f"there is no {self._path}, and the host reads none from FreeIPA"
            raise Undecided(f"there are no policies: {why}")
        if self._local_error and not current.local.present:
            raise Undecided(f"local policies cannot be read: {self._local_error}")

    def _look_at_file(self) -> None:
        try:
            found = Path(self._path).stat()
            file: tuple[int, ...] | None = (found.st_ino, found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            file = None
        except OSError as error:
            self._local_error = f"{self._path}: cannot be read: {error.strerror}"
            return
        if file == self._file:
            return
        with self._lock:
            if file == self._file:
                return
            try:
                local = read_local(self._path) if file else LocalPolicies()
                self._put(self._current.snapshot, local)
                self._local_error = ""
            except LocalPolicyError as error:
                self._local_error = str(error)
            self._file = file

    def _put(self, snapshot: Snapshot | None, local: LocalPolicies) -> None:
        policies, unreadable = read_entries(snapshot.policies) if snapshot else ([], [])
        defaults, heartbeat, config_error = self._current.defaults, self._current.heartbeat, ""
        if snapshot is not None:
            try:
                entry = snapshot.config or {}
                defaults, heartbeat = settings_from_entry(entry), heartbeat_from_entry(entry)
            except PolicyError as error:
                config_error = str(error)
        self._current = InForce(
            snapshot=snapshot,
            local=local,
            policies=(*policies, *local.policies),
            unreadable=tuple(unreadable),
            defaults=defaults,
            heartbeat=heartbeat,
            config_error=config_error,
        )
