"""Which recordings exist for a viewer.

A scope is a number of grants, one of which must take the recording. It is part of the `Selection` that a store is
asked with, so that the store's own index does the work; `ScopedStore` looks at every answer again.
"""

from dataclasses import dataclass, replace

from auditor.query.query import Grant, Selection
from auditor.recordings.store import Facts


@dataclass(frozen=True, slots=True)
class Scope:
    """The recordings that one of the grants takes: none of them without a grant."""

    grants: tuple[Grant, ...] = ()

    def takes(self, facts: Facts) -> bool:
        """Whether the recording exists for whoever has this scope."""
        return any(grant.takes(facts.user, facts.host) for grant in self.grants)

    def narrowed(self, selection: Selection) -> Selection:
        """The selection without what lies outside of the scope."""
        if EVERYTHING in self.grants:
            return selection
        return replace(selection, within=self.grants)

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(tuple(dict.fromkeys((*self.grants, *other.grants))))

    @property
    def everything(self) -> bool:
        """Whether nothing lies outside."""
        return EVERYTHING in self.grants

    @classmethod
    def own(cls, user: str) -> "Scope":
        """The recordings of one user, by his exact name."""
        return cls((Grant(user=user),))

    @classmethod
    def of(cls, users: tuple[str, ...] = ("*",), hosts: tuple[str, ...] = ("*",)) -> "Scope":
        """Those of users that match one of `users`, made on hosts that match one of `hosts`: patterns with * and ?.
        No patterns take nothing."""
        return cls((Grant(users=users, hosts=hosts),))


EVERYTHING = Grant()
NOTHING = Scope()
ALL = Scope((EVERYTHING,))
