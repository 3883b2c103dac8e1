#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Policies of session recording, as tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: recordingpolicy
short_description: Manage FreeIPA session recording policies
description:
  - A policy says whose terminal sessions are recorded on which hosts, and how.
  - Of the enabled policies that match a user on a host, those of the highest I(order) decide. If any of them says
    C(record), the session is recorded, with all that any of those says. A session that no policy matches is not
    recorded.
  - An option that is not given stays as it is. An empty string, or an empty list, clears an option.
extends_documentation_fragment:
  - freeipa.session_recording.login
  - freeipa.session_recording.recording
options:
  name:
    description:
      - Names of policies. Only one can be given to make or change a policy; names are compared regardless of case.
    type: list
    elements: str
    required: true
    aliases: [cn]
  description:
    description: What the policy is for.
    type: str
    aliases: [desc]
  recordingaction:
    description: Whether sessions that the policy matches are recorded or exempt from it. A new policy records.
    type: str
    choices: [record, exempt]
    aliases: [iparecordingaction]
  order:
    description:
      - From 0 to 1000000. Of the policies that match, those of the highest order decide. That of a new policy is 0.
    type: int
    aliases: [iparecordingorder]
  usercategory:
    description: C(all) for every user, with no I(user) and no I(group) beside it.
    type: str
    choices: [all, ""]
    aliases: [usercat]
  hostcategory:
    description: C(all) for every host, with no I(host) and no I(hostgroup) beside it.
    type: str
    choices: [all, ""]
    aliases: [hostcat]
  user:
    description:
      - Users that the policy names.
      - With I(action=policy) these are all, and others are removed; with I(action=member) they are added or removed
        and others stay. So for I(group), I(host) and I(hostgroup).
    type: list
    elements: str
  group:
    description: User groups that the policy names. Those in nested groups are members too.
    type: list
    elements: str
  host:
    description: Hosts that the policy names. To a name without a dot FreeIPA's domain is added.
    type: list
    elements: str
  hostgroup:
    description: Host groups that the policy names. Those in nested groups are members too.
    type: list
    elements: str
  rename:
    description: The new name, with I(state=renamed).
    type: str
    aliases: [new_name]
  action:
    description: Work on the policy as a whole, or on the members that are named.
    type: str
    default: policy
    choices: [policy, member]
  state:
    description:
      - The state to ensure. C(enabled), C(disabled) and C(renamed) take a policy that is there.
    type: str
    default: present
    choices: [present, absent, enabled, disabled, renamed]
attributes:
  check_mode:
    support: full
    description: What would be refused is refused, but for rights that are missing.
  diff_mode:
    description: What is told is how it was and how it is, or in check mode would be.
    support: full
seealso:
  - module: freeipa.session_recording.recordingconfig
  - module: freeipa.session_recording.recordingpolicy_test
