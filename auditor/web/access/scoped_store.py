"""A store as one viewer may know it. Every page and everything that pages fetch is given this and never the store, so
that lists, searches, exports, live sessions and guessed ids are limited in one place.

What lies outside of the scope does not exist: the answer is the same as for an id that nothing has.
"""

from collections.abc import Iterator
from dataclasses import replace

from auditor.query import Query, Selection
from auditor.store import Event, Facts, Hit, Quarantined, Store
from auditor.transcript import Seen
from auditor.web.access.scope import Scope


class ScopedStore:
    """The reading half of `auditor.store.Store`, see there, limited to a scope."""

    def __init__(self, store: Store, scope: Scope) -> None:
        self._store = store
        self.scope = scope

    def facts(self, rec: str) -> Facts | None:
        """See Store."""
        facts = self._store.facts(rec)
        return facts if facts is not None and self.scope.takes(facts) else None

    def recordings(self, selection: Selection, *, oldest_first: bool = False) -> Iterator[Facts]:
        """See Store."""
        for facts in self._store.recordings(self.scope.narrowed(selection), oldest_first=oldest_first):
            if self.scope.takes(facts):
                yield facts

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
        if self.facts(rec) is not None:
            yield from self._store.seen(rec, kind)

    def events(self, rec: str, after: int = 0) -> Iterator[Event]:
        """See Store."""
        if self.facts(rec) is not None:
            yield from self._store.events(rec, after)

    def search(self, query: Query, each: int) -> Iterator[Hit]:
        """See Store."""
        narrowed = replace(query, selection=self.scope.narrowed(query.selection))
        for hit in self._store.search(narrowed, each):
            if self.scope.takes(hit.facts):
                yield hit

    def quarantined(self) -> Iterator[Quarantined]:
        """See Store. Refused lines are of no recording, so only who sees everything sees them."""
        return self._store.quarantined() if self.scope.everything else iter(())
