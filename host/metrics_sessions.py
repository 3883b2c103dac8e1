"""The sessions of a host in numbers, without waking those that sleep.

A session in which nothing happens has given its recorder's memory back (recorder/logins/keeper.py), and nothing of it
waits for the sink; asking it would have it take the memory again. So only those are asked that are awake.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from host.ask import AskError, ask
from host.live_sessions import who_asks
from sssd_responder.sessions import session_control
from sssd_responder.sessions.session_control import DESCRIBE, ControlError, Session

KINDS = ("terminal", "command", "bytes")

_TIMEOUT = 2.0
_MOST_SILENT = 3
"""Sessions that do not answer, after which no more are waited for."""


@dataclass(frozen=True)
class Sessions:
    """`kinds` is how many there are of each. `waiting` is bytes, of all that were asked."""

    kinds: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    waiting: int = 0


def sessions(directory: Path) -> Sessions:
    """Those whose descriptions lie in a directory."""
    kinds = Counter(dict.fromkeys(KINDS, 0))
    silent = waiting = 0
    for path in _described(directory):
        try:
            session = session_control.read(directory, path.stem)
        except ControlError:
            continue  # it has ended meanwhile, or is none: `sessrec host status` says so
        kinds[session.kind] += 1
        if silent >= _MOST_SILENT or is_asleep(session):
            continue
        try:
            said = ask(path.with_suffix(".socket"), {"ask": DESCRIBE, "by": who_asks()}, _TIMEOUT)
            waiting += int(said.get("waiting") or 0)
        except AskError:
            silent += path.exists()
    return Sessions(kinds, silent, waiting)


def is_asleep(session: Session) -> bool:
    """Whether nobody but its keeper is there. Only then that has what is the session's, its first process for one."""
    with suppress(OSError):
        for path in Path(f"/proc/{session.worker}/fd").iterdir():
            with suppress(OSError):
                # The second since Linux 6.9, where they are files of their own.
                if str(path.readlink()).startswith(("anon_inode:[pidfd]", "pidfd:")):
                    return True
    return False


def _described(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.suffix == ".json")
    except OSError:
        return []
