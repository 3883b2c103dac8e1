"""Policies that cannot be read, and whom they leave in doubt."""

from dataclasses import dataclass

from ipa_plugin.policy import MAX_ORDER, Members, PolicyError, Subject, order_of, policy_from_entry
from ipa_plugin.policy import Policy as ReadPolicy
from ipa_plugin.policy_entry import Attributes
from ipa_plugin.policy_members import users_of
from sssd_responder.decisions.snapshot import Entry

EVERYBODY = Members(everyone=True)


@dataclass(frozen=True)
class Unreadable:
    """A policy that concerns this host and says something that no policy can mean.

    `users` are those that it names, everybody where even that cannot be read; `order` the highest that it may have.
    """

    problem: str
    users: Members = EVERYBODY
    order: int = MAX_ORDER

    def may_decide(self, subject: Subject, highest: int | None) -> bool:
        """Whether it may decide about `subject`, of whose readable policies the highest order is `highest`."""
        return self.users.include(subject.user, subject.user_groups) and (highest is None or self.order >= highest)


def read_entries(entries: tuple[Entry, ...]) -> tuple[list[ReadPolicy], list[Unreadable]]:
    """The policies of entries, and those of which none can be made."""
    policies: list[ReadPolicy] = []
    unreadable: list[Unreadable] = []
    for entry in entries:
        try:
            policies.append(policy_from_entry(entry))
        except PolicyError as error:
            unreadable.append(Unreadable(str(error), _users(entry), _order(entry)))
    return policies, unreadable


def _users(entry: Entry) -> Members:
    try:
        return users_of(Attributes(entry))
    except PolicyError:
        return EVERYBODY


def _order(entry: Entry) -> int:
    try:
        return Attributes(entry).one("ipaRecordingOrder", order_of) or 0
    except PolicyError:
        return MAX_ORDER
