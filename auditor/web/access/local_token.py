"""The token in the address that `sessrec serve --local` prints: it proves that whoever opens the address can read
that terminal, which other users of the machine cannot."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

LIFETIME = 600.0
"""Seconds in which the address must be opened."""

MAX_TOKENS = 16
"""Addresses that are valid at once; the oldest ones go first."""


class LocalTokens:
    """Tokens that are given out, each good for one sign-in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._given: dict[bytes, float] = {}

    def give(self) -> str:
        """A new token: 256 random bits, safe in a URL."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._given) >= MAX_TOKENS:
                del self._given[next(iter(self._given))]
            self._given[_digest(token)] = self._clock() + LIFETIME
        return token

    def take(self, token: str) -> bool:
        """Whether the token is good; from now on it is not."""
        digest = _digest(token)
        with self._lock:
            for known in list(self._given):
                if hmac.compare_digest(known, digest):
                    return self._given.pop(known) > self._clock()
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
