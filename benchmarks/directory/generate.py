"""A directory of the size of a large site, as LDIF for an offline import: users, hosts, their groups, policies.

An import runs none of the directory's plugins, so memberOf is worked out here as its plugin would have done it.
"""

import random
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

Attributes = dict[str, list[str]]

ACCOUNTS = "cn=accounts"
NESTED_GROUP = ["top", "groupofnames", "nestedgroup", "ipaobject"]
EVERYBODY = "cn=ipausers,cn=groups,cn=accounts"
"""The group that FreeIPA puts every user into; it is in the directory already."""


@dataclass(frozen=True)
class Size:
    """How many of each."""

    users: int = 10_000
    hosts: int = 1_000
    policies: int = 1_000
    groups: int = 300
    roles: int = 80
    sites: int = 20


@dataclass
class Generated:
    """Entries by DN, and who is in what: `member` of a group, by DN."""

    suffix: str
    entries: dict[str, Attributes] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, attributes: Attributes) -> str:
        """A new entry, `name` without the suffix; returns its DN."""
        dn = f"{name},{self.suffix}"
        self.entries[dn] = attributes | {"ipaUniqueID": attributes.get("ipaUniqueID") or [_uuid(dn)]}
        return dn

    def group(self, kind: str, name: str, members: list[str]) -> str:
        """A group of users (`kind` groups) or of hosts (hostgroups)."""
        own = "ipausergroup" if kind == "groups" else "ipahostgroup"
        dn = self.add(
            f"cn={name},cn={kind},{ACCOUNTS}",
            {
                "objectClass": [*NESTED_GROUP, own],
                "cn": [name],
                "description": [f"Generated {name}"],
                "member": members,
            },
        )
        self.members[dn] = members
        return dn


