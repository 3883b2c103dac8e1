"""
Session recording configuration

What holds for sessions whose policies leave it open (see: ipa help
recordingpolicy). What the configuration itself leaves open is as at the
installation: output and resize are captured, exec is audited, and a session
that cannot be recorded is refused.

EXAMPLES:

 Show the configuration:
   ipa recordingconfig-show

 Audit network connections as well as what is run:
   ipa recordingconfig-mod --audit=exec --audit=network

 Show a notice at the start of each recorded session:
   ipa recordingconfig-mod --notice="This session is recorded."

 Show none:
   ipa recordingconfig-mod --notice=

 Let hosts with recorded sessions report each minute:
   ipa recordingconfig-mod --heartbeat=60

 Show recordings in the web UI, from the server where "sessrec serve" runs:
   ipa recordingconfig-mod --player-url=https://auditor.example.com
"""

# ruff: noqa: RUF012 - FreeIPA reads lists and dictionaries off the classes

from collections.abc import Callable, Iterable
from typing import Any

from ipalib import Int, Str, StrEnum, _, errors
from ipalib.plugable import Registry
from ipapython.dn import DN
from ipaserver.plugins.baseldap import LDAPObject, LDAPRetrieve, LDAPUpdate

from ipa_plugin.policy import (
    AUDIT_WORDS,
    CAPTURE_WORDS,
    MAX_HEARTBEAT,
    MIN_HEARTBEAT,
    OPTIONS,
    OnFailure,
    PolicyError,
    check_audit_path,
    check_notice,
    check_player_url,
    heartbeat_from_entry,
    settings_from_entry,
)

register = Registry()

ADMINISTRATORS = "Session Recording Administrators"
AUDITORS = "Session Recording Auditors"


def rule(check: Callable[[str], None]) -> Callable[[object, str], str | None]:
    """A check of policy.py as ipalib's parameters take one."""

    def broken(ugettext: object, value: str) -> str | None:
        try:
            check(value)
        except ValueError as error:
            return str(error)
        return None

    return broken


def words(several: Iterable[str]) -> tuple[str, ...]:
    """Members of an enumeration as plain text, the only kind that ipalib sends."""
    return tuple(str(word) for word in several)


SETTINGS = (
    StrEnum(
        "iparecordingcapture*",
        cli_name="capture",
        label=_("Capture"),
        doc=_("What of a session is recorded; none stands alone"),
        values=words(CAPTURE_WORDS),
    ),
    StrEnum(
        "iparecordingaudit*",
        cli_name="audit",
        label=_("Audit"),
        doc=_("What is audited during a session; none stands alone"),
        values=words(AUDIT_WORDS),
    ),
    Str(
        "iparecordingauditchanges*",
        rule(check_audit_path),
        cli_name="audit_changes",
        label=_("Audit changes under"),
        doc=_("Absolute path under which changes of files are audited"),
    ),
    Str(
        "iparecordingauditreads*",
        rule(check_audit_path),
        cli_name="audit_reads",
        label=_("Audit reads under"),
        doc=_("Absolute path under which reads of files are audited"),
    ),
    Str(
        "iparecordingnotice?",
        rule(check_notice),
        cli_name="notice",
        label=_("Notice"),
        doc=_("Line shown at the start of a recorded session"),
    ),
    StrEnum(
        "iparecordingonfailure?",
        cli_name="on_failure",
        label=_("On failure"),
        doc=_("Whether a session that cannot be recorded is refused"),
        values=words(OnFailure),
    ),
)
"""The options that policies and the configuration have in common."""

SETTING_ATTRIBUTES = tuple(param.name for param in SETTINGS)


def without_duplicates(entry: Any) -> None:
    """Name each value of a setting once, as LDAP wants it."""
    for attribute in SETTING_ATTRIBUTES:
        if isinstance(entry.get(attribute), list):
            entry[attribute] = list(dict.fromkeys(entry[attribute]))


def resulting(command: LDAPUpdate, ldap: Any, dn: DN, changes: Any, *keys: str) -> Any:
    """The entry that a command's `changes` lead to, which lose their duplicates. Raises NotFound."""
    try:
        entry = ldap.get_entry(dn, command.obj.default_attributes)
    except errors.NotFound:
        raise command.obj.handle_not_found(*keys) from None
    without_duplicates(changes)
    entry.update(changes)
    return entry


def invalid(error: PolicyError) -> errors.ValidationError:
    """What is wrong with an entry, as FreeIPA says it: invalid 'capture': ..."""
    option = error.option.lower() if error.option == OPTIONS["cn"] else error.option.removeprefix("--")
    return errors.ValidationError(name=option.replace("-", "_"), error=error.problem)


@register()
class recordingconfig(LDAPObject):
    """Session recording configuration."""

    container_dn = DN(("cn", "config"), ("cn", "session-recording"))
    object_name = _("session recording configuration")
    object_not_found_msg = _("%(oname)s not found, or you may not read it")
    permission_filter_objectclasses = ["iparecordingconfigobject"]
    default_attributes = [*SETTING_ATTRIBUTES, "iparecordingheartbeat", "iparecordingplayerurl"]
    managed_permissions = {
        "System: Read Session Recording Configuration": {
            "ipapermright": {"read", "search", "compare"},
            "ipapermdefaultattr": {*default_attributes, "cn", "objectclass"},
            "default_privileges": {ADMINISTRATORS, AUDITORS},
        },
        "System: Modify Session Recording Configuration": {
            "ipapermright": {"write"},
            "ipapermdefaultattr": {*default_attributes},
            "default_privileges": {ADMINISTRATORS},
        },
    }

    label = _("Session Recording Configuration")
    label_singular = _("Session Recording Configuration")

    takes_params = (
        *SETTINGS,
        Int(
            "iparecordingheartbeat?",
            cli_name="heartbeat",
            label=_("Heartbeat"),
            doc=_("Seconds between two reports of a host with recorded sessions"),
            minvalue=MIN_HEARTBEAT,
            maxvalue=MAX_HEARTBEAT,
        ),
        Str(
            "iparecordingplayerurl?",
            rule(check_player_url),
            cli_name="player_url",
            label=_("Player"),
            doc=_("Address of the server on which recordings are watched, as https://auditor.example.com"),
        ),
    )


@register()
class recordingconfig_mod(LDAPUpdate):
    """Modify the session recording configuration."""

    def pre_callback(self, ldap: Any, dn: DN, entry_attrs: Any, attrs_list: Any, *keys: str, **options: Any) -> DN:
        """What counts is the configuration that results."""
        entry = resulting(self, ldap, dn, entry_attrs, *keys)
        try:
            settings_from_entry(entry.raw)
            heartbeat_from_entry(entry.raw)
        except PolicyError as error:
            raise invalid(error) from error
        return dn


@register()
class recordingconfig_show(LDAPRetrieve):
    """Show the session recording configuration."""
