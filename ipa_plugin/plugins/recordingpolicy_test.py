"""The command that tells what the policies mean for a user on a host, by the same evaluation as the hosts'."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ipalib import Flag, Object, Str, _, errors, output
from ipalib.frontend import Method
from ipalib.plugable import Registry
from ipapython.dn import DN

from ipa_plugin.policy import (
    Decision,
    Policy,
    PolicyError,
    Settings,
    Subject,
    decide,
    describe_audit,
    describe_capture,
    read_policies,
    settings_from_entry,
)

register = Registry()


@register()
class recordingtest(Object):
    """Outcome of a test of session recording policies: what a client without this code labels it by."""

    takes_params = (
        Str("decided*", label=_("Decided by")),
        Str("matched*", label=_("Matched")),
        Str("notmatched*", label=_("Not matched")),
        Str("capture*", label=_("Capture")),
        Str("audit*", label=_("Audit")),
        Str("notice?", label=_("Notice")),
        Str("onfailure?", label=_("On failure")),
        Str("error*", label=_("Unreadable")),
    )


@register()
class recordingpolicy_test(Method):
    """Tell how sessions of a user on a host are recorded."""

    # The help topic; that of this module would be a second one.
    topic = "recordingpolicy"
    obj_name = "recordingtest"
    attr_name = "test"

    takes_options = (
        Str("user", label=_("User name")),
        Str("host", label=_("Host name"), doc=_("Host name; without a dot, the domain is added")),
        Str("policies*", label=_("Policies"), doc=_("Only these policies, as if they were enabled")),
        Flag("disabled?", label=_("Disabled"), doc=_("Disabled policies too, as if they were enabled")),
        Flag("nodetail?", label=_("No detail"), doc=_("Hide which policies match and which do not")),
    )

    # Text and lists beside `result` would be printed without a label, or fail, where a client knows only the names.
    has_output = (
        output.summary,
        output.Output("result", dict, _("What follows, and from which policies")),
        output.Output("value", bool, _("Whether sessions are recorded")),
    )

    def execute(self, *args: str, **options: Any) -> dict[str, Any]:
        """Evaluate the policies as they are now, with the rights of the caller."""
        subject = self._subject(options["user"], options["host"])
        defaults = self._defaults()
        policies, broken = read_policies(entry.raw for entry in self._entries())
        if options.get("policies"):
            policies, broken = _named(options["policies"], policies, broken)
        if options.get("policies") or options.get("disabled"):
            policies = [replace(policy, enabled=True) for policy in policies]
        policies = [policy for policy in policies if policy.enabled]
        decision = decide(policies, subject, defaults)
        result = {"decided": decision.decided, "error": tuple(sorted(str(error) for error in broken))}
        if not options.get("nodetail"):
            result |= _detail(decision, policies)
        if decision.settings:
            result |= _described(decision.settings)
        return {
            "summary": str(_("Recorded: %s") % decision.recorded),
            "result": {key: value for key, value in result.items() if value},
            "value": decision.recorded,
        }

    def _subject(self, user: str, host: str) -> Subject:
        """The two with all groups that they are in: memberOf has nested ones as well."""
        host = host.rstrip(".")
        user_dn, user_groups = self._membership("user", user.lower(), "group")
        host_dn, host_groups = self._membership(
            "host", (host if "." in host else f"{host}.{self.api.env.domain}").lower(), "hostgroup"
        )
        return Subject(user_dn[0].value, user_groups, host_dn[0].value, host_groups)

    def _membership(self, kind: str, name: str, group: str) -> tuple[DN, frozenset[str]]:
        obj = self.api.Object[kind]
        try:
            entry = self._readable(obj.get_dn(name), ["memberof"])
        except errors.NotFound:
            raise obj.handle_not_found(name) from None
        container = DN(self.api.Object[group].container_dn, self.api.env.basedn)
        groups = (DN(value) for value in entry.get("memberof", ()))
        return entry.dn, frozenset(dn[0].value for dn in groups if dn.endswith(container))

    def _defaults(self) -> Settings:
        obj = self.api.Object.recordingconfig
        try:
            entry = self._readable(obj.get_dn(), obj.default_attributes)
        except errors.NotFound:
            raise _refusal() from None
        try:
            return settings_from_entry(entry.raw)
        except PolicyError as error:
            raise errors.ValidationError(name="recordingconfig", error=str(error)) from error

    def _entries(self) -> list[Any]:
        """All policies. Raises ACIError where the caller may not see all of them, LimitsExceeded on a size limit."""
        ldap = self.api.Backend.ldap2
        obj = self.api.Object.recordingpolicy
        container = DN(obj.container_dn, self.api.env.basedn)
        entries, truncated = ldap.find_entries(
            "(|(objectclass=iparecordingpolicyobject)(objectclass=nscontainer))",
            [*obj.default_attributes, "numsubordinates"],
            container,
            time_limit=0,
            size_limit=0,
        )
        ldap.handle_truncated_result(truncated)
        policies = [entry for entry in entries if entry.dn != container]
        expected = [int(entry.single_value.get("numsubordinates", -1)) for entry in entries if entry.dn == container]
        if not expected or not 0 <= expected[0] <= len(policies):
            raise _refusal()
        if policies:
            self._readable(policies[0].dn, obj.default_attributes)
        return policies

    def _readable(self, dn: DN, attributes: list[str]) -> Any:
        """The entry. Raises ACIError if any of these attributes may not be read: it would look like one not set."""
        entry = self.api.Backend.ldap2.get_effective_rights(dn, attributes)
        rights = dict(
            pair.strip().lower().split(":", 1)
            for pair in entry.get("attributelevelrights", [""])[0].split(",")
            if pair
        )
        if not all("r" in rights.get(attribute, "none") for attribute in attributes):
            raise _refusal()
        return entry


def _refusal() -> errors.ACIError:
    return errors.ACIError(info="you may not read all that decides who is recorded")


def _named(
    names: Iterable[str], policies: list[Policy], broken: list[PolicyError]
) -> tuple[list[Policy], list[PolicyError]]:
    """Those of the policies that have these names."""
    wanted = {name.lower(): name for name in names}
    for name in (
        wanted.keys() - {policy.name.lower() for policy in policies} - {error.policy.lower() for error in broken}
    ):
        raise errors.NotFound(reason=f"{wanted[name]}: session recording policy not found")
    return (
        [policy for policy in policies if policy.name.lower() in wanted],
        [error for error in broken if error.policy.lower() in wanted],
    )


def _detail(decision: Decision, policies: Iterable[Policy]) -> dict[str, Any]:
    names = sorted((policy.name for policy in policies), key=str.lower)
    return {"matched": decision.matched, "notmatched": tuple(name for name in names if name not in decision.matched)}


def _described(settings: Settings) -> dict[str, Any]:
    return {
        "capture": describe_capture(settings.capture),
        "audit": describe_audit(settings.audit),
        "notice": settings.notice,
        "onfailure": str(settings.on_failure),
    }
