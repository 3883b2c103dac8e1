"""Whether processes of a login are left, from /proc: the kernel's login uid and audit session of each."""

import os
from collections.abc import Collection

Login = tuple[int, int]
"""A login uid and an audit session."""

ATTEMPTS = 5
"""How often /proc is read at a time until a reading has missed nothing."""

_UNSET = 2**32 - 1


class Processes:
    """The processes of this machine, those in its containers included; in a container, the container's own."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._witness: dict[Login, str] = {}
        """A process of the login, when last looked: as long as it lives nothing else need be read."""

    def all_alive(self, logins: Collection[Login]) -> bool:
        """Whether each of `logins` has a process for certain; False says nothing."""
        return all(login in self._witness and self._login(self._witness[login]) == login for login in logins)

    def living(self) -> tuple[frozenset[Login], bool]:
        """The logins that have processes, and whether there can be no others.

        A process that is listed and gone when its login is read may have begun another one, which was not listed.
        What does so again and again would never be seen. So a reading proves nothing if it missed the login of one.
        """
        found: set[Login] = set()
        self._witness.clear()
        certain = any(self._read(found) for _ in range(ATTEMPTS))
        return frozenset(found), certain

    def _read(self, found: set[Login]) -> bool:
        complete = True
        with os.scandir(self._proc) as entries:
            pids = [entry.name for entry in entries if entry.name.isdecimal()]
        for pid in pids:
            login = self._login(pid)
            if login is None:
                complete = False
            elif login[0] != _UNSET:
                found.add(login)
                self._witness[login] = pid
        return complete

    def _login(self, pid: str) -> Login | None:
        """None for a process that is gone."""
        try:
            auid = _number(f"{self._proc}/{pid}/loginuid")
            return auid, _UNSET if auid == _UNSET else _number(f"{self._proc}/{pid}/sessionid")
        except (OSError, ValueError):
            return None


def _number(path: str) -> int:
    # Two system calls less than open() makes, for each process of the machine.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(file, 16))
    finally:
        os.close(file)
