"""
Recorded sessions

The terminal sessions that hosts record at this moment. Each host writes down
its own; who has the privilege "Session Recording Auditors" sees all of them,
and can have them suspended, resumed and terminated. The host acts within
seconds, as long as it reaches a FreeIPA server.

A session is named by its recording, as "sessrec list" shows it. Where two hosts
claim the same name, --host says which is meant.

A session is stale if its host has not reported for three heartbeats (see: ipa
help recordingconfig) or is no longer enrolled: nobody knows whether it goes
on. Entries of ended and of stale sessions can be removed.

EXAMPLES:

 List all recorded sessions:
   ipa recordedsession-find

 Those of alice, those on a host, those that are suspended:
   ipa recordedsession-find --user=alice
   ipa recordedsession-find --host=web.example.com
   ipa recordedsession-find --state=suspended

 Show a session, and who asked for what:
   ipa recordedsession-show 7f3c-2a1

 Let its user wait, let him go on, end it:
   ipa recordedsession-suspend 7f3c-2a1
   ipa recordedsession-resume 7f3c-2a1
   ipa recordedsession-terminate 7f3c-2a1

 Remove the entry of a session whose host is gone:
   ipa recordedsession-find --stale=TRUE
   ipa recordedsession-del 7f3c-2a1 --host=web.example.com
"""

# ruff: noqa: RUF012 - FreeIPA reads lists and dictionaries off the classes

from typing import Any

from ipalib import Bool, DateTime, Str, StrEnum, _, ngettext
from ipalib.plugable import Registry
from ipapython.dn import DN
from ipaserver.plugins.baseldap import LDAPRetrieve
from ipaserver.plugins.recordedsession_entry import STATES, WANTED, Report, clean, describe
from ipaserver.plugins.recordedsession_hosts import heard, modifier
from ipaserver.plugins.recording_of_host import SHOWN, FindOfHost, OfHost, host_of, host_option
from ipaserver.plugins.recordingconfig import AUDITORS

register = Registry()

HOST = host_option(_("Host of the session; without a dot, the domain is added"))


@register()
class recordedsession(OfHost):
    """Recorded session."""

    container_dn = DN(("cn", "sessions"), ("cn", "session-recording"))
    object_name = _("recorded session")
    object_name_plural = _("recorded sessions")
    called = "session"
    object_class = ["iparecordedsession"]
    permission_filter_objectclasses = ["iparecordedsession"]
    default_attributes = [
        "cn",
        "uid",
        "iparecordingstart",
        "iparecordingstate",
        "iparecordingwanted",
        "iparecordingpolicy",
        "iparecordingterminal",
        "iparecordingfrom",
    ]
    search_attributes = ["cn", "uid", "iparecordingpolicy", "iparecordingterminal", "iparecordingfrom"]
    managed_permissions = {
        "System: Read Recorded Sessions": {
            "ipapermright": {"read", "search", "compare"},
            "ipapermtargetfilter": {
                "(|(objectclass=iparecordedsession)(objectclass=iparecordedhost)(objectclass=nscontainer))"
            },
            # modifiersName tells who wants a state; numSubordinates of the container, that one may see what is in it.
            "ipapermdefaultattr": {
                *default_attributes,
                "createtimestamp",
                "creatorsname",
                "fqdn",
                "iparecordingseen",
                "modifiersname",
                "modifytimestamp",
                "numsubordinates",
                "objectclass",
            },
            "default_privileges": {AUDITORS},
        },
        "System: Control Recorded Sessions": {
            "ipapermright": {"write"},
            "ipapermdefaultattr": {"iparecordingwanted"},
            "default_privileges": {AUDITORS},
        },
        "System: Remove Recorded Sessions": {
            "ipapermright": {"delete"},
            "ipapermtargetfilter": {"(|(objectclass=iparecordedsession)(objectclass=iparecordedhost))"},
            "default_privileges": {AUDITORS},
        },
    }

    label = _("Recorded Sessions")
    label_singular = _("Recorded Session")

    takes_params = (
        Str("cn", cli_name="recording", label=_("Recording"), primary_key=True),
        HOST,
        Str("uid?", cli_name="user", label=_("User"), doc=_("User of the session")),
        DateTime("iparecordingstart?", cli_name="since", label=_("Since"), flags=SHOWN),
        StrEnum(
            "iparecordingstate?",
            cli_name="state",
            label=_("State"),
            doc=_("State of the session, as its host says"),
            values=STATES,
        ),
        StrEnum(
            "iparecordingwanted?",
            cli_name="wanted",
            label=_("Wanted"),
            doc=_("State that an auditor has asked for"),
            values=WANTED,
        ),
        Str("wantedby?", label=_("Asked for by"), flags=SHOWN),
        Str("iparecordingpolicy*", cli_name="policy", label=_("Policy"), doc=_("Policy that has it recorded")),
        Str("iparecordingterminal?", cli_name="terminal", label=_("Terminal"), doc=_("Terminal, as pts/0")),
        Str("iparecordingfrom?", cli_name="from", label=_("From"), doc=_("Where the session comes from")),
        DateTime("seen?", label=_("Host last seen"), flags=SHOWN),
        Bool("stale?", label=_("Stale"), doc=_("Whether the host is gone"), flags=["virtual_attribute"]),
    )

    def show(self, entries: list[Any], reports: dict[str, Report] | None = None, **options: Any) -> None:
        """Make entries fit to be shown, with host, seen, stale and wantedby unless they are to be raw.

        reports: the last of their hosts, where it is known already.
        """
        raw = options.get("raw", False)
        names = [entry.dn for entry in entries]
        if reports is None:
            reports = {} if raw else heard(self.api, {host_of(dn) for dn in names})
        for entry, dn in zip(entries, names, strict=True):
            clean(entry, raw)
            if not raw:
                asker = modifier(self.backend, dn) if entry.get("iparecordingwanted") else ""
                describe(entry, reports[host_of(dn)], asker)


@register()
class recordedsession_find(FindOfHost):
    """Search for recorded sessions."""

    msg_summary = ngettext("%(count)d recorded session matched", "%(count)d recorded sessions matched", 0)

    def post_callback(self, ldap: Any, entries: list[Any], truncated: Any, *args: str, **options: Any) -> Any:
        """Leave out what is no session, and make the rest fit to be shown."""
        entries[:] = [entry for entry in entries if self.obj.is_one(entry.dn)]
        entries.sort(key=lambda entry: (entry.dn[1].value, entry.raw.get("iparecordingstart", [b""])[0]))
        reports = None
        if options.get("stale") is not None:
            reports = heard(self.api, {host_of(entry.dn) for entry in entries})
            entries[:] = [entry for entry in entries if reports[host_of(entry.dn)].stale == options["stale"]]
        if options.get("pkey_only"):
            for entry in entries:
                clean(entry, raw=True)
        else:
            self.obj.show(entries, reports, **options)
        return truncated


@register()
class recordedsession_show(LDAPRetrieve):
    """Display a recorded session."""

    takes_options = (*LDAPRetrieve.takes_options, HOST)

    def post_callback(self, ldap: Any, dn: DN, entry_attrs: Any, *keys: str, **options: Any) -> DN:
        """Make it fit to be shown."""
        self.obj.show([entry_attrs], **options)
        return entry_attrs.dn
