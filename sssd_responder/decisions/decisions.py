"""What the responder answers: to the PAM hook, to the recorder service, and to who administers the host."""

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from ipa_plugin.policy import Audit, Decision, Settings, describe_audit, describe_capture
from recorder.errors import SessrecError
from sssd_responder.decisions.identity import Identities, IdentityError, User
from sssd_responder.decisions.policies import Policies, Undecided

UNSET = 2**32 - 1
"""The login uid, and the session, of processes that no login has started."""

MOST_ORIGINS = 4096
"""Sessions of which is remembered where they come from; it is asked for within seconds."""

_log = logging.getLogger(__name__)


class RequestError(SessrecError):
    """A question does not say what it must."""


class AuditRules(Protocol):
    """The audit rules of recorded users."""

    def opened(self, auid: int, session: int, audit: Audit, *, named: bool = False) -> None:
        """A session of a recorded user begins; `named`: a policy names him, not only one of his groups or all."""

    def closed(self, auid: int, session: int) -> None:
        """A session ends; processes of the user may be left."""

    def status(self) -> dict[str, Any]:
        """For `sessrec host status`."""


class Sessions(Protocol):
    """Who keeps the recorded sessions; called by the thread that answers, so must not wait."""

    def started(self, description: Mapping[str, Any]) -> None:
        """A recording has begun."""

    def changed(self, rec: str) -> None:
        """It may have been suspended or resumed."""

    def ended(self, rec: str) -> None:
        """A recording has ended."""


