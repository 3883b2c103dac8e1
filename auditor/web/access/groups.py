"""Who may see and do what, by FreeIPA's users, groups, roles and host groups and by the rules of [web.access]."""

from auditor.query.query import Grant
from auditor.web.access.access_rules import ALL as ALL_RECORDINGS
from auditor.web.access.access_rules import OWN, AccessRule, AccessSettings
from auditor.web.access.directory import Directory
from auditor.web.access.scope import ALL, NOTHING, Scope
from auditor.web.access.viewer import Viewer


class Groups:
    """The rules, applied to what the directory says. Its method raises UnknownError where that is not known."""

    def __init__(self, settings: AccessSettings, directory: Directory) -> None:
        self._settings = settings
        self._directory = directory

    def viewer(self, name: str) -> Viewer | None:
        """The user of this name with all that he may see and do now; None where that is nothing."""
        account = self._directory.account(name)
        rules = self._settings.decide(account) if account is not None else ()
        if not rules:
            return None
        scope = NOTHING
        for rule in rules:
            scope = scope | self._scope(rule, name)
        return Viewer(name, scope, rules[0].rights)

    def _scope(self, rule: AccessRule, name: str) -> Scope:
        if rule.scope == ALL_RECORDINGS:
            return ALL
        if rule.scope == OWN:
            return Scope.own(name)
        hosts, users = rule.hosts, rule.users
        for hostgroup in rule.hostgroups:
            hosts += self._directory.hosts(hostgroup)
        for group in rule.groups:
            users += self._directory.users(group)
        # Nobody in the groups is nobody, and not everybody.
        return Scope(
            (
                Grant(
                    users=users if rule.users or rule.groups else ("*",),
                    hosts=hosts if rule.hosts or rule.hostgroups else ("*",),
                ),
            )
        )
