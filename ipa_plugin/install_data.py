"""What session recording keeps in a FreeIPA server's directory, and deleting it when the plugin is uninstalled.

The schema is not part of it: another server of the topology may still have entries that need it, and a directory
refuses changes of entries that its schema does not know.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

TREE = "cn=session-recording"
NAMED = (
    "cn=Session Recording Administrators,cn=privileges,cn=pbac",
    "cn=Session Recording Auditors,cn=privileges,cn=pbac",
    "cn=Session Recording Administrator,cn=roles,cn=accounts",
    "cn=Session Recording Auditor,cn=roles,cn=accounts",
    "cn=session-recording-web,cn=s4u2proxy,cn=etc",
    "cn=session-recording-web-control,cn=s4u2proxy,cn=etc",
)
"""Privileges, roles and rules of Kerberos' delegation, as the update file makes them."""


class InstallError(Exception):
    """It cannot be done; the text says why and what to do."""


def find() -> list[Any]:
    """The names (ipapython's DN) of all our entries, in an order to delete them in. Raises InstallError."""
    connection, suffix = _connect()
    return _asked(lambda: list(_entries(connection, suffix)))


def delete(names: list[Any]) -> None:
    """Delete these entries; some may be gone already. Raises InstallError."""
    from ipalib.errors import NotFound

    connection, _ = _connect()

    def delete_each() -> None:
        for name in names:
            try:
                connection.delete_entry(name)
            except NotFound:
                continue

    _asked(delete_each)


def _entries(connection: Any, suffix: Any) -> Iterator[Any]:
    from ipalib.errors import NotFound
    from ipapython.dn import DN

    def below(base: Any, condition: str, *attributes: str) -> list[Any]:
        try:
            return list(connection.get_entries(base, filter=condition, attrs_list=list(attributes)))
        except NotFound:
            return []

    tree = DN(TREE, suffix)
    # Permissions first: an entry of the tree holds the ACI that a permission stands for.
    for entry in below(DN("cn=permissions,cn=pbac", suffix), "(objectClass=ipaPermissionV2)", "ipaPermLocation"):
        if any(DN(location).endswith(tree) for location in entry.get("ipaPermLocation", [])):
            yield entry.dn
    for name in NAMED:
        for entry in below(DN(name, suffix), "(|(objectClass=groupOfNames)(objectClass=groupOfPrincipals))", "cn"):
            yield entry.dn
    yield from sorted((entry.dn for entry in below(tree, "(objectClass=*)", "cn")), key=len, reverse=True)


def _connect() -> tuple[Any, Any]:
    """The directory of this server as its root, over the local socket; and its suffix."""
    from ipalib import api
    from ipaplatform.paths import paths
    from ipapython.ipaldap import LDAPClient

    if not api.isdone("bootstrap"):
        api.bootstrap(context="installer", in_server=True, confdir=paths.ETC_IPA, log=None)

    def bound() -> Any:
        connection = LDAPClient(str(api.env.ldap_uri))
        connection.external_bind()
        return connection

    return _asked(bound), api.env.basedn


def _asked(question: Callable[[], T]) -> T:
    """The directory's answer, or its refusal as InstallError."""
    from ipalib.errors import PublicError

    try:
        return question()
    except PublicError as error:
        raise InstallError(
            f"the directory does not do it ({error}); see that FreeIPA runs (ipactl status), then run this again"
        ) from error
