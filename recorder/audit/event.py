"""What the rest of the recorder gets: an event, and what its message will say."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class AuditEvent:
    """Something that happened, and to whom it belongs.

    `time` is seconds since 1970, `serial` the kernel's number of it; `auid` and `session` are those of the process,
    None where nobody has logged in. `fields` is what the message has (docs/format.md), without its header and without
    `sessrec.at`, which only the recording can tell. `pid` is 0 where no process is told; `terminal` is its
    controlling terminal as the kernel writes it (`pts7`), "" where no system call is told.
    """

    time: float
    serial: int
    auid: int | None
    session: int | None
    pid: int
    fields: dict[str, Any]
    terminal: str = ""

    @property
    def action(self) -> str:
        """What happened: `exec`, `file-write`, ..."""
        return str(self.fields["event"]["action"])


CATEGORIES = {
    "exec": ("process", "start"),
    "file-create": ("file", "creation"),
    "file-write": ("file", "change"),
    "file-delete": ("file", "deletion"),
    "file-rename": ("file", "change"),
    "file-attributes": ("file", "change"),
    "file-read": ("file", "access"),
    "connect": ("network", "start"),
    "accept": ("network", "start"),
    "bind": ("network", "info"),
    "privilege": ("process", "change"),
    "login": ("authentication", "start"),
    "logout": ("authentication", "end"),
    "firewall": ("network", "info"),
    "lost": ("process", "info"),
}
"""`event.category` and `event.type` of each action, of the values that ECS allows."""
