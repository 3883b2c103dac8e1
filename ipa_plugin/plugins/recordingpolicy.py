"""
Session recording policies

A policy says whose terminal sessions are recorded on which hosts, and how. It
names users and groups, hosts and host groups, or all of them.

Of the enabled policies that match a user on a host, those of the highest order
decide. If any of them says "record", the session is recorded, with all that
any of those says; if all of them say "exempt", it is not. A session that no
policy matches is not recorded. What a policy leaves open is taken from the
configuration (see: ipa help recordingconfig). The three audit options are one
setting: a policy that has one of them takes none of them from the
configuration.

Policies are seen by who has the privilege "Session Recording Administrators"
or "Session Recording Auditors", and changed by the former. A host sees the
policies that concern it.

EXAMPLES:

 Record what members of the group "contractors" do on all hosts:
   ipa recordingpolicy-add contractors --hostcat=all
   ipa recordingpolicy-add-user contractors --groups=contractors

 Record also what they type, and audit what they run and what they change
 under /etc:
   ipa recordingpolicy-mod contractors --capture=output --capture=input \\
       --audit=exec --audit-changes=/etc

 Tell them so, and refuse sessions that cannot be recorded:
   ipa recordingpolicy-mod contractors --on-failure=deny \\
       --notice="This session is recorded."

 Record everyone on the hosts of the group "payment", but not alice:
   ipa recordingpolicy-add payment --usercat=all --order=10
   ipa recordingpolicy-add-host payment --hostgroups=payment
   ipa recordingpolicy-add alice --action=exempt --hostcat=all --order=20
   ipa recordingpolicy-add-user alice --users=alice

 Take audit settings from the configuration again:
   ipa recordingpolicy-mod contractors --audit= --audit-changes=

 Show what follows for bob on a host, and from which policies:
   ipa recordingpolicy-test --user=bob --host=web.example.com

 Find the policies that exempt, and those that name a group:
   ipa recordingpolicy-find --action=exempt
   ipa recordingpolicy-find --groups=contractors

 Disable, rename and remove a policy:
   ipa recordingpolicy-disable contractors
   ipa recordingpolicy-mod contractors --rename=externals
   ipa recordingpolicy-del externals
"""

# ruff: noqa: RUF012 - FreeIPA reads lists and dictionaries off the classes

from typing import Any

from ipalib import Bool, Int, Str, StrEnum, _, errors, ngettext, output
from ipalib.plugable import Registry
from ipapython.dn import DN
from ipaserver.plugins.baseldap import (
    LDAPAddMember,
    LDAPCreate,
    LDAPDelete,
    LDAPObject,
    LDAPQuery,
    LDAPRemoveMember,
    LDAPRetrieve,
    LDAPSearch,
    LDAPUpdate,
    pkey_to_value,
)
from ipaserver.plugins.recordingconfig import (
    ADMINISTRATORS,
    AUDITORS,
    SETTING_ATTRIBUTES,
    SETTINGS,
    invalid,
    resulting,
    rule,
    without_duplicates,
    words,
)

from ipa_plugin.policy import MAX_ORDER, OPTIONS, RECORD_ONLY, Action, PolicyError, check_name, policy_from_entry

register = Registry()


