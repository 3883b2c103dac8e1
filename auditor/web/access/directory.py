"""What FreeIPA says of users, groups of users and groups of hosts, remembered for a while.

An answer is fetched anew after a few seconds. Where FreeIPA cannot be asked, the last one counts for a bounded time;
after that nothing is known, and who depends on it is refused.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from auditor.web.access.access_rules import Account
from auditor.web.access.freeipa import FreeIpa, FreeIpaError, RefusedError
from auditor.web.access.kerberos import Service, TicketError
from recorder.errors import SessrecError

FRESH = 1.0
"""Seconds for which an answer is given again: the many requests of one page are one question."""

PAUSE = 10.0
"""Seconds after a failure in which FreeIPA is not asked: its server's silence takes a while each time."""

MAX_KNOWN = 10_000
"""Answers that are remembered; those that were not asked for longest go first."""

ASKED_AT_ONCE = 4

T = TypeVar("T")


class UnknownError(SessrecError):
    """FreeIPA cannot be asked, and what was known is too old."""


@dataclass(slots=True)
class _Known:
    value: Any
    at: float


class Directory:
    """FreeIPA as the service sees it. Any thread may use it; its methods raise UnknownError."""

    def __init__(
        self,
        freeipa: FreeIpa,
        service: Service,
        keep: float,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """keep: seconds for which an answer counts while FreeIPA does not give another."""
        self._freeipa = freeipa
        self._service = service
        self._keep = keep
        self._log = log
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._lock = threading.Lock()
        self._asking = threading.BoundedSemaphore(ASKED_AT_ONCE)
        self._silent_until = float("-inf")

    def account(self, name: str) -> Account | None:
        """The user of this name; None where there is none, or he is disabled or preserved."""
        return self._answer("user", name, lambda: self._account(name))

    def hosts(self, hostgroup: str) -> tuple[str, ...]:
        """The hosts of a group and of the groups in it; none where there is no such group."""
        return self._answer("hostgroup", hostgroup, lambda: self._members("host", "fqdn", "in_hostgroup", hostgroup))

    def users(self, group: str) -> tuple[str, ...]:
        """The users of a group and of the groups in it; none where there is no such group."""
        return self._answer("group", group, lambda: self._members("user", "uid", "in_group", group))

    def _account(self, name: str) -> Account | None:
        try:
            shown = self._freeipa.call(self._service.credentials(), "user_show", name)["result"]
        except RefusedError as refusal:
            if refusal.kind == "NotFound":
                return None
            raise
        principals = [str(each) for each in shown.get("krbprincipalname", [])]
        if _true(shown.get("nsaccountlock")) or _true(shown.get("preserved")):
            return None
        # An alias of somebody else is no name of his.
        if f"{name}@{self._freeipa.realm}" not in principals:
            return None
        return Account(
            name,
            frozenset([*shown.get("memberof_group", []), *shown.get("memberofindirect_group", [])]),
            frozenset([*shown.get("memberof_role", []), *shown.get("memberofindirect_role", [])]),
        )

    def _members(self, kind: str, name: str, option: str, group: str) -> tuple[str, ...]:
        options = {option: [group], "pkey_only": True, "sizelimit": 0}
        found = self._freeipa.call(self._service.credentials(), f"{kind}_find", **options)
        if found.get("truncated"):
            raise FreeIpaError(f"FreeIPA does not tell all {kind}s of {group}: raise its search limits")
        return tuple(sorted(str(entry[name][0]) for entry in found["result"]))

    def _answer(self, kind: str, name: str, ask: Callable[[], T]) -> T:
        key = kind, name.casefold()
        known = self._remembered(key)
        if known is not None and self._clock() - known.at < FRESH:
            return known.value  # type: ignore[no-any-return]
        with self._asking:
            # Somebody else may have asked meanwhile.
            known = self._remembered(key)
            if known is not None and self._clock() - known.at < FRESH:
                return known.value  # type: ignore[no-any-return]
            if self._clock() >= self._silent_until:
                try:
                    return self._remember(key, ask())
                except (FreeIpaError, RefusedError, TicketError, LookupError, TypeError, AttributeError) as error:
                    self._silent_until = self._clock() + PAUSE
                    self._log(f"the {kind} {name!a} is not known: {error}")
        if known is not None and self._clock() - known.at < self._keep:
            return known.value  # type: ignore[no-any-return]
        raise UnknownError("FreeIPA cannot be asked at the moment what you may see: try again in a minute")

    def _remembered(self, key: tuple[str, str]) -> _Known | None:
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def _remember(self, key: tuple[str, str], value: T) -> T:
        with self._lock:
            self._known[key] = _Known(value, self._clock())
            self._known.move_to_end(key)
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return value


def _true(value: Any) -> bool:
    """FreeIPA says a truth as true, "TRUE" or ["TRUE"], by its version."""
    first = value[0] if isinstance(value, list) and value else value
    return first is True or str(first).upper() == "TRUE"
