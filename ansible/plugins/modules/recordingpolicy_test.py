#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the sessions of a user on a host are recorded, asked by a task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: recordingpolicy_test
short_description: Tell how FreeIPA says that sessions of a user on a host are recorded
description:
  - Evaluates the policies as they are now, by the rules that hosts follow. Changes nothing.
extends_documentation_fragment:
  - freeipa.session_recording.login
options:
  user:
    description: The user.
    type: str
    required: true
  host:
    description: The host. To a name without a dot FreeIPA's domain is added.
    type: str
    required: true
  policies:
    description: Only these policies, as if they were enabled.
    type: list
    elements: str
  disabled:
    description: Disabled policies too, as if they were enabled.
    type: bool
    default: false
attributes:
  check_mode:
    description: Asks as it does otherwise.
    support: full
  diff_mode:
    description: There is nothing to tell.
    support: none
seealso:
  - module: freeipa.session_recording.recordingpolicy
author:
  - Contributors to session recording for FreeIPA (!UNKNOWN)
"""

EXAMPLES = r"""
- name: How is bob recorded on web
  freeipa.session_recording.recordingpolicy_test:
    ipaadmin_password: "{{ ipaadmin_password }}"
    user: bob
    host: web
  register: bob

- name: Bob's sessions are recorded, with what he types
  ansible.builtin.assert:
    that:
      - bob.recorded
      - "'input' in bob.capture"

- name: Would a policy record him that is not enabled yet
  freeipa.session_recording.recordingpolicy_test:
    ipaadmin_password: "{{ ipaadmin_password }}"
    user: bob
    host: web
    policies: [payment]
"""

RETURN = r"""
recorded:
  description: Whether sessions are recorded.
  returned: success
  type: bool
decided:
  description: The policies that decide.
  returned: success
  type: list
  elements: str
matched:
  description: The policies that match.
  returned: success
  type: list
  elements: str
notmatched:
  description: The policies that do not.
  returned: success
  type: list
  elements: str
capture:
  description: What is recorded.
  returned: when recorded
  type: list
  elements: str
  sample: [output, resize]
audit:
  description: What is audited.
  returned: when recorded
  type: list
  elements: str
  sample: [exec, changes under /etc]
notice:
  description: What is shown at the start of a session, "" for nothing.
  returned: when recorded
  type: str
on_failure:
  description: Whether a session that cannot be recorded is refused.
  returned: when recorded
  type: str
  sample: deny
errors:
  description: What is wrong with policies that cannot be read.
  returned: success
  type: list
  elements: str
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


def main() -> None:
    """Run one task."""
    module = AnsibleModule(
        argument_spec={
            **LOGIN_SPEC,
            "user": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
            "policies": {"type": "list", "elements": "str"},
            "disabled": {"type": "bool", "default": False},
        },
        mutually_exclusive=LOGIN_EXCLUDES,
        supports_check_mode=True,
    )
    try:
        with signed_in(module.params) as ipa:
            outcome = _evaluated(ipa, module.params)
    except IpaError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **outcome)


def _evaluated(ipa: Ipa, params: dict[str, Any]) -> dict[str, Any]:
    """What the server says, as the module returns it."""
    chosen = {"policies": params["policies"]} if params["policies"] else {}
    answer = ipa.call(
        "recordingpolicy_test", user=params["user"], host=params["host"], disabled=params["disabled"], **chosen
    )
    result = answer["result"]
    outcome: dict[str, Any] = {"recorded": answer["value"], "errors": list(result.get("error", ()))}
    outcome.update({name: list(result.get(name, ())) for name in ("decided", "matched", "notmatched")})
    if answer["value"]:
        outcome.update({name: list(result.get(name, ())) for name in ("capture", "audit")})
        outcome.update(notice=result.get("notice", ""), on_failure=result["onfailure"])
    return outcome


if __name__ == "__main__":
    main()
