#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration of session recording, as a task."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: recordingconfig
short_description: Manage the FreeIPA session recording configuration
description:
  - What holds for sessions whose policies leave it open. What the configuration itself leaves open is as at the
    installation, so that output and resize are captured, exec is audited, and a session that cannot be recorded is
    refused.
  - An option that is not given stays as it is. An empty string, or an empty list, clears an option. Without options
    the task changes nothing and returns the configuration.
extends_documentation_fragment:
  - freeipa.session_recording.login
  - freeipa.session_recording.recording
options:
  heartbeat:
    description: Seconds between two reports of a host with recorded sessions, from 30 to 86400.
    type: int
  player_url:
    description: The address of the server on which recordings are watched, as C(https://auditor.example.com).
    type: str
attributes:
  check_mode:
    support: full
    description: What would be refused is refused, but for rights that are missing.
  diff_mode:
    description: What is told is how it was and how it is, or in check mode would be.
    support: full
seealso:
  - module: freeipa.session_recording.recordingpolicy
author:
  - Contributors to session recording for FreeIPA (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Network connections are audited as well as what is run, and the user is told
  freeipa.session_recording.recordingconfig:
    ipaadmin_password: "{{ ipaadmin_password }}"
    audit: [exec, network]
    notice: This session is recorded.

- name: Recordings are shown in the web UI
  freeipa.session_recording.recordingconfig:
    ipaadmin_password: "{{ ipaadmin_password }}"
    player_url: https://auditor.example.com

- name: No notice
  freeipa.session_recording.recordingconfig:
    ipaadmin_password: "{{ ipaadmin_password }}"
    notice: ""

- name: What holds now
  freeipa.session_recording.recordingconfig:
    ipaadmin_password: "{{ ipaadmin_password }}"
  register: session_recording
"""

RETURN = r"""
config:
  description: The configuration after the task, as a task would write it; in check mode, as it would be.
  returned: success
  type: dict
  sample:
    audit: [exec]
    capture: [output, resize]
    heartbeat: 300
    on_failure: deny
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
from ansible_collections.freeipa.session_recording.plugins.module_utils.rules import Refused, check_config
from ansible_collections.freeipa.session_recording.plugins.module_utils.settings import (
    CONFIG,
    argument_spec,
    changed_attributes,
    described,
    given,
    over,
)


def main() -> None:
    """Run one task."""
    module = AnsibleModule(
        argument_spec={**LOGIN_SPEC, **argument_spec(CONFIG)},
        mutually_exclusive=LOGIN_EXCLUDES,
        supports_check_mode=True,
    )
    try:
        with signed_in(module.params) as ipa:
            before, after = _ensure(ipa, module.params, module.check_mode)
    except (IpaError, Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=before != after, config=after, diff={"before": before, "after": after})


def _ensure(ipa: Ipa, params: dict[str, Any], check_mode: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """How the configuration was and how it is, or in check mode would be."""
    before = described(ipa.call("recordingconfig_show")["result"], CONFIG)
    after = over(before, given(params, CONFIG))
    changes = changed_attributes(before, after, CONFIG)
    if changes:
        check_config(after)
        if not check_mode:
            after = described(ipa.call("recordingconfig_mod", **changes)["result"], CONFIG)
    return before, after


if __name__ == "__main__":
    main()
