"""What commands on entries have in common that hosts write themselves: cn=NAME,fqdn=HOST below a container.

Two hosts may choose the same name, be it by malice: one of them must be named then.
"""

from typing import Any

from ipalib import Str, _, errors
from ipapython.dn import DN
from ipaserver.plugins.baseldap import LDAPObject, LDAPSearch
from ipaserver.plugins.recordedsession_entry import all_shown, same
from ipaserver.plugins.recordedsession_hosts import found

SHOWN = ["only_shown", "virtual_attribute", "no_create", "no_update", "no_search"]


def host_option(doc: Any) -> Str:
    """--host, the same in all commands."""
    return Str(
        "host?",
        lambda ugettext, value: None if value.isprintable() else "must be a name of a host",
        label=_("Host"),
        doc=doc,
        flags=["virtual_attribute"],
        normalizer=lambda value: value.strip().rstrip(".").lower(),
    )


class OfHost(LDAPObject):
    """An entry of a host."""

    called: str
    """The kind of entry in a few letters."""

    @property
    def base(self) -> DN:
        """The entry above those of the hosts."""
        return DN(self.container_dn, self.api.env.basedn)

    def get_dn(self, *keys: str, **options: Any) -> DN:
        """The one entry of this name. Raises NotFound, ExecutionError if a host must be named, and ACIError."""
        self.require_sight()
        if options.get("host"):
            return DN(("cn", keys[-1]), self.host_dn(options["host"]))
        name = self.backend.make_filter_from_attr("cn", keys[-1])
        entries, truncated = found(self.backend, self.base, f"(&(objectclass={self.object_class[0]}){name})", [""])
        names = [entry.dn for entry in entries if self.is_one(entry.dn) and same(entry.dn[0].value, keys[-1])]
        if len(names) == 1 and not truncated:
            return names[0]
        if not names and not truncated:
            self.handle_not_found(*keys)
        hosts = ", ".join(all_shown(dn[1].value.encode() for dn in names))
        problem = _('several hosts have a %(called)s "%(name)s" (%(hosts)s): say with --host which is meant')
        raise errors.ExecutionError(message=problem % {"called": self.called, "name": keys[-1], "hosts": hosts})

    def host_dn(self, name: str) -> DN:
        """The entry of a host."""
        return DN(("fqdn", name if "." in name else f"{name}.{self.api.env.domain}"), self.base)

    def require_sight(self) -> None:
        """Raise ACIError for those to whom the directory would say that there are no entries."""
        try:
            container = self.backend.get_entry(self.base, ["numsubordinates"])
        except errors.NotFound:
            container = {}
        if "numsubordinates" not in container:
            raise errors.ACIError(info=_("you may not see %s") % self.object_name_plural)

    def is_one(self, dn: DN) -> bool:
        """Whether this is cn=NAME,fqdn=HOST below the container, and nothing that only looks like it."""
        kinds = [[ava.attr.lower() for ava in rdn] for rdn in dn[: len(dn) - len(self.base)]]
        return dn.endswith(self.base) and kinds == [["cn"], ["fqdn"]]


class FindOfHost(LDAPSearch):
    """Searching for them: of all hosts, or of one."""

    sort_result_entries = False  # by host and time, in the commands

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
        """A host that has no entry has nothing below it."""
        if isinstance(exc, errors.NotFound):
            raise errors.EmptyResult(reason=str(exc))
        raise exc


def host_of(dn: DN) -> str:
    """The host of an entry."""
    return str(dn[1].value.lower())
