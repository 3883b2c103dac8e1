"""The key that this host signs recordings with, put into FreeIPA's directory for those who verify them.

The directory notes when it has got a key, and from then on the key counts. A host may add keys of its own, and may
neither change nor remove them: whoever takes it over cannot give his own key an older date.
"""

import calendar
import time
from typing import Any, NamedTuple

import ldap
import ldap.dn

from recorder.errors import SessrecError
from recorder.keys.signing_key import PublicKey

CONTAINER = "cn=keys,cn=session-recording"


class HostKeyError(SessrecError):
    """The key is not in the directory, or not known to be; the text says what to do."""


class Published(NamedTuple):
    """A key that is in the directory: whether it is new there, and its creation there in seconds since 1970."""

    new: bool
    since: float


def publish(connection: Any, suffix: str, fqdn: str, key: PublicKey) -> Published:
    """Put the key into the directory unless it is there.

    `connection` is python-ldap's, bound as the host; `suffix` is the directory's, as dc=example,dc=test; `fqdn` is
    the host's name in FreeIPA. Raises HostKeyError; it may be called again at any time.
    """
    above = f"fqdn={ldap.dn.escape_dn_chars(fqdn)},{CONTAINER},{suffix}"
    name = f"cn={key.key_id},{above}"
    try:
        since = _since(connection, name, key)
        if since is not None:
            return Published(False, since)
        _add(connection, above, {"objectClass": ["top", "ipaRecordedHost"], "fqdn": [fqdn]})
        said = {"cn": [key.key_id], "ipaRecordingPublicKey": [key.spki()]}
        new = _add(connection, name, {"objectClass": ["top", "ipaRecordingKeyObject"], **said})
        since = _since(connection, name, key)
    except ldap.NO_SUCH_OBJECT as error:
        raise HostKeyError(
            f"the directory has no place for keys of hosts ({CONTAINER}): bring session recording on the FreeIPA "
            "servers up to date with ipa-session-recording-install"
        ) from error
    except ldap.INSUFFICIENT_ACCESS as error:
        raise HostKeyError(f"the directory refuses a key of {fqdn}: is this the host's name in FreeIPA?") from error
    except ldap.LDAPError as error:
        raise HostKeyError(f"the directory does not take this host's key: {_reason(error)}") from error
    if since is None:
        raise HostKeyError(f"the directory does not show the key {key.key_id} of {fqdn} after it was added")
    return Published(new, since)


def _since(connection: Any, name: str, key: PublicKey) -> float | None:
    """Since when the directory has the key, None if it has not."""
    try:
        [(_, entry)] = connection.search_s(
            name, ldap.SCOPE_BASE, attrlist=["ipaRecordingPublicKey", "createTimestamp"]
        )
    except (ldap.NO_SUCH_OBJECT, ValueError):
        return None
    values = {attribute.lower(): value for attribute, value in entry.items()}
    if values.get("iparecordingpublickey") != [key.spki().encode()]:
        raise HostKeyError(
            f"under {key.key_id} the directory has another key of this host: have it removed with "
            f"`ipa recordingkey-del {key.key_id}`"
        )
    try:
        [created] = values["createtimestamp"]
        return float(calendar.timegm(time.strptime(created.decode(), "%Y%m%d%H%M%SZ")))
    except (KeyError, ValueError) as error:
        raise HostKeyError(f"the directory does not say since when it has the key {key.key_id}") from error


def _add(connection: Any, name: str, attributes: dict[str, list[str]]) -> bool:
    """Add an entry; whether it was not there."""
    coded = [(attribute, [value.encode() for value in values]) for attribute, values in attributes.items()]
    try:
        connection.add_s(name, coded)
    except ldap.ALREADY_EXISTS:
        return False
    return True


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    parts = (str(said[part]) for part in ("desc", "info") if said.get(part))
    return " ".join(": ".join(parts).split()) or type(error).__name__
