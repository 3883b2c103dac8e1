"""The groups of a user: from tables in the files of rules, else as this machine knows them."""

import subprocess
import time
from collections.abc import Mapping

KEPT = 300.0
"""Seconds for which an answer counts."""

PATIENCE = 5.0
"""Seconds for which the system is waited for. It is asked through id(1): a lookup in the process itself could hang
with SSSD, and could not be given up."""

MAX_KEPT = 10_000


class Groups:
    """Who is in which groups; `tables` has the users of groups by name. A user in any table is in those only."""

    def __init__(self, tables: Mapping[str, frozenset[str]]) -> None:
        self._tables = tables
        self._answers: dict[str, tuple[float, frozenset[str] | None]] = {}

    def __call__(self, user: str) -> frozenset[str] | None:
        """The groups of a user; None where nobody can tell."""
        listed = frozenset(group for group, users in self._tables.items() if user in users)
        if listed:
            return listed
        now = time.monotonic()
        asked, answer = self._answers.get(user, (-KEPT, None))
        if now - asked >= KEPT:
            answer = _asked(user)
            if len(self._answers) >= MAX_KEPT:
                self._answers.clear()
            self._answers[user] = (now, answer)
        return answer


def _asked(user: str) -> frozenset[str] | None:
    if not user or "\0" in user:
        return frozenset()
    try:
        done = subprocess.run(
            ["/usr/bin/id", "-Gnz", "--", user],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeError):
        return None
    names = done.stdout.decode("utf-8", "replace").split("\0")
    return frozenset(name for name in names if name) if done.returncode == 0 else None
