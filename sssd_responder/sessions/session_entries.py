"""The entries by which a host says in FreeIPA what it records now: fqdn=HOST, and cn=REC below it for each session.

Only the host itself writes them, but for ipaRecordingWanted, which is an auditor's (docs/schema.md).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ipa_plugin.policy import DEFAULT_HEARTBEAT, PolicyError, heartbeat_from_entry, printable
from sssd_responder.freeipa import directory
from sssd_responder.freeipa.directory import DirectoryError
from sssd_responder.sessions.session_control import Session

try:
    import ldap
    import ldap.dn
except ImportError:
    ldap = None

LONGEST = 256
"""Characters of a value; more is shown to nobody."""
MOST_POLICIES = 20

_SHOWN = ("cn", "ipaRecordingState", "ipaRecordingWanted", "modifiersName", "modifyTimestamp", "entryusn")


@dataclass(frozen=True)
class Entry:
    """A session as the directory has it. `rec` is its name in lower case, as the directory compares names.

    wanted: what an auditor wants, "" for nothing; modifier: DN of who wrote the entry last; stamp: when that was, by
    the directory's clock.
    """

    dn: str
    rec: str
    state: str
    wanted: str = ""
    modifier: str = ""
    stamp: str = ""


class RefusedError(DirectoryError):
    """The directory refuses one write; others may go on."""


class Entries(Protocol):
    """The entries of one host. Every method raises DirectoryError when the directory cannot be reached."""

    own: str
    """DN that the host's writes are under, in modifiersName."""

    def heartbeat(self) -> int:
        """Seconds between two reports that the host is alive, as the configuration says."""

    def read(self) -> dict[str, Entry] | None:
        """The sessions by name; None where there is not even an entry of the host."""

    def changed(self) -> bool:
        """Whether anybody has written there since the last `read`. Of what was removed it says nothing."""

    def add_host(self) -> None:
        """Make the host's entry, if there is none. Raises RefusedError, as all that follow."""

    def seen(self) -> None:
        """Report that the host is alive."""

    def remove_host(self) -> None:
        """Remove the host's entry, which has no sessions any more."""

    def add(self, session: Session, state: str) -> None:
        """Make the entry of a session, if there is none."""

    def report(self, entry: Entry, state: str) -> None:
        """Say that a session is in another state."""

    def remove(self, entry: Entry) -> None:
        """Remove an entry. The directory refuses it where something is wanted and `ended` was not reported."""

    def close(self) -> None:
        """Part from the directory."""


class LdapEntries:
    """The entries of `host` on the server `uri`. The connection is its own, and bound as the host."""

    def __init__(self, uri: str, suffix: str, host: str) -> None:
        self._uri = uri
        self._read_to = 0
        self._ldap = directory.bound(uri)
        fqdn = f"fqdn={ldap.dn.escape_dn_chars(host)}"
        self._host = host
        self._dn = f"{fqdn},cn=sessions,cn=session-recording,{suffix}"
        self._config = f"cn=config,cn=session-recording,{suffix}"
        self.own = f"{fqdn},cn=computers,cn=accounts,{suffix}"

    def heartbeat(self) -> int:
        """See Entries. What the configuration cannot mean is the default."""
        found = self._search(self._config, ldap.SCOPE_BASE, ("ipaRecordingHeartbeat",))
        try:
            return heartbeat_from_entry(found[0][1]) if found else DEFAULT_HEARTBEAT
        except PolicyError:
            return DEFAULT_HEARTBEAT

    def read(self) -> dict[str, Entry] | None:
        """See Entries."""
        found = self._search(self._dn, ldap.SCOPE_SUBTREE, _SHOWN)
        numbers = (int(number) for _, attributes in found for number in attributes.get("entryusn", ()))
        self._read_to = max(numbers, default=0)
        if not found:
            return None
        # The host's own entry is the only one without a state.
        entries = [_entry(dn, attributes) for dn, attributes in found if "ipaRecordingState" in attributes]
        return {entry.rec: entry for entry in entries}

    def changed(self) -> bool:
        """See Entries."""
        return bool(self._search(self._dn, ldap.SCOPE_SUBTREE, ("cn",), f"(entryusn>={self._read_to + 1})"))

    def add_host(self) -> None:
        """See Entries."""
        classes = [b"top", b"ipaRecordedHost"]
        values = {"objectClass": classes, "fqdn": [self._host.encode()], "ipaRecordingSeen": [_time(time.time())]}
        self._add(self._dn, values)

    def seen(self) -> None:
        """See Entries."""
        self._change(self._ldap.modify_s, self._dn, [(ldap.MOD_REPLACE, "ipaRecordingSeen", [_time(time.time())])])

    def remove_host(self) -> None:
        """See Entries."""
        self._change(self._ldap.delete_s, self._dn)

    def add(self, session: Session, state: str) -> None:
        """See Entries."""
        self._add(f"cn={ldap.dn.escape_dn_chars(session.rec)},{self._dn}", attributes_of(session, state))

    def report(self, entry: Entry, state: str) -> None:
        """See Entries."""
        self._change(self._ldap.modify_s, entry.dn, [(ldap.MOD_REPLACE, "ipaRecordingState", [state.encode()])])

    def remove(self, entry: Entry) -> None:
        """See Entries."""
        self._change(self._ldap.delete_s, entry.dn)

    def close(self) -> None:
        """See Entries."""
        try:
            self._ldap.unbind_s()
        except ldap.LDAPError:
            pass

    def _search(
        self, base: str, scope: int, attributes: tuple[str, ...], filter: str = "(objectClass=*)"
    ) -> list[tuple[str, dict[str, list[bytes]]]]:
        try:
            found = self._ldap.search_ext_s(base, scope, filter, list(attributes), timeout=directory.LIMIT)
        except ldap.NO_SUCH_OBJECT:
            return []
        except ldap.LDAPError as error:
            raise DirectoryError(f"{self._uri}: {_reason(error)}") from error
        return [(dn, attributes) for dn, attributes in found if dn is not None]

    def _add(self, dn: str, values: Mapping[str, list[bytes]]) -> None:
        try:
            self._change(self._ldap.add_s, dn, list(values.items()))
        except RefusedError as error:
            if not isinstance(error.__cause__, ldap.ALREADY_EXISTS):
                raise

    def _change(self, operation: Any, dn: str, *arguments: Any) -> None:
        try:
            operation(dn, *arguments)
        except ldap.LDAPError as error:
            kind = RefusedError if isinstance(error, _refusals()) else DirectoryError
            raise kind(f"{self._uri}: {dn}: {_reason(error)}") from error


