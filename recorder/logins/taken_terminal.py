"""The user's own terminal, out of his reach while what he does on it is recorded."""

import os
import stat
import termios
from dataclasses import dataclass
from typing import Any

from recorder.capture import terminal

_ROOTS_ONLY = 0o600


@dataclass(frozen=True)
class TakenTerminal:
    """A terminal that is root's for now, by a descriptor, which is that terminal also when its name is another's.

    uid, gid and mode are what it had; attributes are termios's, with the control characters as numbers.
    """

    descriptor: int
    uid: int
    gid: int
    mode: int
    attributes: list[Any]

    def give_back(self) -> None:
        """To whom it belonged, unless somebody else has done something with it since, or it is gone."""
        try:
            now = os.fstat(self.descriptor)
            if now.st_uid == 0 and stat.S_IMODE(now.st_mode) == _ROOTS_ONLY:
                os.fchown(self.descriptor, self.uid, self.gid)
                os.fchmod(self.descriptor, self.mode)
            before = [*self.attributes[: terminal.CC], _as_bytes(self.attributes[terminal.CC])]
            # A worker that was killed has left it raw.
            if _as_numbers(termios.tcgetattr(self.descriptor)) == _as_numbers(terminal.raw_of(before)):
                termios.tcsetattr(self.descriptor, termios.TCSANOW, before)
        except (OSError, termios.error, IndexError):
            pass  # hung up, or what an earlier service knew of it is not known

    def as_json(self) -> list[Any]:
        """All but the descriptor, for `TakenTerminal(descriptor, *...)`."""
        return [self.uid, self.gid, self.mode, self.attributes]


def taken(descriptor: int) -> TakenTerminal:
    """A terminal as it is now, to be taken."""
    before = os.fstat(descriptor)
    attributes = _as_numbers(termios.tcgetattr(descriptor))
    return TakenTerminal(descriptor, before.st_uid, before.st_gid, stat.S_IMODE(before.st_mode), attributes)


def take(outer: TakenTerminal) -> None:
    """Nobody but root can open it from now on; what is open stays so."""
    os.fchmod(outer.descriptor, _ROOTS_ONLY)
    os.fchown(outer.descriptor, 0, 0)


def _as_numbers(attributes: list[Any]) -> list[Any]:
    characters = [value if isinstance(value, int) else value[0] for value in attributes[terminal.CC]]
    return [*attributes[: terminal.CC], characters]


def _as_bytes(characters: list[int]) -> list[bytes]:
    return [bytes([value]) for value in characters]