@register()
class recordingpolicy(LDAPObject):
    """Session recording policy."""

    container_dn = DN(("cn", "policies"), ("cn", "session-recording"))
    object_name = _("session recording policy")
    object_name_plural = _("session recording policies")
    object_class = ["ipaassociation", "iparecordingpolicyobject"]
    permission_filter_objectclasses = ["iparecordingpolicyobject"]
    default_attributes = [
        "cn",
        "description",
        "ipaenabledflag",
        "iparecordingaction",
        "iparecordingorder",
        "usercategory",
        "hostcategory",
        "memberuser",
        "memberhost",
        *SETTING_ATTRIBUTES,
    ]
    search_attributes = [
        "cn",
        "description",
        "iparecordingnotice",
        "iparecordingauditchanges",
        "iparecordingauditreads",
    ]
    uuid_attribute = "ipauniqueid"
    rdn_attribute = "ipauniqueid"
    allow_rename = True
    attribute_members = {"memberuser": ["user", "group"], "memberhost": ["host", "hostgroup"]}
    managed_permissions = {
        "System: Read Session Recording Policies": {
            "ipapermright": {"read", "search", "compare"},
            # numSubordinates of the container tells recordingpolicy-test that it has seen all policies.
            "ipapermtargetfilter": {"(|(objectclass=iparecordingpolicyobject)(objectclass=nscontainer))"},
            "ipapermdefaultattr": {*default_attributes, "ipauniqueid", "numsubordinates", "objectclass"},
            "default_privileges": {ADMINISTRATORS, AUDITORS},
        },
        "System: Add Session Recording Policies": {
            "ipapermright": {"add"},
            "default_privileges": {ADMINISTRATORS},
        },
        "System: Modify Session Recording Policies": {
            "ipapermright": {"write"},
            "ipapermdefaultattr": {*default_attributes},
            "default_privileges": {ADMINISTRATORS},
        },
        "System: Remove Session Recording Policies": {
            "ipapermright": {"delete"},
            "default_privileges": {ADMINISTRATORS},
        },
    }

    label = _("Session Recording Policies")
    label_singular = _("Session Recording Policy")

    takes_params = (
        Str("cn", rule(check_name), cli_name="name", label=_("Policy name"), primary_key=True),
        Str("description?", cli_name="desc", label=_("Description")),
        Bool("ipaenabledflag?", label=_("Enabled"), flags=["no_option"]),
        StrEnum(
            "iparecordingaction",
            cli_name="action",
            label=_("Action"),
            doc=_("Whether sessions that match are recorded or exempt from it"),
            values=words(Action),
            default=str(Action.RECORD),
            autofill=True,
        ),
        Int(
            "iparecordingorder?",
            cli_name="order",
            label=_("Order"),
            doc=_("Of the policies that match, those of the highest order decide"),
            minvalue=0,
            maxvalue=MAX_ORDER,
            default=0,
            autofill=True,
        ),
        StrEnum(
            "usercategory?",
            cli_name="usercat",
            label=_("User category"),
            doc=_("User category the policy applies to"),
            values=("all",),
        ),
        StrEnum(
            "hostcategory?",
            cli_name="hostcat",
            label=_("Host category"),
            doc=_("Host category the policy applies to"),
            values=("all",),
        ),
        *(
            Str(attribute, label=label, flags=["no_create", "no_update", "no_search"])
            for attribute, label in (
                ("memberuser_user?", _("Users")),
                ("memberuser_group?", _("User Groups")),
                ("memberhost_host?", _("Hosts")),
                ("memberhost_hostgroup?", _("Host Groups")),
            )
        ),
        *SETTINGS,
    )

    def check(self, entry: Any, changes: Any) -> None:
        """Refuse `changes`, whatever options they came from, if `entry`, which has them, makes no policy."""
        for member, command in (("memberuser", "add-user"), ("memberhost", "add-host")):
            if member in changes:
                raise errors.ValidationError(name=member, error=f"is set by recordingpolicy-{command}")
        self.check_category(entry, "usercategory", "memberuser")
        self.check_category(entry, "hostcategory", "memberhost")
        if entry.get("iparecordingaction") in (Action.EXEMPT, [Action.EXEMPT]):
            settings = [OPTIONS[attribute] for attribute in RECORD_ONLY if entry.get(attribute)]
            if settings:
                problem = f"an exempt policy records nothing: clear {', '.join(settings)}"
                raise errors.ValidationError(name="action", error=problem)
        try:
            policy_from_entry(entry.raw)
        except PolicyError as error:
            raise invalid(error) from error

    def check_category(self, entry: Any, category: str, member: str) -> None:
        """Refuse members beside a category that stands for all of them."""
        if entry.get(category) and entry.get(member):
            kind = category.removesuffix("category")
            raise errors.MutuallyExclusiveError(
                reason=f"{kind} category cannot be set to 'all' while there are {kind}s or {kind} groups"
            )

    def check_name_is_free(self, name: str) -> None:
        """Refuse a second policy of a name: names say which policy has decided."""
        container = DN(self.container_dn, self.env.basedn)
        try:
            self.backend.find_entry_by_attr("cn", name, self.object_class, [""], container)
        except errors.NotFound:
            return
        except errors.SingleMatchExpected:
            pass
        self.handle_duplicate_entry(name)


@register()
class recordingpolicy_add(LDAPCreate):
    """Create a new session recording policy."""

    msg_summary = _('Added session recording policy "%(value)s"')

    def pre_callback(self, ldap: Any, dn: DN, entry_attrs: Any, attrs_list: Any, *keys: str, **options: Any) -> DN:
        """Policies are enabled from the beginning."""
        entry_attrs["ipaenabledflag"] = [True]
        without_duplicates(entry_attrs)
        self.obj.check(entry_attrs, entry_attrs)
        return dn


