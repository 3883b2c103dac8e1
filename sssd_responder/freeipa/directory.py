"""This host's policies in FreeIPA, read with the host's keytab over LDAP."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ipa_plugin.policy import OPTIONS, host_filter
from ipa_plugin.policy_dn import rdns_of
from recorder.errors import SessrecError
from sssd_responder.decisions.snapshot import Entry, Snapshot
from sssd_responder.freeipa.enrolment import Enrolment
from sssd_responder.freeipa.watch import Signs

try:
    import ldap
    import ldap.dn
except ImportError:
    ldap = None

KEYTAB = "/etc/krb5.keytab"
CACHE = "FILE:/run/session-recording/krb5cc"
"""For the process that tries, and the one that binds after it."""

LIMIT = 5.0
"""Seconds for each operation; none of them is on the way of a login."""

TRY_LIMIT = 15.0
"""Seconds for a connection, a ticket and the bind, tried in a process of its own."""

_SETTINGS = tuple(name for name in OPTIONS if name.startswith("ipaRecording"))
_POLICY = ("cn", "ipaEnabledFlag", "memberUser", "userCategory", *_SETTINGS, "entryUSN")
"""Not memberHost, which may name ten thousand hosts: that a policy concerns this one, the filter has found out."""

_MEND = "enrol the host, correct [host] hostname, or run ipa-session-recording-install on FreeIPA's servers"


class DirectoryError(SessrecError):
    """The directory cannot be read."""


class Directory:
    """A connection to one server, bound as the host. Every method raises DirectoryError; not for several threads.

    `numbers`: of what was last read, the change that each entry was written by, by its DN."""

    def __init__(self, enrolment: Enrolment, host: str, uri: str) -> None:
        self.uri = uri
        self._host = host
        self._recording = f"cn=session-recording,{enrolment.suffix}"
        self._policies = f"cn=policies,{self._recording}"
        self._config = f"cn=config,{self._recording}"
        self.numbers: dict[str, int] = {}
        self.connection = self._ldap = bound(uri)
        self._host_dn = f"fqdn={ldap.dn.escape_dn_chars(host)},cn=computers,cn=accounts,{enrolment.suffix}"

    def close(self) -> None:
        """Part from the server."""
        try:
            self._ldap.unbind_s()
        except ldap.LDAPError:
            pass

    def read(self) -> Snapshot:
        """The policies that concern the host and the configuration, as they are now."""
        groups = self._groups()
        found = self._search(self._policies, ldap.SCOPE_ONELEVEL, host_filter(self._host_dn, groups), _POLICY)
        config = self._entry(self._config, (*_SETTINGS, "entryUSN"))
        numbers = {dn: _number(entry) for dn, entry in [*found, (self._config, config)]}
        self.numbers = {dn: number for dn, number in numbers.items() if number}
        return Snapshot(
            host=self._host,
            server=self.uri,
            read=time.time(),
            host_groups=frozenset(rdns_of(dn)[0][1] for dn in groups),
            policies=tuple({**_said(entry), "hostCategory": [b"all"]} for _, entry in found),
            config=_said(config),
        )

    def last_usn(self) -> int:
        """The number of the server's last change."""
        for values in self._entry("", ("lastusn",)).values():
            return int(values[0])
        raise DirectoryError(f"{self.uri}: numbers no changes; is it FreeIPA?")

    def signs(self, since: int) -> Signs:
        """What shows that the host's policies may have changed, see Signs."""
        written = f"(entryUSN>={since})"
        wanted = ("entryUSN", "numSubordinates")
        found = self._search(self._policies, ldap.SCOPE_SUBTREE, f"(|{written}(cn=policies))", wanted)
        found += self._search(self._config, ldap.SCOPE_BASE, written, wanted)
        entries = {
            dn: {name.lower(): value[0].decode() for name, value in entry.items() if value} for dn, entry in found
        }
        container = next((entry for dn, entry in entries.items() if dn.lower() == self._policies.lower()), {})
        return Signs(
            written=frozenset((dn, int(entry["entryusn"])) for dn, entry in entries.items() if "entryusn" in entry),
            groups=frozenset(self._groups()),
            policies=int(container["numsubordinates"]) if "numsubordinates" in container else None,
        )

    def _groups(self) -> list[str]:
        """The DNs of the host groups that the host is in, as the directory writes them."""
        member_of = self._entry(self._host_dn, ("memberOf",)).values()
        return [dn for values in member_of for dn in (value.decode() for value in values) if _is_host_group(dn)]

    def _entry(self, dn: str, attributes: Iterable[str]) -> Entry:
        """One entry, which has to be there."""
        found = self._search(dn, ldap.SCOPE_BASE, "(objectClass=*)", attributes)
        if not found:
            raise DirectoryError(f"{self.uri}: shows no {dn} to this host; {_MEND}")
        return found[0][1]

    def _search(self, base: str, scope: int, filter: str, attributes: Iterable[str]) -> list[tuple[str, Entry]]:
        try:
            found: list[tuple[str | None, Any]] = self._ldap.search_ext_s(
                base, scope, filter, list(attributes), timeout=LIMIT
            )
        except ldap.NO_SUCH_OBJECT as error:
            raise DirectoryError(f"{self.uri}: has no {base}; {_MEND}") from error
        except ldap.LDAPError as error:
            raise DirectoryError(f"{self.uri}: {_reason(error)}") from error
        return [(dn, entry) for dn, entry in found if dn is not None]


