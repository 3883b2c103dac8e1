"""The keys that hosts have put into FreeIPA's directory, as an auditor reads them.

A host adds keys of its own, and changes or removes none. What it writes is not believed beyond that: an entry counts
if its name is the id of the key in it, and the key's creation is when the directory has got it (createTimestamp).
"""

import base64
import binascii
import calendar
import configparser
import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from recorder.errors import SessrecError
from recorder.keys import directory_search
from recorder.keys.directory_search import Entry, SearchError
from recorder.keys.signing_key import PublicKey, host_name, raw_from_spki

FREEIPA = Path("/etc/ipa/default.conf")
"""Where ipa-client-install writes down which server a machine asks."""
SYSTEM_PYTHON = "/usr/bin/python3"
KEYS = "cn=keys,cn=session-recording"
MOST = 1000
"""Keys of one host; one that has more is up to something."""

# Names as FreeIPA gives them to hosts, so nothing in them is escaped in a DN or needs to be in a file's name.
_KEY_DN = re.compile(rf"cn=([0-9a-f]{{16}}),fqdn=([a-z0-9_][a-z0-9._-]*),{KEYS},", re.ASCII)
_TIME = re.compile(r"[0-9]{14}Z", re.ASCII)


class HostDirectoryError(SessrecError):
    """FreeIPA cannot be asked for hosts' keys, or does not tell them; the text says what to do."""


class HostKeys(NamedTuple):
    """The keys found, how many entries of a host are no keys and were left out, and the hosts that were asked for,
    by their full names: none of them if it was all."""

    keys: list[PublicKey]
    refused: dict[str, int]
    asked: frozenset[str] = frozenset()


def fetch(hosts: Iterable[str] = (), server: str | None = None) -> HostKeys:
    """The keys of these hosts, or of all; asked with the Kerberos ticket of whoever runs this.

    `server` is by default the one that this machine is enrolled with. Raises HostDirectoryError.
    """
    server = server or _setting("server")
    if not server:
        raise HostDirectoryError("this machine is not enrolled in FreeIPA: say --server NAME")
    names = frozenset(map(_full_name, hosts))
    # Whoever may not read keys gets no error but no entries; the number of entries below tells him apart.
    container = _search(server, KEYS, "(cn=keys)", "numSubordinates")
    if not any("numsubordinates" in map(str.lower, attributes) for _, attributes in container):
        raise HostDirectoryError(
            f"{server} shows no hosts' keys: get the role Session Recording Auditor, or have the server's "
            "session recording brought up to date"
        )
    places = [f"fqdn={name},{KEYS}" for name in sorted(names)] or [KEYS]
    wanted = ("(objectClass=ipaRecordingKeyObject)", "cn", "ipaRecordingPublicKey", "createTimestamp")
    found = judged(entry for place in places for entry in _search(server, place, *wanted))
    return found._replace(asked=names)


def judged(entries: Iterable[Entry]) -> HostKeys:
    """What of these entries are keys. Anything may stand in them."""
    keys: dict[str, list[PublicKey]] = {}
    refused: dict[str, int] = {}
    for dn, attributes in entries:
        key = _key(dn, attributes)
        if key is not None:
            keys.setdefault(key.host, []).append(key)
        else:
            host = _host(dn)
            refused[host] = refused.get(host, 0) + 1
    for host, several in keys.items():
        # The oldest stay, so that a host that was taken over cannot bury the keys that it had before.
        several.sort(key=_age)
        if len(several) > MOST:
            refused[host] = refused.get(host, 0) + len(several) - MOST
    return HostKeys([key for host in sorted(keys) for key in keys[host][:MOST]], refused)


def _key(dn: str, attributes: dict[str, list[bytes]]) -> PublicKey | None:
    """The key that an entry is, if it is one."""
    place = _KEY_DN.match(dn.lower()) if dn.isascii() else None
    # A host can add createTimestamp;x with a time of its own, which the directory may take for a second value of
    # createTimestamp after a restart. Its own value stays, so a single one is the directory's.
    values = {name.lower(): several for name, several in attributes.items()}
    raw = raw_from_spki(_one(values.get("iparecordingpublickey")))
    created = _one(values.get("createtimestamp"))
    if place is None or raw is None or not _TIME.fullmatch(created):
        return None
    try:
        moment = calendar.timegm(time.strptime(created, "%Y%m%d%H%M%SZ"))
    except ValueError:
        return None
    key = PublicKey(raw, float(moment), host_name(place[2]) or "")
    return key if key.key_id == place[1] and key.host == place[2] and _one(values.get("cn")) == key.key_id else None


def _age(key: PublicKey) -> tuple[float, str]:
    return key.created, key.key_id


def _one(values: list[bytes] | None) -> str:
    """The only value of an attribute; "" of none or several, or of one that is no text."""
    return values[0].decode("ascii", "replace") if values is not None and len(values) == 1 else ""


def _host(dn: str) -> str:
    """The host below which an entry is, for a message; it may hold any character."""
    return dn.lower().partition(f",{KEYS},")[0].rpartition("fqdn=")[2]


def _full_name(host: str) -> str:
    name = host_name(host)
    if name is None:
        raise HostDirectoryError(f"{host!r} is not the name of a host")
    return name if "." in name else f"{name}.{_setting('domain')}".rstrip(".")


def _setting(name: str) -> str:
    """A setting of this machine's enrolment, "" where there is none."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(FREEIPA)
    except configparser.Error as error:
        raise HostDirectoryError(f"{FREEIPA} cannot be read: {error}") from error
    return config.get("global", name, fallback="")


def _search(server: str, base: str, filter: str, *attributes: str) -> list[Entry]:
    """`directory_search.search`, by the system's interpreter where this one has no python-ldap."""
    try:
        return directory_search.search(server, base, filter, attributes)
    except SearchError as error:
        raise HostDirectoryError(str(error)) from error
    except ImportError:
        return list(_searched_elsewhere(server, base, filter, *attributes))


def _searched_elsewhere(*arguments: str) -> Iterator[Entry]:
    command = (SYSTEM_PYTHON, "-I", directory_search.__file__, *arguments)
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            if "'ldap'" in reason:
                reason = "python-ldap is missing: install the package python3-ldap"
            raise HostDirectoryError(reason)
        for dn, attributes in json.loads(done.stdout):
            yield (
                dn,
                {name: [base64.b64decode(value) for value in values] for name, values in attributes.items()},
            )
    except (OSError, ValueError, binascii.Error) as error:
        raise HostDirectoryError(f"{SYSTEM_PYTHON} cannot ask the directory: {error}") from error
