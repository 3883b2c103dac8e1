"""Users as SSSD knows them, from its InfoPipe on the system bus.

Under `override_shell` this is the only place that still tells a user's own shell. The attribute originalMemberOf
tells groups without a number as well; SSSD gives it where [ifp] user_attributes has it, as the installer sees to.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from ipa_plugin.policy_dn import rdns_of
from sssd_responder.decisions.identity import SourceError, User

try:
    import dbus
except ImportError:
    dbus = None

BUS_NAME = "org.freedesktop.sssd.infopipe"
ROOT = "/org/freedesktop/sssd/infopipe"
USERS, GROUPS = f"{ROOT}/Users", f"{ROOT}/Groups"
MEMBER_OF = "originalMemberOf"
_ATTRIBUTES = ["name", "uidNumber", "gidNumber", "loginShell", "homeDirectory", MEMBER_OF]

CALL_LIMIT = 1.0
"""Seconds for each call."""

GROUP_NAME = 300.0
"""Seconds for which the name of a primary group is remembered."""

_NOT_FOUND = ("sbus.Error.NotFound", "org.freedesktop.sssd.Error.NotFound")
"""Of SSSD 2 since its sbus was rewritten, and before."""

_MUTE = ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Timeout")
_ABSENT = (
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.FileNotFound",
)


class InfoPipe:
    """SSSD's users. Every thread that asks has a connection of its own.

    Names of users and groups of `domain`, FreeIPA's own, come without it, as policies name them.
    """

    def __init__(self, domain: str = "") -> None:
        self._domain = domain
        self._of_thread = threading.local()
        self._primary_groups: dict[int, tuple[float, set[str]]] = {}

    def by_uid(self, uid: int) -> User | None:
        """The user with this number."""

        def name() -> str:
            path = self._call(USERS, f"{BUS_NAME}.Users", "FindByID", dbus.UInt32(uid))
            return str(self._property(path, f"{BUS_NAME}.Users.User", "name"))

        return self._user(name, f"uid {uid}")

    def by_name(self, name: str) -> User | None:
        """The user with this name."""
        return self._user(lambda: name, name)

    def _user(self, find: Callable[[], str], who: str) -> User | None:
        if dbus is None:
            raise SourceError("SSSD cannot be asked without python3-dbus; install it", absent=True)
        try:
            asked = find()
            # By one call for all attributes: the user's object, asked for its properties, takes five times as long.
            found = self._call(ROOT, BUS_NAME, "GetUserAttr", asked, dbus.Array(_ATTRIBUTES, signature="s"))
            groups = {str(group) for group in self._call(ROOT, BUS_NAME, "GetUserGroups", asked)}
            groups |= self._primary_group(int(found["gidNumber"][0]))
            groups.update(_groups_of(found.get(MEMBER_OF, ())))
            return User(
                name=self._short(str(found["name"][0])),
                uid=int(found["uidNumber"][0]),
                groups=frozenset(map(self._short, groups)),
                shell=str(found["loginShell"][0]) if found.get("loginShell") else "",
                home=str(found["homeDirectory"][0]) if found.get("homeDirectory") else "",
            )
        except dbus.DBusException as error:
            code = error.get_dbus_name()
            if code in _NOT_FOUND:
                return None
            self._forget()
            if code in _MUTE:
                raise SourceError(
                    f"SSSD has not answered within {CALL_LIMIT:g} s; see 'systemctl status sssd'"
                ) from error
            absent = code in _ABSENT
            what = "SSSD's InfoPipe is not here; install sssd-dbus" if absent else "SSSD cannot be asked"
            raise SourceError(f"{what}: {error.get_dbus_message()}", absent) from error
        except (KeyError, IndexError, ValueError, TypeError, OverflowError) as error:
            raise SourceError(f"SSSD's answer about {who} cannot be read: {error!r}") from error

    def _primary_group(self, gid: int) -> set[str]:
        """The name of a user's primary group, which is not among his groups; a private one may have none.

        Asked for once in a while: names of groups hardly ever change, and it is half of what a user takes.
        """
        known, names = self._primary_groups.get(gid, (0.0, set()))
        if known and time.monotonic() - known < GROUP_NAME:
            return names
        try:
            path = self._call(GROUPS, f"{BUS_NAME}.Groups", "FindByID", dbus.UInt32(gid))
            names = {str(self._property(path, f"{BUS_NAME}.Groups.Group", "name"))}
        except dbus.DBusException as error:
            if error.get_dbus_name() not in _NOT_FOUND:
                raise
            names = set()
        self._primary_groups[gid] = time.monotonic(), names
        return names

    def _property(self, path: str, interface: str, name: str) -> Any:
        return self._call(path, "org.freedesktop.DBus.Properties", "Get", interface, name)

    def _call(self, path: str, interface: str, method: str, *arguments: Any) -> Any:
        bus = getattr(self._of_thread, "bus", None)
        if bus is None:
            bus = self._of_thread.bus = dbus.SystemBus(private=True)
        return bus.call_blocking(BUS_NAME, path, interface, method, None, arguments, timeout=CALL_LIMIT)

    def _forget(self) -> None:
        """Give the connection up: after an error it may be one to a bus that is no more."""
        bus = getattr(self._of_thread, "bus", None)
        self._of_thread.bus = None
        if bus is not None:
            bus.close()

    def _short(self, name: str) -> str:
        bare, at, domain = name.rpartition("@")
        return bare if at and self._domain and domain.lower() == self._domain else name


def _groups_of(dns: Any) -> list[str]:
    """The names of FreeIPA's groups among the entries that somebody is a member of."""
    names = []
    for dn in dns:
        try:
            (naming, name), *container = rdns_of(str(dn))
        except ValueError:
            continue
        place = [(attribute, value.lower()) for attribute, value in container[:2]]
        if naming == "cn" and place == [("cn", "groups"), ("cn", "accounts")]:
            names.append(name)
    return names
