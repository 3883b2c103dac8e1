# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What policies and the configuration set: the options of a task, and FreeIPA's attributes behind them.

A policy, or the configuration, is a dictionary here, as a task would write it: an option that is not set is not in
it, and a list is sorted and names each value once. In what a task gives, "" and [] clear an option.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

MAX_ORDER = 1000000
MIN_HEARTBEAT, MAX_HEARTBEAT = 30, 86400
"""Seconds."""


class Setting(NamedTuple):
    """An option: the attribute that it sets, its type as Ansible calls it, and the words it takes if not any."""

    attribute: str
    type: str = "str"
    choices: tuple[str, ...] = ()
    clearable: bool = True


RECORDING = {
    "capture": Setting("iparecordingcapture", "list", ("output", "input", "resize", "command-bytes", "none")),
    "audit": Setting("iparecordingaudit", "list", ("exec", "network", "none")),
    "audit_changes": Setting("iparecordingauditchanges", "list"),
    "audit_reads": Setting("iparecordingauditreads", "list"),
    "notice": Setting("iparecordingnotice"),
    "on_failure": Setting("iparecordingonfailure", choices=("deny", "allow")),
}
"""How a session is recorded: in policies and in the configuration."""

POLICY = {
    "description": Setting("description"),
    "recordingaction": Setting("iparecordingaction", choices=("record", "exempt"), clearable=False),
    "order": Setting("iparecordingorder", "int"),
    "usercategory": Setting("usercategory", choices=("all",)),
    "hostcategory": Setting("hostcategory", choices=("all",)),
    **RECORDING,
}
CONFIG = {
    **RECORDING,
    "heartbeat": Setting("iparecordingheartbeat", "int"),
    "player_url": Setting("iparecordingplayerurl"),
}


def argument_spec(settings: Mapping[str, Setting]) -> dict[str, dict[str, Any]]:
    """The options as AnsibleModule wants them."""
    spec: dict[str, dict[str, Any]] = {}
    for option, setting in settings.items():
        spec[option] = {"type": setting.type}
        if setting.type == "list":
            spec[option]["elements"] = "str"
        if setting.choices:
            cleared = [""] if setting.clearable and setting.type == "str" else []
            spec[option]["choices"] = [*setting.choices, *cleared]
    return spec


def given(params: Mapping[str, Any], settings: Mapping[str, Setting]) -> dict[str, Any]:
    """What a task says of these settings, with "" or [] for those that it clears."""
    said = {option: params[option] for option in settings if params.get(option) is not None}
    return {option: listed(value) if settings[option].type == "list" else value for option, value in said.items()}


def over(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a policy becomes when a task gives these changes."""
    after = {**before, **changes}
    return {option: value for option, value in after.items() if value not in ("", [])}


def described(entry: Mapping[str, Any], settings: Mapping[str, Setting]) -> dict[str, Any]:
    """The settings of an entry that FreeIPA has shown."""
    found = {}
    for option, setting in settings.items():
        values = [str(value) for value in entry.get(setting.attribute) or ()]
        if values:
            found[option] = listed(values) if setting.type == "list" else _single(values[0], setting)
    return found


def changed_attributes(
    before: Mapping[str, Any], after: Mapping[str, Any], settings: Mapping[str, Setting]
) -> dict[str, Any]:
    """What FreeIPA's commands are to be told, by attribute: the new value, or "", which clears."""
    return {
        setting.attribute: after.get(option, "")
        for option, setting in settings.items()
        if before.get(option) != after.get(option)
    }


def listed(values: Any) -> list[str]:
    """A list as it is compared and shown."""
    return sorted(set(values))


def _single(value: str, setting: Setting) -> Any:
    return int(value) if setting.type == "int" else value
