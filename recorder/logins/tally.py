"""How logins on this host have gone since it was started, counted by the service, for `sessrec host metrics`.

It stands in a file of the run directory, which a boot empties: a service that is started anew counts on. A file that
cannot be written or read is no reason to refuse anybody.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

NAME = "tally.json"
"""Below the run directory; for root."""

RECORDED, FAILED, REFUSED, UNRECORDED = COUNTED = ("recorded", "failed", "refused", "unrecorded")
"""Sessions that were begun to be recorded, and those of them that were ended because they could not be any more;
logins that were refused because they could not be recorded or answered, and those that went on all the same, as their
policy or the host allows. Whom no policy records is not counted."""


class Tally:
    """The numbers, read from the file of an earlier service."""

    def __init__(self, run: Path) -> None:
        self._path = run / NAME
        self._numbers = read(run)
        self._kept = dict(self._numbers)

    def count(self, what: str) -> None:
        """One more of COUNTED."""
        self._numbers[what] += 1

    def keep(self) -> None:
        """Write what was counted since it was written last."""
        if self._numbers == self._kept:
            return
        new = self._path.with_suffix(".new")
        with suppress(OSError):
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w") as file:
                json.dump(self._numbers, file)
            new.rename(self._path)
        self._kept = dict(self._numbers)


def read(run: Path) -> dict[str, int]:
    """The numbers by name, 0 for what nobody has counted."""
    found: object = None
    with suppress(OSError, ValueError):
        found = json.loads((run / NAME).read_text())
    given = found if isinstance(found, dict) else {}
    return {name: value if isinstance(value := given.get(name), int) else 0 for name in COUNTED}