def generate(suffix: str, realm: str, size: Size) -> Generated:
    """The same for every call. Every user is in two groups, these in parents; every host has a role and a site."""
    made = Generated(suffix)
    chance = random.Random(4)
    domain = realm.lower()
    users = [_user(made, number, realm, domain) for number in range(size.users)]
    hosts = [_host(made, number, realm, domain) for number in range(size.hosts)]
    made.members[f"{EVERYBODY},{suffix}"] = users

    groups = [
        made.group("groups", f"team{n:04}", users[n :: size.groups] + chance.sample(users, size.users // size.groups))
        for n in range(size.groups)
    ]
    groups += [
        made.group("groups", f"division{n:03}", groups[n :: size.groups // 10]) for n in range(size.groups // 10)
    ]
    roles = [made.group("hostgroups", f"role{n:03}", hosts[n :: size.roles]) for n in range(size.roles)]
    tiers = [made.group("hostgroups", f"tier{n:02}", roles[n :: size.roles // 8]) for n in range(size.roles // 8)]
    block = size.hosts // size.sites
    sites = [made.group("hostgroups", f"site{n:02}", hosts[n * block : (n + 1) * block]) for n in range(size.sites)]
    hostgroups = [*roles, *tiers, *sites]

    for number in range(size.policies):
        _policy(made, number, chance, users, groups, hosts, hostgroups)
    for member, containers in _closure(made.members).items():
        if member in made.entries:
            made.entries[member]["memberOf"] = sorted(containers)
    return made


def write(made: Generated, exported: Iterable[str], target: TextIO) -> None:
    """The exported directory with the generated entries behind it, and all users in the group of everybody."""
    everybody = f"dn: {EVERYBODY},{made.suffix}\n"
    for line in exported:
        target.write(line)
        if line.lower() == everybody.lower():
            target.writelines(f"member: {dn}\n" for dn in made.members[everybody[4:-1]])
    for dn, attributes in made.entries.items():
        target.write(f"\ndn: {dn}\n")
        target.writelines(f"{name}: {value}\n" for name, values in attributes.items() for value in values)


def host_name(number: int, domain: str) -> str:
    """The name of a generated host."""
    return f"host{number:05}.{domain}"


def _user(made: Generated, number: int, realm: str, domain: str) -> str:
    uid = f"user{number:05}"
    classes = (
        "top person organizationalperson inetorgperson inetuser posixaccount krbprincipalaux krbticketpolicyaux "
        "ipaobject ipasshuser ipaSshGroupOfPubKeys"
    )
    return made.add(
        f"uid={uid},cn=users,{ACCOUNTS}",
        {
            "objectClass": classes.split(),
            "uid": [uid],
            "givenName": ["User"],
            "sn": [f"{number:05}"],
            "cn": [f"User {number:05}"],
            "displayName": [f"User {number:05}"],
            "gecos": [f"User {number:05}"],
            "mail": [f"{uid}@{domain}"],
            "loginShell": ["/bin/bash"],
            "homeDirectory": [f"/home/{uid}"],
            "uidNumber": [str(1_000_000 + number)],
            "gidNumber": [str(1_000_000 + number)],
            "krbPrincipalName": [f"{uid}@{realm}"],
            "krbCanonicalName": [f"{uid}@{realm}"],
        },
    )


def _host(made: Generated, number: int, realm: str, domain: str) -> str:
    fqdn = host_name(number, domain)
    classes = (
        "top ipaobject nshost ipahost pkiuser ipaservice krbprincipalaux krbprincipal ieee802device ipasshhost "
        "ipaSshGroupOfPubKeys"
    )
    name = f"fqdn={fqdn},cn=computers,{ACCOUNTS}"
    return made.add(
        name,
        {
            "objectClass": classes.split(),
            "fqdn": [fqdn],
            "cn": [fqdn],
            "serverHostName": [fqdn.partition(".")[0]],
            "krbPrincipalName": [f"host/{fqdn}@{realm}"],
            "krbCanonicalName": [f"host/{fqdn}@{realm}"],
            "managedBy": [f"{name},{made.suffix}"],
        },
    )


def _policy(
    made: Generated,
    number: int,
    chance: random.Random,
    users: list[str],
    groups: list[str],
    hosts: list[str],
    hostgroups: list[str],
) -> None:
    """One in 20 is for all hosts, one in 50 for all users, one in 12 exempts, one in 5 names no group."""
    attributes: Attributes = {
        "objectClass": ["ipaassociation", "iparecordingpolicyobject"],
        "cn": [f"policy{number:04}"],
        "description": [f"Generated policy {number}"],
        "ipaEnabledFlag": ["FALSE" if number % 25 == 0 else "TRUE"],
        "ipaRecordingOrder": [str(number % 5 * 10)],
        "ipaRecordingAction": ["exempt" if number % 12 == 11 else "record"],
    }
    if number % 12 != 11:
        attributes |= {
            "ipaRecordingCapture": ["output", "resize"],
            "ipaRecordingAudit": ["exec", "network"],
            "ipaRecordingAuditChanges": ["/etc", "/usr/local"],
            "ipaRecordingNotice": ["This session is recorded."],
        }
    single = number % 5 == 4
    if number % 50 == 7:
        attributes["userCategory"] = ["all"]
    else:
        attributes["memberUser"] = chance.sample(users if single else groups, chance.randint(1, 3))
    if number % 20 == 3:
        attributes["hostCategory"] = ["all"]
    else:
        attributes["memberHost"] = chance.sample(hosts if single else hostgroups, chance.randint(1, 3))
    identifier = _uuid(f"policy {number}")
    made.add(f"ipaUniqueID={identifier},cn=policies,cn=session-recording", attributes | {"ipaUniqueID": [identifier]})


def _closure(members: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """All groups that somebody is in, directly or through groups."""
    direct: dict[str, set[str]] = {}
    for group, inside in members.items():
        for member in inside:
            direct.setdefault(member, set()).add(group)
    return {member: set(_upwards(member, direct)) for member in direct}


def _upwards(member: str, direct: Mapping[str, set[str]]) -> Iterator[str]:
    seen: set[str] = set()
    waiting = [member]
    while waiting:
        for group in direct.get(waiting.pop(), set()) - seen:
            seen.add(group)
            waiting.append(group)
            yield group


def _uuid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))
