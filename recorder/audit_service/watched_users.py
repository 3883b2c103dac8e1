"""Which login uids are to be audited, as the responder has it; asked when one turns up that nobody knows."""

from time import monotonic

from recorder.logins.decision import DecisionError, Responder

VALID = 5.0
"""Seconds that an answer counts."""
AWAY = 30.0
"""Seconds in which a responder that does not answer is not asked again."""


class WatchedUsers:
    """Asks the responder at `path`. While it is away, the last answer counts."""

    def __init__(self, path: str) -> None:
        self._responder = Responder(path)
        self._users: frozenset[int] = frozenset()
        self._until = 0.0

    def __call__(self, auid: int) -> bool:
        """Whether it is one."""
        now = monotonic()
        if now >= self._until:
            try:
                self._users = self._responder.watched()
                self._until = now + VALID
            except DecisionError:
                self._until = now + AWAY
        return auid in self._users