def attributes_of(session: Session, state: str) -> dict[str, list[bytes]]:
    """What the directory is told of a session: printable, short, and nothing empty."""
    values = {
        "objectClass": ["top", "ipaRecordedSession"],
        "cn": [session.rec],
        "uid": [session.user],
        "ipaRecordingState": [state],
        "ipaRecordingPolicy": session.policies[:MOST_POLICIES],
        "ipaRecordingTerminal": [session.terminal],
        "ipaRecordingFrom": [session.origin],
    }
    told = {
        # Names that differ in case or blanks only are the same to the directory, which takes no value twice.
        name: list({" ".join(text.lower().split()): text.encode() for text in map(_told, texts) if text}.values())
        for name, texts in values.items()
    }
    told["ipaRecordingStart"] = [_time(session.started)]
    return {name: several for name, several in told.items() if several}


def _told(text: str) -> str:
    return printable(text[:LONGEST])[:LONGEST].strip()


def _time(seconds: float) -> bytes:
    """GeneralizedTime in UTC."""
    try:
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds)).encode()
    except (OverflowError, OSError, ValueError):
        return b"19700101000000Z"


def _entry(dn: str, attributes: Mapping[str, list[bytes]]) -> Entry:
    def one(name: str) -> str:
        # By the exact name: what has an option, as modifiersName;x, is another value that a host may write.
        values = next((values for key, values in attributes.items() if key.lower() == name), [b""])
        return values[0].decode("utf-8", "replace")

    return Entry(
        dn=dn,
        rec=ldap.dn.str2dn(dn)[0][0][1].lower(),
        state=one("iparecordingstate").lower(),
        wanted=one("iparecordingwanted").lower(),
        modifier=one("modifiersname"),
        stamp=one("modifytimestamp"),
    )


def _reason(error: Any) -> str:
    """What a library's error says, on one line."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    parts = [str(details[key]) for key in ("desc", "info") if details.get(key)]
    return " ".join(": ".join(parts or [type(error).__name__]).split())


def _refusals() -> tuple[type[Exception], ...]:
    """What concerns one entry. Everything else means that the directory does not work, or not now."""
    return (
        ldap.ALREADY_EXISTS,
        ldap.CONSTRAINT_VIOLATION,
        ldap.INSUFFICIENT_ACCESS,
        ldap.INVALID_DN_SYNTAX,
        ldap.INVALID_SYNTAX,
        ldap.NAMING_VIOLATION,
        ldap.NO_SUCH_ATTRIBUTE,
        ldap.NO_SUCH_OBJECT,
        ldap.NOT_ALLOWED_ON_NONLEAF,
        ldap.OBJECT_CLASS_VIOLATION,
        ldap.TYPE_OR_VALUE_EXISTS,
        ldap.UNDEFINED_TYPE,
        ldap.UNWILLING_TO_PERFORM,
    )
