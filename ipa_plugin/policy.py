"""Who is recorded how: policies out of the directory, and the one evaluation that the server and the hosts share.

Among the enabled policies that match a user on a host, those of the highest order decide. If one of them says
record, all of them that do decide together, and what any of them wants is recorded. Where none matches, nobody is
recorded.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ipa_plugin.policy_entry import (
    Attributes,
    Entry,
    PolicyError,
    heartbeat_from_entry,
    overrides_of,
    settings_from_entry,
)
from ipa_plugin.policy_members import Members, host_filter, hosts_of, users_of
from ipa_plugin.policy_settings import (
    AUDIT_WORDS,
    CAPTURE_WORDS,
    DEFAULT_HEARTBEAT,
    DEFAULTS,
    MAX_HEARTBEAT,
    MAX_NAME,
    MAX_NOTICE,
    MAX_ORDER,
    MAX_PATH,
    MIN_HEARTBEAT,
    NONE,
    OPTIONS,
    Action,
    Audit,
    Capture,
    OnFailure,
    Overrides,
    Settings,
    action_of,
    audit_of,
    capture_of,
    check_audit_path,
    check_name,
    check_notice,
    check_player_url,
    describe_audit,
    describe_capture,
    heartbeat_of,
    on_failure_of,
    order_of,
    paths_of,
    printable,
    shown,
)

__all__ = [
    "AUDIT_WORDS",
    "CAPTURE_WORDS",
    "DEFAULTS",
    "DEFAULT_HEARTBEAT",
    "MAX_HEARTBEAT",
    "MAX_NAME",
    "MAX_NOTICE",
    "MAX_ORDER",
    "MAX_PATH",
    "MIN_HEARTBEAT",
    "NONE",
    "OPTIONS",
    "RECORD_ONLY",
    "Action",
    "Audit",
    "Capture",
    "Decision",
    "Entry",
    "Members",
    "OnFailure",
    "Overrides",
    "Policy",
    "PolicyError",
    "Settings",
    "Subject",
    "action_of",
    "audit_of",
    "capture_of",
    "check_audit_path",
    "check_name",
    "check_notice",
    "check_player_url",
    "decide",
    "describe_audit",
    "describe_capture",
    "heartbeat_from_entry",
    "heartbeat_of",
    "host_filter",
    "on_failure_of",
    "order_of",
    "paths_of",
    "policy_from_entry",
    "printable",
    "read_policies",
    "settings_from_entry",
    "shown",
]

RECORD_ONLY = (
    "ipaRecordingCapture",
    "ipaRecordingAudit",
    "ipaRecordingAuditChanges",
    "ipaRecordingAuditReads",
    "ipaRecordingNotice",
    "ipaRecordingOnFailure",
)
"""The attributes that an exempt policy must not have."""

NOBODY = Members()
NO_OVERRIDES = Overrides()


@dataclass(frozen=True)
class Policy:
    """Who is recorded where, and how. Of an exempt policy the overrides mean nothing."""

    name: str
    enabled: bool = True
    order: int = 0
    action: Action = Action.RECORD
    users: Members = NOBODY
    hosts: Members = NOBODY
    overrides: Overrides = NO_OVERRIDES

    def matches(self, subject: "Subject") -> bool:
        """Whether it is enabled and names this user on this host."""
        return (
            self.enabled
            and self.users.include(subject.user, subject.user_groups)
            and self.hosts.include(subject.host, subject.host_groups)
        )


@dataclass(frozen=True)
class Subject:
    """A user on a host. The groups are all that they are in, nested ones resolved. Case does not matter."""

    user: str
    user_groups: frozenset[str]
    host: str
    host_groups: frozenset[str]


@dataclass(frozen=True)
class Decision:
    """What follows for a subject, and from which policies.

    `matched` names the enabled policies that match, highest order first, then by name; `decided` those of them that
    made the decision. `settings` is None unless it is to be recorded.
    """

    recorded: bool = False
    decided: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()
    settings: Settings | None = None


def decide(policies: Iterable[Policy], subject: Subject, defaults: Settings) -> Decision:
    """Whether and how `subject` is recorded; `defaults` are the configuration's settings."""
    matched = sorted((policy for policy in policies if policy.matches(subject)), key=_rank)
    if not matched:
        return Decision()
    highest = [policy for policy in matched if policy.order == matched[0].order]
    recording = [policy for policy in highest if policy.action is Action.RECORD]
    return Decision(
        recorded=bool(recording),
        decided=tuple(policy.name for policy in recording or highest),
        matched=tuple(policy.name for policy in matched),
        settings=_together([policy.overrides.over(defaults) for policy in recording]) if recording else None,
    )


def read_policies(entries: Iterable[Entry]) -> tuple[list[Policy], list[PolicyError]]:
    """The policies of entries, and what is wrong with those that make none, for callers that go on without them."""
    policies: list[Policy] = []
    errors: list[PolicyError] = []
    for entry in entries:
        try:
            policies.append(policy_from_entry(entry))
        except PolicyError as error:
            errors.append(error)
    return policies, errors


def policy_from_entry(entry: Entry) -> Policy:
    """The policy of an ipaRecordingPolicyObject. Raises PolicyError where it says what no policy can mean.

    Without ipaEnabledFlag it is not enabled, as the filter of the hosts has it.
    """
    attributes = Attributes(entry, "(unreadable name)")
    attributes.policy = next(iter(attributes.texts("cn")), "") or "(without a name)"
    name = attributes.one("cn", _name)
    action = attributes.one("ipaRecordingAction", action_of)
    if name is None:
        raise attributes.error("cn", "is missing")
    if action is None:
        raise attributes.error("ipaRecordingAction", f"is missing; set it to {' or '.join(Action)}")
    policy = Policy(
        name=name,
        enabled=attributes.one("ipaEnabledFlag", _flag) or False,
        order=attributes.one("ipaRecordingOrder", order_of) or 0,
        action=action,
        users=users_of(attributes),
        hosts=hosts_of(attributes),
        overrides=overrides_of(attributes),
    )
    if action is Action.EXEMPT:
        for attribute in RECORD_ONLY:
            if attributes.texts(attribute):
                raise attributes.error(
                    attribute, "an exempt policy records nothing: remove it, or set --action record"
                )
    return policy


def _rank(policy: Policy) -> tuple[int, str, str, str]:
    # Names need not be unique in a directory; the notice makes the order of the rest not matter.
    return -policy.order, policy.name.lower(), policy.name, policy.overrides.notice or ""


def _together(several: list[Settings]) -> Settings:
    """The settings of policies that decide together, in the order of their names."""
    audits = [settings.audit for settings in several]
    denies = any(settings.on_failure is OnFailure.DENY for settings in several)
    return Settings(
        capture=frozenset().union(*(settings.capture for settings in several)),
        audit=Audit(
            exec=any(audit.exec for audit in audits),
            network=any(audit.network for audit in audits),
            changes=frozenset().union(*(audit.changes for audit in audits)),
            reads=frozenset().union(*(audit.reads for audit in audits)),
        ),
        notice="\n".join(dict.fromkeys(settings.notice for settings in several if settings.notice)),
        on_failure=OnFailure.DENY if denies else OnFailure.ALLOW,
    )


def _name(text: str) -> str:
    check_name(text)
    return text


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(f"{shown(text)} is neither TRUE nor FALSE")
    return word == "true"
