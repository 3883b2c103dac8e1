"""The user's own terminal, out of his reach while what he does on it is recorded."""

import os
import stat
from dataclasses import dataclass

_ROOTS_ONLY = 0o600


@dataclass(frozen=True)
class TakenTerminal:
    """A terminal that is root's for now, by a descriptor, which is that terminal also when its name is another's."""

    descriptor: int
    uid: int
    gid: int
    mode: int

    def give_back(self) -> None:
        """To whom it belonged, unless somebody else has done something with it since, or it is gone."""
        try:
            now = os.fstat(self.descriptor)
            if now.st_uid == 0 and stat.S_IMODE(now.st_mode) == _ROOTS_ONLY:
                os.fchown(self.descriptor, self.uid, self.gid)
                os.fchmod(self.descriptor, self.mode)
        except OSError:
            pass  # hung up


def take(descriptor: int) -> TakenTerminal:
    """Nobody but root can open it from now on; what is open stays so."""
    before = os.fstat(descriptor)
    os.fchmod(descriptor, _ROOTS_ONLY)
    os.fchown(descriptor, 0, 0)
    return TakenTerminal(descriptor, before.st_uid, before.st_gid, stat.S_IMODE(before.st_mode))
