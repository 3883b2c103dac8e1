# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a policy as it is and a task to the policy as it shall be, and to FreeIPA's commands between the two.

Values in, values out: what asks FreeIPA is ipa_api.py.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple

from ansible_collections.freeipa.session_recording.plugins.module_utils.rules import Refused
from ansible_collections.freeipa.session_recording.plugins.module_utils.settings import (
    POLICY,
    changed_attributes,
    described,
    given,
    listed,
    over,
)

MEMBERS = {"user": "user", "group": "user", "host": "host", "hostgroup": "host"}
"""The kinds of members, and what the command is called that adds and removes them."""


class Command(NamedTuple):
    """A command of FreeIPA on a policy."""

    method: str
    name: str
    arguments: dict[str, Any]


def policy_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The policy of an entry that recordingpolicy_show has shown."""
    policy = {"name": str(entry["cn"][0]), **described(entry, POLICY)}
    policy["enabled"] = str(entry.get("ipaenabledflag", ["FALSE"])[0]).upper() == "TRUE"
    for kind, command in MEMBERS.items():
        names = entry.get(f"member{command}_{kind}")
        if names:
            policy[kind] = listed(str(name).lower() for name in names)
    return policy


def wanted(params: Mapping[str, Any], name: str, before: dict[str, Any] | None, domain: str) -> dict[str, Any] | None:
    """The policy `name` as a task wants it; None is a policy that is not there.

    `before` is how it is. Hosts without a dot are in `domain`. Raises Refused.
    """
    state, members = params["state"], _members(params, domain)
    if state == "absent" and params["action"] == "policy":
        return None
    if before is None:
        if state != "present" or params["action"] == "member":
            raise Refused(f"no recordingpolicy {name}")
        before = {"name": name, "enabled": True, "recordingaction": "record", "order": 0}
    if state == "renamed":
        return {**before, "name": params["rename"]}
    if state in ("enabled", "disabled"):
        return {**before, "enabled": state == "enabled"}
    if params["action"] == "policy":
        return over(before, {**given(params, POLICY), **members})
    if state == "present":
        return over(before, {kind: listed([*before.get(kind, ()), *names]) for kind, names in members.items()})
    left = {kind: [name for name in before.get(kind, ()) if name not in names] for kind, names in members.items()}
    return over(before, left)


def commands(name: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Command]:
    """What leads from one to the other, in an order in which FreeIPA takes it."""
    if before == after:
        return []
    if after is None:
        return [Command("recordingpolicy_del", name, {})]
    if before is None:
        made = Command("recordingpolicy_add", name, changed_attributes({}, after, POLICY))
        return [made, *_membership("add", name, members_beyond(after, {}))]
    attributes = changed_attributes(before, after, POLICY)
    modified = [Command("recordingpolicy_mod", name, attributes)] if attributes else []
    removed = list(_membership("remove", name, members_beyond(before, after)))
    added = list(_membership("add", name, members_beyond(after, before)))
    if "usercategory" in after or "hostcategory" in after or after.get("recordingaction") == "exempt":
        # A category takes no members beside it; and nobody is exempt who shall no more be.
        steps = [*removed, *modified, *added]
    else:
        # So that nobody goes unrecorded in between.
        steps = [*modified, *added, *removed]
    if before["enabled"] != after["enabled"]:
        steps.append(Command(f"recordingpolicy_{'enable' if after['enabled'] else 'disable'}", name, {}))
    if before["name"] != after["name"]:
        steps.append(Command("recordingpolicy_mod", name, {"rename": after["name"]}))
    return steps


def members_beyond(policy: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, name) of whom a policy names and the other does not."""
    return [(kind, name) for kind in MEMBERS for name in policy.get(kind, ()) if name not in other.get(kind, ())]


def _membership(verb: str, name: str, members: list[tuple[str, str]]) -> Iterator[Command]:
    """The commands that add, or remove, members: one for users and their groups, one for hosts and theirs."""
    for command in ("user", "host"):
        arguments: dict[str, Any] = {}
        for kind, member in members:
            if MEMBERS[kind] == command:
                arguments.setdefault(kind, []).append(member)
        if arguments:
            yield Command(f"recordingpolicy_{verb}_{command}", name, arguments)


def _members(params: Mapping[str, Any], domain: str) -> dict[str, list[str]]:
    """Whom a task names, by kind, as FreeIPA writes their names."""
    members = {}
    for kind in MEMBERS:
        if params.get(kind) is not None:
            names = [name.strip().lower() for name in params[kind]]
            members[kind] = listed(_qualified(name, domain) for name in names) if kind == "host" else listed(names)
    return members


def _qualified(host: str, domain: str) -> str:
    host = host.rstrip(".")
    return host if "." in host else f"{host}.{domain}"
