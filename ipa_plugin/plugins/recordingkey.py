"""
Recording keys

The keys that hosts sign recordings with. Each host puts its own here, and
nobody changes them. Since when a key is here is since when it counts: a
recording that begins earlier is not proven by it.

Auditors of session recording fetch these keys with "sessrec key fetch", and
"sessrec verify" proves recordings with them. A key is of use as long as there
are recordings that it has signed, so it stays when its host is deleted.

A key that is removed proves nothing any more for those who fetch keys after
that. A host that is still enrolled and has the key puts it here again, and
then it counts from that time on; so after a break-in have the host make a new
key first.

EXAMPLES:

 List the keys of all hosts, and those of one:
   ipa recordingkey-find
   ipa recordingkey-find --host=web.example.com

 Show a key:
   ipa recordingkey-show 3f6ee6b3a6b0a3a5

 Remove the key of a host that was broken into:
   ipa recordingkey-del 3f6ee6b3a6b0a3a5
"""

# ruff: noqa: RUF012 - FreeIPA reads lists and dictionaries off the classes

from typing import Any

from ipalib import DateTime, Str, _, errors, ngettext
from ipalib.plugable import Registry
from ipapython.dn import DN
from ipaserver.plugins.baseldap import LDAPDelete, LDAPRetrieve
from ipaserver.plugins.recordedsession_entry import cleaned
from ipaserver.plugins.recordedsession_hosts import operational
from ipaserver.plugins.recording_of_host import SHOWN, FindOfHost, OfHost, host_of, host_option
from ipaserver.plugins.recordingconfig import ADMINISTRATORS, AUDITORS
from ipaserver.plugins.recordingkey_entry import describe

register = Registry()

HOST = host_option(_("Host of the key; without a dot, the domain is added"))


@register()
class recordingkey(OfHost):
    """Recording key."""

    container_dn = DN(("cn", "keys"), ("cn", "session-recording"))
    object_name = _("recording key")
    object_name_plural = _("recording keys")
    called = "key"
    object_class = ["iparecordingkeyobject"]
    permission_filter_objectclasses = ["iparecordingkeyobject"]
    default_attributes = ["cn", "iparecordingpublickey"]
    search_attributes = ["cn", "iparecordingpublickey"]
    managed_permissions = {
        "System: Read Recording Keys": {
            "ipapermright": {"read", "search", "compare"},
            "ipapermtargetfilter": {
                "(|(objectclass=iparecordingkeyobject)(objectclass=iparecordedhost)(objectclass=nscontainer))"
            },
            # numSubordinates of the container tells that one may see what is in it.
            "ipapermdefaultattr": {
                *default_attributes,
                "createtimestamp",
                "creatorsname",
                "fqdn",
                "numsubordinates",
                "objectclass",
            },
            "default_privileges": {ADMINISTRATORS, AUDITORS},
        },
        "System: Remove Recording Keys": {
            "ipapermright": {"delete"},
            "ipapermtargetfilter": {"(|(objectclass=iparecordingkeyobject)(objectclass=iparecordedhost))"},
            "default_privileges": {ADMINISTRATORS},
        },
    }

    label = _("Recording Keys")
    label_singular = _("Recording Key")

    takes_params = (
        Str("cn", cli_name="key", label=_("Key"), primary_key=True),
        HOST,
        DateTime("since?", label=_("Since"), flags=SHOWN),
        Str("iparecordingpublickey?", cli_name="public_key", label=_("Public key"), doc=_("Public key, in base64")),
    )

    def show(self, entries: list[Any], raw: bool) -> None:
        """Make entries fit to be shown, with host and since unless they are to be raw."""
        for entry in entries:
            dn = entry.dn
            said = cleaned(entry)
            if not raw:
                describe(entry, said, operational(self.backend, dn, "createtimestamp"))


@register()
class recordingkey_find(FindOfHost):
    """Search for recording keys."""

    msg_summary = ngettext("%(count)d recording key matched", "%(count)d recording keys matched", 0)

    def post_callback(self, ldap: Any, entries: list[Any], truncated: Any, *args: str, **options: Any) -> Any:
        """Leave out what is no entry of a key, and make the rest fit to be shown."""
        entries[:] = [entry for entry in entries if self.obj.is_one(entry.dn)]
        entries.sort(key=lambda entry: (host_of(entry.dn), entry.dn[0].value))
        self.obj.show(entries, raw=options.get("raw", False) or options.get("pkey_only", False))
        if not options.get("raw") and not options.get("pkey_only"):
            entries.sort(key=lambda entry: (entry["host"], entry.get("since", [])))
        return truncated


@register()
class recordingkey_show(LDAPRetrieve):
    """Display a recording key."""

    takes_options = (*LDAPRetrieve.takes_options, HOST)

    def post_callback(self, ldap: Any, dn: DN, entry_attrs: Any, *keys: str, **options: Any) -> DN:
        """Make it fit to be shown."""
        self.obj.show([entry_attrs], raw=options.get("raw", False))
        return entry_attrs.dn


@register()
class recordingkey_del(LDAPDelete):
    """Remove a recording key, which then proves no recordings any more for those who fetch keys later."""

    msg_summary = _('Removed recording key "%(value)s"')
    takes_options = (*LDAPDelete.takes_options, HOST)
    subtree_delete = False

    def post_callback(self, ldap: Any, dn: DN, *keys: str, **options: Any) -> bool:
        """With its last key goes the entry of a host."""
        try:
            ldap.delete_entry(DN(*dn[1:]))
        except (errors.NotAllowedOnNonLeaf, errors.NotFound):
            pass
        return True
