"""A store as one viewer may know it. Every page and everything that pages fetch is given this and never the store, so
that lists, searches, exports, live sessions and guessed ids are limited in one place.

Whoever may not see what was typed does not find it either; `lines` are the messages as they came, of which whoever
shows packets leaves out those of the input.

What lies outside of the scope does not exist: the answer is the same as for an id that nothing has.
"""

from collections.abc import Iterator
from dataclasses import replace

from auditor.query.query import ANY, UNTYPED, Group, Query, QueryError, Selection
from auditor.recordings.store import Event, Facts, GroupKey, Hit, Position, Quarantined, RecordingGroup, Store
from auditor.transcript import Seen
from auditor.web.access.scope import Scope


class ScopedStore:
    """The reading half of `auditor.recordings.store.Store`, see there, limited to a scope."""

    def __init__(self, store: Store, scope: Scope, *, typed: bool) -> None:
        self._store = store
        self.scope = scope
        self._typed = typed

    def facts(self, rec: str) -> Facts | None:
        """See Store."""
        facts = self._store.facts(rec)
        return facts if facts is not None and self.scope.takes(facts) else None

    def recordings(
        self, selection: Selection, *, oldest_first: bool = False, after: Position | None = None
    ) -> Iterator[Facts]:
        """See Store."""
        narrowed = self.scope.narrowed(selection)
        for facts in self._store.recordings(narrowed, oldest_first=oldest_first, after=after):
            if self.scope.takes(facts):
                yield facts

    def groups(self, selection: Selection, by: GroupKey) -> list[RecordingGroup]:
        """See Store."""
        return self._store.groups(self.scope.narrowed(selection), by)

    def beginning_with(self, prefix: str, limit: int) -> list[Facts]:
        """See Store."""
        if self.scope.everything:
            return self._store.beginning_with(prefix, limit)
        found = self.recordings(Selection(recs=(prefix,)) if prefix else Selection())
        return sorted((facts for facts in found), key=lambda facts: facts.rec)[:limit]

    def lines(self, rec: str, after: int = 0) -> Iterator[list[bytes]]:
        """See Store."""
        if self.facts(rec) is not None:
            yield from self._store.lines(rec, after)

    def line(self, rec: str, id: int) -> bytes | None:
        """See Store."""
        return self._store.line(rec, id) if self.facts(rec) is not None else None

    def seen(self, rec: str, kind: str) -> Iterator[Seen]:
        """See Store."""
        if self.facts(rec) is not None and (self._typed or kind != "entered"):
            yield from self._store.seen(rec, kind)

    def events(self, rec: str, after: int = 0) -> Iterator[Event]:
        """See Store."""
        if self.facts(rec) is not None:
            yield from self._store.events(rec, after)

    def search(
        self, query: Query, each: int, *, after: Position | None = None, patience: float | None = None
    ) -> Iterator[Hit]:
        """See Store. Raises QueryError where what was typed is asked for by somebody who may not see it."""
        narrowed = replace(
            query,
            selection=self.scope.narrowed(query.selection),
            groups=tuple(map(self._permitted, query.groups)),
            without=tuple(map(self._permitted, query.without)),
        )
        for hit in self._store.search(narrowed, each, after=after, patience=patience):
            if self.scope.takes(hit.facts):
                yield hit

    def quarantined(self) -> Iterator[Quarantined]:
        """See Store. Refused lines are of no recording, so only who sees everything sees them."""
        return self._store.quarantined() if self.scope.everything else iter(())

    def _permitted(self, group: Group) -> Group:
        """Not only hits are left out: that a recording has one must not be told by those of another group either."""
        if self._typed:
            return group
        if group.kind == "entered":
            raise QueryError("entered: you may not see what was typed")
        return replace(group, kind=UNTYPED) if group.kind == ANY else group
