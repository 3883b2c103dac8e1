"""The commands by which an auditor says what its host shall do with a recorded session, or removes its entry."""

from typing import Any

import ldap
from ipalib import _, errors, output
from ipalib.plugable import Registry
from ipapython.dn import DN
from ipaserver.plugins.baseldap import LDAPDelete, LDAPQuery, pkey_to_value
from ipaserver.plugins.recordedsession import HOST
from ipaserver.plugins.recordedsession_entry import RUNNING, SUSPENDED, TERMINATED, state
from ipaserver.plugins.recordedsession_hosts import heard
from ipaserver.plugins.recording_of_host import host_of

register = Registry()


class SetWanted(LDAPQuery):
    """What the commands have in common."""

    # The help topic; that of this module would be a second one.
    topic = "recordedsession"
    takes_options = (HOST,)
    has_output = output.standard_value
    wanted: str
    will_be: str

    def execute(self, *keys: str, **options: Any) -> dict[str, Any]:
        """Set ipaRecordingWanted, if there is a host to see it."""
        dn = self.obj.get_dn(*keys, **options)
        try:
            entry = self.obj.backend.get_entry(dn, ["iparecordingwanted"])
            session = self.obj.backend.get_entry(dn, self.obj.default_attributes)
        except errors.NotFound:
            raise self.obj.handle_not_found(*keys) from None
        self.obj.show([session])
        self.check(session)
        entry["iparecordingwanted"] = [self.wanted]
        try:
            self.obj.backend.update_entry(entry)
        except errors.EmptyModlist:
            # Asked for before. The host sees by who has written last that it is asked for again.
            with self.obj.backend.error_handler():
                change = [(ldap.MOD_REPLACE, "ipaRecordingWanted", [self.wanted.encode()])]
                self.obj.backend.conn.modify_s(str(dn), change)
        summary = _(
            'Session "%(recording)s" of %(user)s on %(host)s will be %(state)s as soon as its host %(acts)s'
        ) % {
            "recording": session["cn"][0],
            "user": ", ".join(session.get("uid", ["?"])),
            "host": session["host"][0],
            "state": self.will_be,
            "acts": "comes back" if session["stale"][0] else "acts",
        }
        return {"result": True, "value": pkey_to_value(keys[-1], options), "summary": summary}

    def check(self, session: Any) -> None:
        """Raise ValidationError where nothing would come of it."""
        if session["iparecordingstate"] == ["ended"]:
            raise errors.ValidationError(name="recording", error=_("the session has ended"))
        if session["stale"][0]:
            problem = _("nobody would act: %s has not reported, or is no longer enrolled") % session["host"][0]
            raise errors.ValidationError(name="recording", error=problem)


@register()
class recordedsession_suspend(SetWanted):
    """Have a recorded session suspended: its user can neither type nor see anything until it is resumed."""

    wanted = SUSPENDED
    will_be = "suspended"


@register()
class recordedsession_resume(SetWanted):
    """Have a suspended session go on."""

    wanted = RUNNING
    will_be = "resumed"


@register()
class recordedsession_terminate(SetWanted):
    """Have a recorded session ended."""

    wanted = TERMINATED
    will_be = "terminated"

    def check(self, session: Any) -> None:
        """A host that comes back ends it then."""
        if session["iparecordingstate"] == ["ended"] or not session["stale"][0]:
            super().check(session)


@register()
class recordedsession_del(LDAPDelete):
    """Remove the entry of a session that has ended or whose host is gone."""

    topic = "recordedsession"
    msg_summary = _('Removed recorded session "%(value)s"')
    takes_options = (*LDAPDelete.takes_options, HOST)
    subtree_delete = False

    def pre_callback(self, ldap: Any, dn: DN, *keys: str, **options: Any) -> DN:
        """Refuse to remove what a host still answers for."""
        try:
            entry = ldap.get_entry(dn, ["iparecordingstate"])
        except errors.NotFound:
            raise self.obj.handle_not_found(*keys) from None
        host = host_of(dn)
        if state(entry.raw.get("iparecordingstate", [])) != "ended" and not heard(self.api, {host})[host].stale:
            reason = _("it goes on, says its host: terminate it instead")
            raise errors.ProtectedEntryError(label=self.obj.object_name, key=keys[-1], reason=reason)
        return dn

    def post_callback(self, ldap: Any, dn: DN, *keys: str, **options: Any) -> bool:
        """With its last session goes the entry of a host that is gone."""
        host = host_of(dn)
        if heard(self.api, {host})[host].stale:
            try:
                ldap.delete_entry(DN(*dn[1:]))
            except (errors.NotAllowedOnNonLeaf, errors.NotFound):
                pass
        return True
