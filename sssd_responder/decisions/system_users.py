"""Users of the system's own: /etc/passwd and /etc/group, and whatever else NSS knows."""

import subprocess

from sssd_responder.decisions.identity import SourceError, User

NSS_LIMIT = 0.6
"""Seconds for each of the two programs that ask NSS."""


class FileUsers:
    """Users in files, read at each question: a local user needs no daemon to log in."""

    def __init__(self, passwd: str = "/etc/passwd", group: str = "/etc/group") -> None:
        self._passwd, self._group = passwd, group

    def by_uid(self, uid: int) -> User | None:
        """The user with this number."""
        return self._first(2, str(uid))

    def by_name(self, name: str) -> User | None:
        """The user with this name."""
        return self._first(0, name)

    def _first(self, column: int, value: str) -> User | None:
        for fields in _lines(self._passwd, 7):
            if fields[column] == value and fields[2].isdecimal():
                name, gid = fields[0], fields[3]
                groups = frozenset(
                    group[0] for group in _lines(self._group, 4) if group[2] == gid or name in group[3].split(",")
                )
                return User(name, int(fields[2]), groups, fields[6] or "/bin/sh", fields[5])
        return None


class NssUsers:
    """Users by getent and id, which can be given up: NSS itself, once asked, may hold a thread for minutes."""

    def by_uid(self, uid: int) -> User | None:
        """The user with this number."""
        return _by_key(str(uid))

    def by_name(self, name: str) -> User | None:
        """The user with this name."""
        # getent takes a name of digits for a number.
        return None if name.isdecimal() else _by_key(name)


def _by_key(key: str) -> User | None:
    fields = _output("getent", "passwd", "--", key).rstrip("\n").split(":")
    if len(fields) != 7 or not fields[2].isdecimal():
        return None
    groups = _output("id", "-Gnz", "--", fields[0])
    if not groups:
        raise SourceError(f"id tells no groups of {fields[0]!r}; see /etc/nsswitch.conf")
    return User(fields[0], int(fields[2]), frozenset(groups.split("\0")) - {""}, fields[6] or "/bin/sh", fields[5])


def _output(program: str, *arguments: str) -> str:
    """What a program prints; getent prints nothing where there is no such user."""
    try:
        done = subprocess.run(
            [f"/usr/bin/{program}", *arguments], capture_output=True, timeout=NSS_LIMIT, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{program} has not answered within {NSS_LIMIT} s; see /etc/nsswitch.conf") from error
    except OSError as error:
        raise SourceError(f"{program} cannot be run: {error.strerror}") from error
    return done.stdout.decode("utf-8", "surrogateescape")


def _lines(path: str, fields: int) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return [split for line in file if len(split := line.rstrip("\n").split(":")) == fields]
    except OSError:
        return []
