"""What /metrics tells, kept for a moment. Without the package that writes it, all of the page works but for that."""

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.web.site import Site

FRESH = 10.0
"""Seconds for which what was found is told again: whoever asks often does not keep the store busy."""


class MetricsCache:
    """Of one server. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[float, bytes] = (float("-inf"), b"")

    def text(self, site: "Site") -> bytes:
        """In Prometheus' text format. Raises ModuleNotFoundError where its package is not installed."""
        from auditor.web.metrics import numbers

        with self._lock:
            since, text = self._found
            if time.monotonic() - since > FRESH:
                text = numbers(site)
                self._found = (time.monotonic(), text)
            return text