def _number(entry: Entry) -> int:
    """Of the change that it was written by; 0 where that is not shown."""
    return next((int(values[0]) for name, values in entry.items() if name.lower() == "entryusn"), 0)


def _said(entry: Entry) -> Entry:
    """What somebody has written."""
    return {name: values for name, values in entry.items() if name.lower() != "entryusn"}


def bound(uri: str) -> Any:
    """A connection of python-ldap to a server, bound as the host. Raises DirectoryError.

    python-ldap holds the interpreter's lock while it binds, and no thread answers a login meanwhile: where a server
    or a KDC does not answer, for as long as it is waited for. So it is tried before, in a process of its own; what
    follows finds the ticket there, and takes milliseconds.
    """
    if ldap is None:
        raise DirectoryError("FreeIPA cannot be read without python3-ldap; install it")
    command = [sys.executable, "-I", "-c", _TRY, str(Path(__file__).parents[2]), uri]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TRY_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise DirectoryError(f"{uri}: neither it nor its KDC has answered within {TRY_LIMIT:g} s") from error
    except OSError as error:
        raise DirectoryError(f"{uri}: cannot be tried: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"a process that tries it ends with status {done.returncode}"]
        raise DirectoryError(said[-1])
    return _bind(uri)


_TRY = """
import sys
sys.path.insert(0, sys.argv[1])
from sssd_responder.freeipa.directory import DirectoryError, _bind
try:
    _bind(sys.argv[2])
except DirectoryError as error:
    sys.exit(str(error))
"""


def _bind(uri: str) -> Any:
    # Kerberos gets a ticket by the keytab whenever it needs one, and nobody else's cache is touched.
    os.environ["KRB5_CLIENT_KTNAME"] = KEYTAB
    os.environ["KRB5CCNAME"] = CACHE
    try:
        connection = ldap.initialize(uri)
        for option, value in (
            (ldap.OPT_NETWORK_TIMEOUT, LIMIT),
            (ldap.OPT_TIMEOUT, LIMIT),
            (ldap.OPT_REFERRALS, 0),
            # No names from reverse DNS: the principal is the server's name as we have it.
            (ldap.OPT_X_SASL_NOCANON, 1),
            # Signed and encrypted, or not at all.
            (ldap.OPT_X_SASL_SSF_MIN, 56),
        ):
            connection.set_option(option, value)
        connection.sasl_gssapi_bind_s()
    except ldap.LDAPError as error:
        raise DirectoryError(f"{uri}: {_reason(error)}") from error
    return connection


def _is_host_group(dn: str) -> bool:
    try:
        _, *container = rdns_of(dn)
    except ValueError:
        return False
    return [(attribute, value.lower()) for attribute, value in container[:2]] == [
        ("cn", "hostgroups"),
        ("cn", "accounts"),
    ]


def _reason(error: Any) -> str:
    """What a library's error says, on one line."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    parts = [str(details[key]) for key in ("desc", "info") if details.get(key)]
    return " ".join(": ".join(parts or [str(error) or type(error).__name__]).split())
