"""The audit rules of who is logged in: set when a session begins, removed when nothing of it is left.

What should be set follows from the sessions alone (`audit_rules.plan`). Every change of them, and a timer, compares
that with what is set, and changes the difference. So rules come back that somebody else has removed, as
`augenrules --load` does with all of them, and a path that did not exist is watched when it does.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any

from ipa_plugin.policy import Audit, describe_audit
from sssd_responder.audit.processes import Login, Processes
from sssd_responder.audit.rule_control import (
    LOCKED,
    AuditControl,
    AuditError,
    Kernel,
    NoSuchPathError,
    RefusedError,
    machine,
)
from sssd_responder.audit.rules import KEY, UNSET, Machine, Rule, plan, union

ROOT = 0


@dataclass
class _Session:
    audit: Audit
    open: int
    """How many PAM sessions are open in it; su and sudo open theirs in the session that they are called in."""


class AuditRules:
    """The rules for recorded users. Every method may be called by any thread, and takes some milliseconds.

    A login is a login uid (`auid`) and an audit session, both the kernel's. Its rules go by the login uid, since what
    a user's own systemd starts has another session; they stay as long as a process of the login is left, however the
    session ended.
    """

    def __init__(
        self, limit: int, *, key: str = KEY, control: AuditControl | None = None, processes: Processes | None = None
    ) -> None:
        self._limit = limit
        self._key = key
        self._control = control or AuditControl()
        self._processes = processes or Processes()
        self._machine: Machine = machine()
        self._lock = Lock()
        self._sessions: dict[Login, _Session] = {}
        self._adopted: frozenset[Rule] = frozenset()
        """Rules that were set before this process began."""
        self._set: frozenset[Rule] = frozenset()
        """Our rules, when last looked."""
        self._refused: dict[Rule, RefusedError] = {}
        self._trouble = ""

    def opened(self, auid: int, session: int, audit: Audit, *, named: bool = False) -> None:
        """A session begins, and `audit` watches it from now on, with what its user's other sessions ask for.

        For root nothing is done unless a policy names him (`named`): his login uid is that of every system update and
        of every command over ssh that manages the machine. Raises AuditError where rules cannot be set or have no
        effect; they are then tried again at each `tidy` while the session lasts.
        """
        if auid == UNSET:
            raise AuditError(
                "a session without a login uid cannot be audited; PAM needs pam_loginuid before our hook"
            )
        if auid == ROOT and not named:
            return
        with self._lock:
            known = self._sessions.setdefault((auid, session), _Session(audit, 0))
            known.audit = union((known.audit, audit))
            known.open += 1
            self._apply()
            if audit == Audit():
                return
            if self._trouble:
                raise AuditError(self._trouble)
            for rule, error in self._refused.items():
                too_little = rule not in self._set and not isinstance(error, NoSuchPathError)
                if too_little and rule.low <= auid <= rule.high:
                    raise error

    def closed(self, auid: int, session: int) -> None:
        """A PAM session ended. Who closes it is a process of it still, so that rules are removed by `tidy`."""
        with self._lock:
            known = self._sessions.get((auid, session))
            if known is not None:
                known.open = max(known.open - 1, 0)

    def tidy(self) -> None:
        """Remove the rules of logins that have no process left, and put right what is not as it should be."""
        with self._lock:
            if self._adopted or not self._processes.all_alive(self._sessions):
                self._forget()
            self._apply(look=True)

    def adopt(self) -> None:
        """At start: keep the rules of ours that are set already while there are processes which they are for."""
        with self._lock:
            try:
                self._set = self._adopted = self._control.kernel().ours(self._key)
            except AuditError as error:
                self._trouble = str(error)
                return
            self._forget()
            self._apply()

    def status(self) -> dict[str, Any]:
        """How things stand, as JSON has it.

        "trouble": why rules have no effect or cannot be set, "" where they can; "enabled": as the kernel has it, null
        where it does not say; "lost": events, since boot; "rules": how many are ours; "shared": how many users share
        rules for a range; "users": by login uid, what is audited and how many PAM sessions are open; "adopted": rules
        of before a restart; "unwatched": paths, with the reason; "hiding": rules of others that may hide events.
        """
        with self._lock:
            audits = self._audits()
            users = {
                str(auid): {
                    "audit": list(describe_audit(audit)),
                    "open": sum(entry.open for (owner, _), entry in self._sessions.items() if owner == auid),
                }
                for auid, audit in audits.items()
            }
            trouble, adopted = self._trouble, len(self._adopted)
            unwatched = {rule.path: str(error) for rule, error in self._refused.items() if rule.path}
        kernel: Kernel | None = None
        try:
            kernel = self._control.kernel()
            kernel.check()
        except AuditError as error:
            trouble = trouble or str(error)
        return {
            "trouble": trouble,
            "enabled": kernel and kernel.enabled,
            "lost": kernel and kernel.lost,
            "rules": len(kernel.ours(self._key)) if kernel else 0,
            "shared": max(len([audit for audit in audits.values() if audit != Audit()]) - self._limit, 0),
            "users": users,
            "adopted": adopted,
            "unwatched": unwatched,
            "hiding": list(kernel.hiding()) if kernel else [],
        }

    def _audits(self) -> dict[int, Audit]:
        """What is to be audited, by login uid, in order of arrival."""
        audits: dict[int, Audit] = {}
        for (auid, _), entry in self._sessions.items():
            audits[auid] = union((audits.get(auid, Audit()), entry.audit))
        return audits

    def _forget(self) -> None:
        """Forget the sessions, and the adopted rules, that no process is left of.

        A user's last session is kept as long as there is any process of his, in a session that we were not told of.
        """
        living, certain = self._processes.living()
        if not certain:
            return
        users = {auid for auid, _ in living}
        with_session = {auid for auid, session in self._sessions if (auid, session) in living}
        self._sessions = {
            login: entry
            for login, entry in self._sessions.items()
            if login in living or (login[0] in users and login[0] not in with_session)
        }
        self._adopted = frozenset(
            rule for rule in self._adopted if any(rule.low <= auid <= rule.high for auid in users)
        )

    def _apply(self, look: bool = False) -> None:
        """Make the kernel's rules what they should be. What hinders that is `_trouble`, or `_refused` for one rule.

        Nothing is asked of the kernel where nothing should be or is set; nor, unless told to `look`, where it would
        hold the right rules already.
        """
        wanted = plan(self._audits(), self._limit, self._machine, self._key)
        wanted += sorted(self._adopted.difference(wanted))
        if not wanted and not self._set:
            self._trouble, self._refused = "", {}
        elif look or self._trouble or self._set != set(wanted).difference(self._refused):
            try:
                self._change(wanted)
                self._trouble = ""
            except AuditError as error:
                self._trouble = str(error)

    def _change(self, wanted: list[Rule]) -> None:
        kernel = self._control.kernel()
        self._set = kernel.ours(self._key)
        self._refused = {}
        missing = [rule for rule in wanted if rule not in self._set]
        if kernel.enabled == LOCKED:
            # auditctl would not even say that it has not done it.
            if missing:
                raise AuditError(
                    "audit rules are locked until the machine boots; remove `-e 2` from /etc/audit/rules.d, and boot"
                )
            return
        # First what is missing: between the rules for a range and those for a longer one there is no gap then.
        for rule in missing:
            try:
                self._control.add(rule)
                self._set |= {rule}
            except RefusedError as error:
                self._refused[rule] = error
        for rule in self._set.difference(wanted):
            try:
                self._control.remove(rule)
                self._set -= {rule}
            except RefusedError as error:
                self._refused[rule] = error
        if wanted:
            kernel.check()
