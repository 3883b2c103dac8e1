"""Users as SSSD knows them, from its InfoPipe on the system bus.

Under `override_shell` this is the only place that still tells a user's own shell. The attribute originalMemberOf
tells groups without a number as well; SSSD gives it where [ifp] user_attributes has it, as the installer sees to.
"""

import threading
from typing import Any

from ipa_plugin.policy_dn import rdns_of
from sssd_responder.identity import SourceError, User

try:
    import dbus
    import dbus.lowlevel
except ImportError:
    dbus = None

BUS_NAME = "org.freedesktop.sssd.infopipe"
USERS = "/org/freedesktop/sssd/infopipe/Users"
GROUPS = "/org/freedesktop/sssd/infopipe/Groups"
MEMBER_OF = "originalMemberOf"

CALL_LIMIT = 1.0
"""Seconds for each call."""

_NOT_FOUND = "org.freedesktop.sssd.Error.NotFound"
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

    def by_uid(self, uid: int) -> User | None:
        """The user with this number."""
        return self._user("FindByID", dbus and dbus.UInt32(uid))

    def by_name(self, name: str) -> User | None:
        """The user with this name."""
        return self._user("FindByName", name)

    def _user(self, find: str, key: Any) -> User | None:
        if dbus is None:
            raise SourceError("SSSD cannot be asked without python3-dbus; install it", absent=True)
        try:
            path = self._call(USERS, f"{BUS_NAME}.Users", find, key)
            found = self._properties(path, f"{BUS_NAME}.Users.User")
            name = str(found["name"])
            groups = {
                str(group) for group in self._call("/" + BUS_NAME.replace(".", "/"), BUS_NAME, "GetUserGroups", name)
            }
            groups |= self._primary_group(int(found["gidNumber"]))
        except dbus.DBusException as error:
            code = error.get_dbus_name()
            if code == _NOT_FOUND:
                return None
            self._forget()
            absent = code in _ABSENT
            what = "SSSD's InfoPipe is not here; install sssd-dbus" if absent else "SSSD cannot be asked"
            raise SourceError(f"{what}: {error.get_dbus_message()}", absent) from error
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise SourceError(f"SSSD's answer about {key} cannot be read: {error}") from error
        extra = found.get("extraAttributes", {})
        groups |= set(_groups_of(extra.get(MEMBER_OF, ())))
        return User(
            name=self._short(name),
            uid=int(found["uidNumber"]),
            groups=frozenset(map(self._short, groups)),
            shell=str(found.get("loginShell", "")),
            home=str(found.get("homeDirectory", "")),
        )

    def _primary_group(self, gid: int) -> set[str]:
        """The name of a user's primary group, which is not among his groups; a private one may have none."""
        try:
            path = self._call(GROUPS, f"{BUS_NAME}.Groups", "FindByID", dbus.UInt32(gid))
            return {str(self._properties(path, f"{BUS_NAME}.Groups.Group")["name"])}
        except dbus.DBusException as error:
            if error.get_dbus_name() == _NOT_FOUND:
                return set()
            raise

    def _properties(self, path: str, interface: str) -> Any:
        return self._call(path, "org.freedesktop.DBus.Properties", "GetAll", interface)

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
