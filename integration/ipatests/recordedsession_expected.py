"""What the tests of the commands on recorded sessions expect, and the sessions that they are about."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ipalib import api, errors
from ipapython.dn import DN
from ipatests.test_xmlrpc.recording_expected import as_directory_manager
from ipatests.util import Fuzzy

SESSIONS = DN(("cn", "sessions"), ("cn", "session-recording"), api.env.basedn)
ALIVE, GONE, FORGOTTEN = (f"rec{name}.{api.env.domain}" for name in ("alive", "gone", "forgotten"))
"""Hosts: enrolled; without keys, as one that was disabled; and without an entry of its own any more."""
START = datetime(2026, 1, 2, 3, 4, 5)
fuzzy_time = Fuzzy(type=datetime)


def session(host: str, recording: str, **attributes: str | list[str]) -> None:
    """A host's entry, and one of its sessions, as the host would write them."""
    said = {
        "uid": "alice",
        "iparecordingstart": f"{START:%Y%m%d%H%M%SZ}",
        "iparecordingstate": "running",
        "iparecordingterminal": "pts/0",
    }
    host_dn = DN(("fqdn", host), SESSIONS)
    put(host_dn, {"objectclass": ["top", "iparecordedhost"], "fqdn": host})
    dn = DN(("cn", recording), host_dn)
    put(dn, {"objectclass": ["top", "iparecordedsession"], "cn": recording} | said | attributes)


def put(dn: DN, attributes: Mapping[str, str | list[str]]) -> None:
    """Add an entry, unless it is there."""
    values = {
        name: [value.encode() for value in ([several] if isinstance(several, str) else several)]
        for name, several in attributes.items()
    }
    with as_directory_manager() as ldap:
        try:
            ldap.conn.add_s(str(dn), list(values.items()))
        except Exception as error:
            if type(error).__name__ != "ALREADY_EXISTS":
                raise


def remove_sessions() -> None:
    """Remove all that is below SESSIONS."""
    with as_directory_manager() as ldap:
        try:
            entries = ldap.get_entries(SESSIONS, filter="(!(objectclass=nscontainer))", attrs_list=["dn"])
        except errors.NotFound:
            return
        for entry in sorted(entries, key=lambda entry: -len(entry.dn)):
            ldap.delete_entry(entry.dn)


def enrol(host: str) -> None:
    """Let a host have keys, as far as anybody can see."""
    now = f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d%H%M%SZ}"
    with as_directory_manager() as ldap:
        dn = DN(("fqdn", host), api.env.container_host, api.env.basedn)
        ldap.conn.modify_s(str(dn), [(2, "krbLastPwdChange", [now.encode()])])


def has_entry(host: str) -> bool:
    """Whether a host has an entry below SESSIONS."""
    with as_directory_manager() as ldap:
        return ldap.entry_exists(DN(("fqdn", host), SESSIONS))


def shown(host: str, recording: str, **attributes: object) -> dict:
    """What a command returns of such a session."""
    return {
        "dn": f"cn={recording},fqdn={host},{SESSIONS}",
        "cn": (recording,),
        "host": (host,),
        "uid": ("alice",),
        "iparecordingstart": (START,),
        "iparecordingstate": ("running",),
        "iparecordingterminal": ("pts/0",),
        "seen": (fuzzy_time,),
        "stale": (False,),
    } | attributes


def not_found(recording: str) -> errors.NotFound:
    return errors.NotFound(reason=f"{recording}: recorded session not found")


def protected(recording: str) -> errors.ProtectedEntryError:
    reason = "it goes on, says its host: terminate it instead"
    return errors.ProtectedEntryError(label="recorded session", key=recording, reason=reason)


def ambiguous(recording: str, *hosts: str) -> errors.ExecutionError:
    problem = f'several hosts have a session "{recording}" ({", ".join(hosts)}): say with --host which is meant'
    return errors.ExecutionError(message=problem)
