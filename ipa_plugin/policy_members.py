"""Whom a policy names: users and hosts by their own names or by their groups' names, out of the DNs of its entry."""

from collections.abc import Iterable
from dataclasses import dataclass

from ipa_plugin.policy_dn import Rdn, rdns_of
from ipa_plugin.policy_entry import Attributes
from ipa_plugin.policy_settings import shown


@dataclass(frozen=True)
class Members:
    """The users, or the hosts, of a policy. Names and names of groups are kept in lower case."""

    everyone: bool = False
    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(name.lower() for name in self.names))
        object.__setattr__(self, "groups", frozenset(name.lower() for name in self.groups))

    def include(self, name: str, groups: Iterable[str]) -> bool:
        """Whether who has this name and is in these groups, directly or through nested ones, is a member."""
        return self.everyone or name.lower() in self.names or any(group.lower() in self.groups for group in groups)


def users_of(attributes: Attributes) -> Members:
    """The users of a policy's entry. Raises PolicyError."""
    return _members(attributes, "memberUser", "userCategory", ("uid", "users"), ("cn", "groups"))


def hosts_of(attributes: Attributes) -> Members:
    """The hosts of a policy's entry. Raises PolicyError."""
    return _members(attributes, "memberHost", "hostCategory", ("fqdn", "computers"), ("cn", "hostgroups"))


def host_filter(host_dn: str, group_dns: Iterable[str]) -> str:
    """The LDAP filter of the enabled policies that concern a host, which is in the groups of `group_dns`.

    DNs as the directory writes them; nested groups count. Escaped as RFC 4515 says.
    """
    members = "".join(f"(memberHost={_escaped(dn)})" for dn in (host_dn, *sorted(set(group_dns))))
    return f"(&(objectClass=ipaRecordingPolicyObject)(ipaEnabledFlag=TRUE)(|(hostCategory=all){members}))"


def _members(attributes: Attributes, member: str, category: str, single: Rdn, group: Rdn) -> Members:
    named: dict[Rdn, set[str]] = {single: set(), group: set()}
    for dn in attributes.texts(member):
        try:
            (naming, name), *container = rdns_of(dn)
        except ValueError as error:
            raise attributes.error(member, f"{shown(dn)} is not a distinguished name; remove that member") from error
        place = [(attribute, value.lower()) for attribute, value in container]
        for (attribute, kind), names in named.items():
            if naming == attribute and place[:2] == [("cn", kind), ("cn", "accounts")] and _is_suffix(place[2:]):
                names.add(name)
    return Members(bool(attributes.several(category, _everyone)), frozenset(named[single]), frozenset(named[group]))


def _everyone(categories: list[str]) -> bool:
    for category in categories:
        if category.strip().lower() != "all":
            raise ValueError(f"{shown(category)} is not all")
    return True


def _is_suffix(rdns: list[Rdn]) -> bool:
    return bool(rdns) and all(attribute == "dc" for attribute, _ in rdns)


def _escaped(text: str) -> str:
    return "".join(f"\\{ord(c):02x}" if c in "\\*()\0" else c for c in text)