class Decisions:
    """The answers. Every method may be called by any thread.

    `audit` and `sessions` may be set later, before the first question.
    """

    def __init__(self, identities: Identities, policies: Policies) -> None:
        self.identities = identities
        self.policies = policies
        self.audit: AuditRules | None = None
        self.sessions: Sessions | None = None
        self.status_parts: dict[str, Any] = {}
        """Further parts of the status: functions that return what is to stand under a name."""
        self._since = time.time()
        self._origins: OrderedDict[object, str] = OrderedDict()

    def answer(self, question: Mapping[str, Any], pid: int) -> dict[str, Any]:
        """The answer to a question of the process `pid`. Raises SessrecError where there is none."""
        match question.get("ask"):
            case "decide":
                decision = self.decide(_number(question, "uid"))
                return {
                    **decision,
                    "host": self.policies.host,
                    "from": self._origins.get(question.get("session"), ""),
                }
            case "open":
                self._remember(pid, question.get("rhost"))
                return self.open(pid)
            case "close":
                return self.close(pid)
            case "started":
                return self.started(question)
            case "changed":
                return self.changed(_text(question, "rec"))
            case "ended":
                return self.ended(_text(question, "rec"))
            case "status":
                return self.status()
            case "what-if":
                return self.what_if(_text(question, "user"))
        raise RequestError("nobody answers that; ask decide, open, close, started, changed, ended, status or what-if")

    def decide(self, uid: int) -> dict[str, Any]:
        """Whether and how a session of this user is recorded, and which shell he gets."""
        user = self.identities.by_uid(uid)
        return _described(user, self._decision(user))

    def what_if(self, name: str) -> dict[str, Any]:
        """What would happen if this user logged in now: as `decide`, and "matched", all policies that match."""
        user = self.identities.by_name(name)
        decision = self._decision(user)
        return {**_described(user, decision), "uid": user.uid, "matched": list(decision.matched)}

    def open(self, pid: int) -> dict[str, Any]:
        """A PAM session begins, in the login session that the process `pid` is in.

        Nobody is refused here. Whether somebody may have a shell that cannot be recorded the login shell says, and
        what has no shell (cron, sudo) must not end because a directory cannot be read.
        """
        auid, session = login_of(pid)
        if auid == UNSET:
            return {"allow": True}
        try:
            user = self.identities.by_uid(auid)
            decision = self._decision(user)
        except (IdentityError, Undecided) as error:
            _log.warning("uid %d logs in, and no audit rules are set: %s", auid, error)
            return {"allow": True}
        if decision.settings is not None and self.audit is not None:
            try:
                named = self.policies.name(user.name, decision)
                self.audit.opened(auid, session, decision.settings.audit, named=named)
            except SessrecError as error:
                _log.warning("uid %d logs in, and is not audited as he should be: %s", auid, error)
        return {"allow": True}

    def close(self, pid: int) -> dict[str, Any]:
        """A PAM session ends."""
        auid, session = login_of(pid)
        if auid != UNSET and self.audit is not None:
            try:
                self.audit.closed(auid, session)
            except SessrecError as error:
                _log.warning("uid %d logs out, and its audit rules stay: %s", auid, error)
        return {"allow": True}

    def started(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """A recording has begun, as the question describes it."""
        if self.sessions is not None:
            self.sessions.started({key: value for key, value in question.items() if key != "ask"})
        return {}

    def changed(self, rec: str) -> dict[str, Any]:
        """Somebody has suspended or resumed a recording's session past us."""
        if self.sessions is not None:
            self.sessions.changed(rec)
        return {}

    def ended(self, rec: str) -> dict[str, Any]:
        """A recording has ended."""
        if self.sessions is not None:
            self.sessions.ended(rec)
        return {}

    def status(self) -> dict[str, Any]:
        """What the responder knows about itself.

        {"host", "since" (Unix seconds), "directory", "local", "unreadable" as `Policies.status` has them, "identity",
        "audit" (null without audit rules), and what other parts add}.
        """
        return {**self.summary(), "audit": None if self.audit is None else self.audit.status()}

    def summary(self) -> dict[str, Any]:
        """The status without "audit", which takes some milliseconds of the kernel's and of auditctl."""
        return {
            "host": self.policies.host,
            "since": self._since,
            **self.policies.status(),
            "identity": self.identities.status(),
            **{name: part() for name, part in self.status_parts.items()},
        }

    def _remember(self, pid: int, rhost: object) -> None:
        """Where a session comes from, as PAM has it. The first word counts: su within a session knows of none."""
        _, session = login_of(pid)
        if session == UNSET or not isinstance(rhost, str) or not rhost.isprintable() or not 0 < len(rhost) <= 255:
            return
        self._origins.setdefault(session, rhost)
        while len(self._origins) > MOST_ORIGINS:
            self._origins.popitem(last=False)

    def _decision(self, user: User) -> Decision:
        return self.policies.decide(user.name, user.groups)


def login_of(pid: int) -> tuple[int, int]:
    """The login uid and the audit session of a process; UNSET for both where it is gone."""
    try:
        with open(f"/proc/{pid}/loginuid") as login, open(f"/proc/{pid}/sessionid") as session:
            return int(login.read()), int(session.read())
    except (OSError, ValueError):
        return UNSET, UNSET


def describe_settings(settings: Settings) -> dict[str, Any]:
    """Settings as JSON has them."""
    return {
        "capture": list(describe_capture(settings.capture)),
        "audit": list(describe_audit(settings.audit)),
        "notice": settings.notice,
        "on_failure": str(settings.on_failure),
    }


def _described(user: User, decision: Decision) -> dict[str, Any]:
    return {
        "record": decision.recorded,
        "user": user.name,
        "shell": user.shell,
        "home": user.home,
        "policies": list(decision.decided),
        "settings": None if decision.settings is None else describe_settings(decision.settings),
    }


def _text(question: Mapping[str, Any], key: str) -> str:
    value = question.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 1000 or not value.isprintable():
        raise RequestError(f'"{key}" is missing, or not a printable text')
    return value


def _number(question: Mapping[str, Any], key: str) -> int:
    value = question.get(key)
    if type(value) is not int or not 0 <= value < UNSET:
        raise RequestError(f'"{key}" is missing, or not the number of a user')
    return value
