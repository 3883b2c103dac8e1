"""Who a login is: name, all groups, real shell and home, from whoever knows, and from memory when nobody answers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, replace
from typing import Any, Protocol

from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError

LOGIN_SHELL = "/usr/libexec/session-recording/login-shell"
"""What SSSD hands out as everybody's shell, and what must therefore never be anybody's real one."""

FRESH = 2.0
"""Seconds for which an answer is used again: a login asks when PAM opens the session and again for its shell."""

ASK_LIMIT = 1.2
"""Seconds to wait for SSSD, so that an answer is there within the 2 s of a login also when it is not from SSSD."""

PAUSE = 10.0
"""Seconds for which SSSD is not asked about users that are remembered, after it has not answered."""

_THREADS = 8
_LOCKS = 64


class IdentityError(SessrecError):
    """Nobody can tell who this is."""


class SourceError(SessrecError):
    """A source of identities cannot be asked. `absent`: there is no such thing on this host."""

    def __init__(self, message: str, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


@dataclass(frozen=True)
class User:
    """Somebody who logs in. `groups` has nested ones and those without a number; `shell` is the real one."""

    name: str
    uid: int
    groups: frozenset[str]
    shell: str
    home: str


class Source(Protocol):
    """One who knows users. None: there is no such user. Raises SourceError."""

    def by_uid(self, uid: int) -> User | None:
        """The user with this number."""

    def by_name(self, name: str) -> User | None:
        """The user with this name."""


class Memory(Protocol):
    """What was learned of users of SSSD, also before a restart."""

    def user(self, uid: int) -> User | None:
        """The user with this number."""

    def user_named(self, name: str) -> User | None:
        """The user with this name."""

    def learn(self, user: User) -> None:
        """Remember a user."""


class Identities:
    """Answers from SSSD, the files of the system, and the rest of NSS, in this order.

    Files and SSSD count together, as they do in NSS: somebody in both has the groups of both. While SSSD does not
    answer, its users are as they are remembered. Any thread may ask.
    """

    def __init__(self, sssd: Source, files: Source, nss: Source, memory: Memory, settings: HostSettings) -> None:
        self._sssd, self._files, self._nss, self._memory = sssd, files, nss, memory
        self._settings = settings
        self._fresh: dict[int, tuple[float, User]] = {}
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        # A thread that SSSD keeps waiting is given up, and is free again when its own limit ends.
        self._threads = ThreadPoolExecutor(_THREADS, "identity")
        self._pause_until = 0.0
        self._problem = ""

    def by_uid(self, uid: int) -> User:
        """The user with this number. Raises IdentityError, within 2 s."""
        found = self._fresh_one(uid)
        if found is not None:
            return found
        # One question at a time about one user: of 200 logins at once, one asks SSSD.
        with self._locks[uid % _LOCKS]:
            found = self._fresh_one(uid)
            if found is not None:
                return found
            user = self._learned(
                lambda source: source.by_uid(uid), self._memory.user(uid), f"number {uid}", sssd=uid != 0
            )
            if len(self._fresh) > 10_000:
                self._fresh.clear()
            self._fresh[uid] = time.monotonic(), user
            return user

    def by_name(self, name: str) -> User:
        """The user with this name. Raises IdentityError, within 2 s."""
        return self._learned(lambda source: source.by_name(name), self._memory.user_named(name), f"name {name!r}")

    def status(self) -> dict[str, Any]:
        """For `sessrec host status`: {"error": why SSSD cannot be asked, or ""}."""
        return {"error": self._problem}

    def _fresh_one(self, uid: int) -> User | None:
        learned, user = self._fresh.get(uid, (0.0, None))
        return user if user is not None and time.monotonic() - learned < FRESH else None

    def _learned(
        self, ask: Callable[[Source], User | None], remembered: User | None, who: str, sssd: bool = True
    ) -> User:
        local = ask(self._files)
        problem: SourceError | None = None
        if sssd:
            try:
                user = self._ask_sssd(ask, remembered is not None or local is not None)
            except SourceError as error:
                problem = error
            else:
                if user is not None:
                    return self._of_sssd(user, local)
        if local is not None:
            return self._with_shell(local)
        if problem is not None and not problem.absent:
            if remembered is not None:
                return remembered
            raise IdentityError(f"the user with the {who} is not known: {problem}")
        try:
            user = ask(self._nss)
        except SourceError as error:
            if remembered is not None:
                return remembered
            raise IdentityError(f"the user with the {who} is not known: {error}") from error
        if user is None:
            raise IdentityError(f"there is no user with the {who}")
        if user.shell == LOGIN_SHELL and remembered is not None:
            return remembered
        return self._with_shell(user)

    def _of_sssd(self, user: User, local: User | None) -> User:
        if local is not None:
            same = (local.name, local.uid) == (user.name, user.uid)
            return self._with_shell(replace(local, groups=user.groups | local.groups) if same else local)
        user = self._with_shell(user)
        self._memory.learn(user)
        return user

    def _ask_sssd(self, ask: Callable[[Source], User | None], can_do_without: bool) -> User | None:
        if can_do_without and time.monotonic() < self._pause_until:
            raise SourceError(self._problem)
        try:
            user = self._threads.submit(ask, self._sssd).result(ASK_LIMIT)
        except TooLate:
            error = SourceError(f"SSSD has not answered within {ASK_LIMIT} s; see 'systemctl status sssd'")
        except SourceError as raised:
            error = raised
        else:
            self._problem = ""
            return user
        self._problem = str(error)
        if not error.absent:
            self._pause_until = time.monotonic() + PAUSE
        raise error

    def _with_shell(self, user: User) -> User:
        """The user with the shell that the login is to end in."""
        shell = self._settings.shells.get(user.name) or user.shell
        return replace(user, shell=self._settings.shell if shell in ("", LOGIN_SHELL) else shell)
