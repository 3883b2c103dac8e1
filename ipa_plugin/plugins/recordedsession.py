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

from ipalib import Bool, DateTime, Str, StrEnum, _, errors, ngettext
from ipalib.plugable import Registry
from ipapython.dn import DN
from ipaserver.plugins.baseldap import LDAPObject, LDAPRetrieve, LDAPSearch
from ipaserver.plugins.recordedsession_entry import STATES, WANTED, Report, all_shown, clean, describe, same
from ipaserver.plugins.recordedsession_hosts import found, heard, modifier
from ipaserver.plugins.recordingconfig import AUDITORS

register = Registry()

SHOWN = ["only_shown", "virtual_attribute", "no_create", "no_update", "no_search"]

HOST = Str(
    "host?",
    lambda ugettext, value: None if value.isprintable() else "must be a name of a host",
    label=_("Host"),
    doc=_("Host of the session; without a dot, the domain is added"),
    flags=["virtual_attribute"],
    normalizer=lambda value: value.strip().rstrip(".").lower(),
)


@register()
class recordedsession(LDAPObject):
    """Recorded session."""

    container_dn = DN(("cn", "sessions"), ("cn", "session-recording"))
    object_name = _("recorded session")
    object_name_plural = _("recorded sessions")
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

    @property
    def base(self) -> DN:
        """The entry above those of the hosts."""
        return DN(self.container_dn, self.api.env.basedn)

    def get_dn(self, *keys: str, **options: Any) -> DN:
        """The one session of this name. Raises NotFound, ExecutionError if a host must be named, and ACIError."""
        self.require_sight()
        if options.get("host"):
            return DN(("cn", keys[-1]), self.host_dn(options["host"]))
        name = self.backend.make_filter_from_attr("cn", keys[-1])
        entries, truncated = found(self.backend, self.base, f"(&(objectclass=iparecordedsession){name})", [""])
        names = [entry.dn for entry in entries if self.is_session(entry.dn) and same(entry.dn[0].value, keys[-1])]
        if len(names) == 1 and not truncated:
            return names[0]
        if not names and not truncated:
            self.handle_not_found(*keys)
        hosts = ", ".join(all_shown(dn[1].value.encode() for dn in names))
        problem = _('several hosts have a session "%(name)s" (%(hosts)s): say with --host which is meant')
        raise errors.ExecutionError(message=problem % {"name": keys[-1], "hosts": hosts})

    def host_dn(self, name: str) -> DN:
        """The entry of a host."""
        return DN(("fqdn", name if "." in name else f"{name}.{self.api.env.domain}"), self.base)

    def require_sight(self) -> None:
        """Raise ACIError for those to whom the directory would say that there are no sessions."""
        container = self.backend.get_entry(self.base, ["numsubordinates"])
        if "numsubordinates" not in container:
            raise errors.ACIError(info=_("you may not see recorded sessions"))

    def is_session(self, dn: DN) -> bool:
        """Whether this is cn=RECORDING,fqdn=HOST below the container, and nothing that only looks like it."""
        kinds = [[ava.attr.lower() for ava in rdn] for rdn in dn[: len(dn) - len(self.base)]]
        return dn.endswith(self.base) and kinds == [["cn"], ["fqdn"]]

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
class recordedsession_find(LDAPSearch):
    """Search for recorded sessions."""

    msg_summary = ngettext("%(count)d recorded session matched", "%(count)d recorded sessions matched", 0)
    sort_result_entries = False  # by host and time, below

    def pre_callback(
        self, ldap: Any, filters: str, attrs_list: Any, base_dn: DN, scope: int, *args: str, **options: Any
    ) -> tuple[str, DN, int]:
        """Look below the hosts, or one of them."""
        self.obj.require_sight()
        if options.get("host"):
            return filters, self.obj.host_dn(options["host"]), ldap.SCOPE_ONELEVEL
        return filters, base_dn, ldap.SCOPE_SUBTREE

    def exc_callback(
        self, args: Any, options: Any, exc: Exception, call_func: Any, *call_args: Any, **call_kwargs: Any
    ) -> None:
        """A host that has no entry has no sessions."""
        if isinstance(exc, errors.NotFound):
            raise errors.EmptyResult(reason=str(exc))
        raise exc

    def post_callback(self, ldap: Any, entries: list[Any], truncated: Any, *args: str, **options: Any) -> Any:
        """Leave out what is no session, and make the rest fit to be shown."""
        entries[:] = [entry for entry in entries if self.obj.is_session(entry.dn)]
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


def host_of(dn: DN) -> str:
    """The host of a session."""
    return str(dn[1].value.lower())