@register()
class recordingpolicy_del(LDAPDelete):
    """Delete a session recording policy."""

    msg_summary = _('Deleted session recording policy "%(value)s"')

    def pre_callback(self, ldap: Any, dn: DN, *keys: str, **options: Any) -> DN:
        """Of a policy that is not there, or not to be seen, the directory would only say that access is refused."""
        if dn[0].attr == self.obj.primary_key.name:
            raise self.obj.handle_not_found(*keys)
        return dn


@register()
class recordingpolicy_mod(LDAPUpdate):
    """Modify a session recording policy."""

    msg_summary = _('Modified session recording policy "%(value)s"')

    def pre_callback(self, ldap: Any, dn: DN, entry_attrs: Any, attrs_list: Any, *keys: str, **options: Any) -> DN:
        """What counts is the policy that results."""
        entry = resulting(self, ldap, dn, entry_attrs, *keys)
        if options.get("rename"):
            entry["cn"] = [options["rename"]]
        self.obj.check(entry, entry_attrs)
        name = entry.single_value["cn"]
        if name.lower() != keys[-1].lower():
            self.obj.check_name_is_free(name)
        return dn


@register()
class recordingpolicy_find(LDAPSearch):
    """Search for session recording policies."""

    msg_summary = ngettext(
        "%(count)d session recording policy matched", "%(count)d session recording policies matched", 0
    )
    member_attributes = ["memberuser", "memberhost"]


@register()
class recordingpolicy_show(LDAPRetrieve):
    """Display the properties of a session recording policy."""


class SetEnabled(LDAPQuery):
    """What enabling and disabling have in common."""

    has_output = output.standard_value
    enabled: bool
    already: type[Exception]

    def execute(self, cn: str, **options: Any) -> dict[str, Any]:
        """Set ipaEnabledFlag."""
        ldap = self.obj.backend
        try:
            entry = ldap.get_entry(self.obj.get_dn(cn), ["ipaenabledflag"])
        except errors.NotFound:
            raise self.obj.handle_not_found(cn) from None
        entry["ipaenabledflag"] = [self.enabled]
        try:
            ldap.update_entry(entry)
        except errors.EmptyModlist:
            raise self.already() from None
        return {"result": True, "value": pkey_to_value(cn, options)}


@register()
class recordingpolicy_enable(SetEnabled):
    """Enable a session recording policy."""

    msg_summary = _('Enabled session recording policy "%(value)s"')
    enabled = True
    already = errors.AlreadyActive


@register()
class recordingpolicy_disable(SetEnabled):
    """Disable a session recording policy."""

    msg_summary = _('Disabled session recording policy "%(value)s"')
    enabled = False
    already = errors.AlreadyInactive


class AddMember(LDAPAddMember):
    """What adding users and adding hosts have in common."""

    member_count_out = ("%i object added.", "%i objects added.")
    category: str

    def pre_callback(self, ldap: Any, dn: DN, found: Any, not_found: Any, *keys: str, **options: Any) -> DN:
        """Members and their category exclude each other."""
        try:
            entry = ldap.get_entry(dn, [self.category])
        except errors.NotFound:
            raise self.obj.handle_not_found(*keys) from None
        if entry.get(self.category):
            kind = self.category.removesuffix("category")
            raise errors.MutuallyExclusiveError(reason=f"{kind}s cannot be added when {kind} category='all'")
        return dn


@register()
class recordingpolicy_add_user(AddMember):
    """Add users and groups to a session recording policy."""

    member_attributes = ["memberuser"]
    category = "usercategory"


@register()
class recordingpolicy_remove_user(LDAPRemoveMember):
    """Remove users and groups from a session recording policy."""

    member_attributes = ["memberuser"]
    member_count_out = ("%i object removed.", "%i objects removed.")


@register()
class recordingpolicy_add_host(AddMember):
    """Add hosts and host groups to a session recording policy."""

    member_attributes = ["memberhost"]
    category = "hostcategory"


@register()
class recordingpolicy_remove_host(LDAPRemoveMember):
    """Remove hosts and host groups from a session recording policy."""

    member_attributes = ["memberhost"]
    member_count_out = ("%i object removed.", "%i objects removed.")
