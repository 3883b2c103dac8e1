"""What the directory itself knows of recorded sessions: which hosts are still there, and who wants a state."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ipalib import errors
from ipapython.dn import DN
from ipaserver.plugins.recordedsession_entry import Report, is_stale, moment

from ipa_plugin.policy import PolicyError, heartbeat_from_entry

NAMES_A_SEARCH = 200
"""Names of hosts in the filter of one search."""


def heard(api: Any, hosts: set[str]) -> dict[str, Report]:
    """The last of each of these hosts, by name in lower case.

    Its time is modifyTimestamp of the host's entry, the directory's own clock, and not ipaRecordingSeen: a host may
    have another idea of the time, or lie.
    """
    ldap = api.Backend.ldap2
    sessions = DN(api.Object.recordedsession.container_dn, api.env.basedn)
    computers = DN(api.env.container_host, api.env.basedn)
    seen = {
        name: moment(entry.raw.get("modifytimestamp", [b""])[0])
        for name, entry in _by_name(ldap, sessions, "iparecordedhost", hosts, "modifytimestamp")
    }
    # A host that was disabled, or unenrolled itself, has no keys any more.
    enrolled = {
        name
        for name, entry in _by_name(ldap, computers, "ipahost", hosts, "krblastpwdchange")
        if entry.raw.get("krblastpwdchange")
    }
    heartbeat, now = _heartbeat(api), datetime.now(UTC).replace(tzinfo=None)
    return {
        host: Report(seen.get(host), is_stale(seen.get(host), host in enrolled, heartbeat, now)) for host in hosts
    }


def modifier(ldap: Any, dn: DN) -> str:
    """DN of who has changed an entry last."""
    return operational(ldap, dn, "modifiersname").decode()


def operational(ldap: Any, dn: DN, attribute: str) -> bytes:
    """What the directory itself says of an entry, b"" if that cannot be told; `attribute` is in lower case.

    A host may add modifiersName;x, which is the same attribute for FreeIPA's entries, so it is read past them; and
    for the directory too after a restart, if x is one of its own options. The directory's value stays beside it.
    """
    with ldap.error_handler():
        [(_, attributes)] = ldap.conn.search_ext_s(str(dn), ldap.SCOPE_BASE, attrlist=[attribute])
    values = [value for name, several in attributes.items() if name.lower() == attribute for value in several]
    return bytes(values[0]) if len(values) == 1 else b""


def found(ldap: Any, base: DN, filter: str, attributes: list[str]) -> tuple[list[Any], bool]:
    """All entries below `base`, and whether the directory's limits cut some off."""
    try:
        entries, truncated = ldap.find_entries(filter, attributes, base, time_limit=0, size_limit=0)
    except errors.NotFound:
        return [], False
    return entries, bool(truncated)


def _by_name(ldap: Any, base: DN, kind: str, hosts: set[str], attribute: str) -> Iterator[tuple[str, Any]]:
    """Entries of the object class `kind` right below `base`, by the name of the host."""
    names = sorted(hosts)
    for start in range(0, len(names), NAMES_A_SEARCH):
        some = ldap.make_filter_from_attr("fqdn", names[start : start + NAMES_A_SEARCH])
        for entry in found(ldap, base, f"(&(objectclass={kind}){some})", [attribute])[0]:
            if entry.dn[1:] == base[:]:
                yield entry.dn[0].value.lower(), entry


def _heartbeat(api: Any) -> int:
    """Seconds between two reports of a host."""
    try:
        config = api.Backend.ldap2.get_entry(api.Object.recordingconfig.get_dn(), ["iparecordingheartbeat"])
        return heartbeat_from_entry(config.raw)
    except (errors.NotFound, PolicyError):
        return heartbeat_from_entry({})
