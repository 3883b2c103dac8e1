"""How far events have been told, for a service that is started again: by the kernel's serials, anew at each boot."""

import json
import os
from contextlib import suppress
from pathlib import Path

BOOT = "/proc/sys/kernel/random/boot_id"


class Progress:
    """Kept in a file in the runtime directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._boot = Path(BOOT).read_text().strip()
        self._kept = 0

    def read(self) -> int:
        """The serial up to which all was told in this boot, 0 if nobody knows."""
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            said = json.loads(self._path.read_text())
            if said["boot"] == self._boot:
                self._kept = int(said["serial"])
        return self._kept

    def keep(self, serial: int) -> None:
        """Note it, if it is another one."""
        if serial == self._kept:
            return
        new = self._path.with_suffix(".new")
        with suppress(OSError):
            new.write_text(json.dumps({"boot": self._boot, "serial": serial}))
            os.replace(new, self._path)
            self._kept = serial
