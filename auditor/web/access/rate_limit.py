"""How often one and the same may ask, in bounded memory."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

MAX_KEYS = 10_000
"""Who is remembered. Whoever was forgotten begins anew with all that he may do at once."""


class RateLimit:
    """`each_second` requests on average, `at_once` when there were none for some time; for each key by itself."""

    def __init__(
        self, each_second: float, at_once: float, clock: Callable[[], float] = time.monotonic, keys: int = MAX_KEYS
    ) -> None:
        self._each_second = each_second
        self._at_once = at_once
        self._clock = clock
        self._keys = keys
        self._lock = threading.Lock()
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, key: Hashable) -> float:
        """Count one request: 0 when it may be answered, else the seconds until one may be, and it is not counted."""
        now = self._clock()
        with self._lock:
            left, since = self._left.pop(key, (self._at_once, now))
            left = min(self._at_once, left + (now - since) * self._each_second)
            waits = 0.0 if left >= 1 else (1 - left) / self._each_second
            self._left[key] = (left if waits else left - 1, now)
            while len(self._left) > self._keys:
                self._left.popitem(last=False)
        return waits