author:
  - Contributors to session recording for FreeIPA (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Contractors are recorded on all hosts
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: contractors
    description: Whoever works here under a contract
    group: contractors
    hostcategory: all
    capture: [output, resize]
    audit: exec
    audit_changes: /etc
    notice: This session is recorded.

- name: The interns too, beside those who are in the policy already
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: contractors
    group: interns
    action: member

- name: The interns no more
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: contractors
    group: interns
    action: member
    state: absent

- name: Alice is not recorded, whatever policies of a lower order say
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: alice
    recordingaction: exempt
    order: 20
    user: alice
    hostcategory: all

- name: The configuration decides again what is audited
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: contractors
    audit: []
    audit_changes: []

- name: Two policies stay, but do nothing
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: [contractors, alice]
    state: disabled

- name: A policy has another name, changed by who has the keytab
  freeipa.session_recording.recordingpolicy:
    ipaadmin_principal: policies/ansible.example.com
    ipaadmin_keytab: /etc/ansible/policies.keytab
    name: contractors
    rename: externals
    state: renamed

- name: There is no such policy
  freeipa.session_recording.recordingpolicy:
    ipaadmin_password: "{{ ipaadmin_password }}"
    name: alice
    state: absent
"""

RETURN = r"""
policies:
  description:
    - The policies that are there after the task, as a task would write them, with C(enabled) beside the options; in
      check mode, as they would be.
  returned: success
  type: list
  elements: dict
  sample:
    - name: contractors
      enabled: true
      recordingaction: record
      order: 0
      hostcategory: all
      group: [contractors]
      capture: [output, resize]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.freeipa.session_recording.plugins.module_utils.ipa_api import (
    LOGIN_EXCLUDES,
    LOGIN_SPEC,
    Ipa,
    IpaError,
    signed_in,
)
from ansible_collections.freeipa.session_recording.plugins.module_utils.policy_changes import (
    MEMBERS,
    commands,
    members_beyond,
    policy_of,
    wanted,
)
from ansible_collections.freeipa.session_recording.plugins.module_utils.rules import Refused, check_policy
from ansible_collections.freeipa.session_recording.plugins.module_utils.settings import POLICY, argument_spec

ALIASES = {
    "description": ["desc"],
    "recordingaction": ["iparecordingaction"],
    "order": ["iparecordingorder"],
    "usercategory": ["usercat"],
    "hostcategory": ["hostcat"],
}


def main() -> None:
    """Run one task."""
    settings = argument_spec(POLICY)
    for option, aliases in ALIASES.items():
        settings[option]["aliases"] = aliases
    module = AnsibleModule(
        argument_spec={
            **LOGIN_SPEC,
            "name": {"type": "list", "elements": "str", "required": True, "aliases": ["cn"]},
            **settings,
            **{kind: {"type": "list", "elements": "str"} for kind in MEMBERS},
            "rename": {"type": "str", "aliases": ["new_name"]},
            "action": {"type": "str", "default": "policy", "choices": ["policy", "member"]},
            "state": {
                "type": "str",
                "default": "present",
                "choices": ["present", "absent", "enabled", "disabled", "renamed"],
            },
        },
        mutually_exclusive=LOGIN_EXCLUDES,
        required_if=[("state", "renamed", ("rename",))],
        supports_check_mode=True,
    )
    try:
        names = _names(module.params)
        with signed_in(module.params) as ipa:
            done = [_ensure(ipa, module.params, name, module.check_mode) for name in names]
    except (IpaError, Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=any(before != after for before, after in done),
        policies=[after for before, after in done if after],
        diff=[_diff(name, before, after) for name, (before, after) in zip(names, done) if before != after],
    )


def _ensure(
    ipa: Ipa, params: dict[str, Any], name: str, check_mode: bool
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """See to one policy. Returns how it was and how it is, or in check mode would be; None where there is none."""
    entry = ipa.policy(name)
    before = policy_of(entry) if entry else None
    if params["state"] == "renamed":
        other = ipa.policy(params["rename"]) if params["rename"].lower() != name.lower() else None
        if other and before:
            raise Refused(f"rename: there is a recordingpolicy {params['rename']} already")
        if other:
            return policy_of(other), policy_of(other)
    after = wanted(params, name, before, ipa.domain)
    steps = commands(name, before, after)
    if after and any(step.method.endswith(("_add", "_mod", "_user", "_host")) for step in steps):
        check_policy(after)
        unknown = ipa.missing(members_beyond(after, before or {}))
        if unknown:
            raise Refused(", ".join(unknown))
    if check_mode or not steps:
        return before, after
    for step in steps:
        ipa.call(step.method, step.name, **step.arguments)
    return before, policy_of(ipa.policy(after["name"]) or {}) if after else None


def _names(params: dict[str, Any]) -> list[str]:
    """The policies of the task. Raises Refused for options that its state and action have no use for."""
    names = list({name.lower(): name for name in params["name"]}.values())
    state, action = params["state"], params["action"]
    if not names:
        raise Refused("name: must name a policy")
    if len(names) > 1 and state in ("present", "renamed") and action == "policy":
        raise Refused(f"name: only one policy at a time with state {state}")
    if action == "member" and state not in ("present", "absent"):
        raise Refused(f"action: member goes with state present or absent, not with {state}")
    used = set()
    if action == "member":
        used = {*MEMBERS}
    elif state == "present":
        used = {*POLICY, *MEMBERS}
    elif state == "renamed":
        used = {"rename"}
    unused = [option for option in (*POLICY, *MEMBERS, "rename") if option not in used and params[option] is not None]
    if unused:
        raise Refused(f"{', '.join(unused)}: not used with action {action} and state {state}")
    if action == "member" and not any(params[kind] for kind in MEMBERS):
        raise Refused(f"action: member needs one of {', '.join(MEMBERS)}")
    return names


def _diff(name: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    header = f"recordingpolicy {name}"
    return {"before_header": header, "after_header": header, "before": before or "", "after": after or ""}


if __name__ == "__main__":
    main()
