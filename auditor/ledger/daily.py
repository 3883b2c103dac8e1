"""Retention once a day, in the background of the auditor's page."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from auditor.ledger import retention
from auditor.ledger.ledger import Ledger
from auditor.ledger.retention_policies import load
from auditor.ledger.verdicts import Verdicts
from auditor.ledger.verifier import Borrow
from recorder.errors import SessrecError

LOOK = 30.0
"""Seconds between two looks at the clock, which may be set, and at the file, which may be changed."""


class DailyRetention:
    """A thread that deletes what is due at the time of day that the file of policies says, and does nothing where it
    says none. `log` is told what was deleted, and what is wrong with the file."""

    def __init__(
        self,
        ledger: Ledger,
        verdicts: Verdicts,
        borrow: Borrow,
        file: Path,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledger, self._verdicts, self._borrow, self._file, self._log = ledger, verdicts, borrow, file, log
        self._stopped = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin to wait for the time."""
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End; what is being deleted is deleted."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _run(self) -> None:
        looked = datetime.now()
        while not self._stopped.wait(LOOK):
            now = datetime.now()
            self.look(looked, now)
            looked = now

    def look(self, before: datetime, now: datetime) -> bool:
        """Delete what is due if the time of day has come since `before`; whether it has."""
        try:
            policies = load(self._file)
            if policies.daily is None or not has_come(policies.daily, before, now):
                return False
            with self._borrow() as store:
                done = retention.run(
                    store,
                    self._ledger,
                    policies,
                    now=time.time(),
                    verdict=lambda facts: str(self._verdicts.of(store, facts)),
                )
            self._log(f"retention: {len(done.deleted)} recordings deleted, {len(done.kept)} kept though due")
            self._said = ""
        except SessrecError as error:
            if str(error) != self._said:
                self._said = str(error)
                self._log(f"retention: {error}")
        return True


def has_come(minutes: int, before: datetime, now: datetime) -> bool:
    """Whether a time of day, in minutes after midnight, lies behind `before` and not behind `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    times = (midnight + timedelta(minutes=minutes), midnight - timedelta(days=1) + timedelta(minutes=minutes))
    return any(before < moment <= now for moment in times)
