"""Filters of the list of sessions that a viewer has given a name."""

from typing import NamedTuple

from auditor.ledger.entry import now
from auditor.ledger.ledger import Ledger
from recorder.errors import SessrecError

MOST = 50
"""Filters of one viewer."""

MAX_NAME = 80
MAX_QUERY = 2000
"""Code points."""


class SavedFilterError(SessrecError):
    """A filter cannot be saved; the text says why."""


class SavedFilter(NamedTuple):
    """`query` is that of the list's URL, without the question mark."""

    name: str
    query: str


class SavedFilters:
    """Those in a ledger's file. They are no part of the trail."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, viewer: str) -> list[SavedFilter]:
        """A viewer's own, by name."""
        rows = self._ledger.rows("SELECT name, query FROM saved_filters WHERE viewer = ? ORDER BY name", (viewer,))
        return [SavedFilter(*row) for row in rows]

    def save(self, viewer: str, name: str, query: str) -> SavedFilter:
        """Keep a filter; one of that name is replaced. Raises SavedFilterError."""
        name, query = " ".join(name.split()), query.lstrip("?")
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise SavedFilterError(f"a filter has a name of at most {MAX_NAME} printable characters")
        if len(query) > MAX_QUERY or not query.isprintable():
            raise SavedFilterError("this filter is too long to be saved: use fewer conditions")
        with self._ledger.writing() as writing:
            ((count,),) = writing.execute(
                "SELECT count(*) FROM saved_filters WHERE viewer = ? AND name != ?", (viewer, name)
            )
            if count >= MOST:
                raise SavedFilterError(f"there are {MOST} saved filters already: remove one first")
            writing.execute("INSERT OR REPLACE INTO saved_filters VALUES (?, ?, ?, ?)", (viewer, name, query, now()))
        return SavedFilter(name, query)

    def remove(self, viewer: str, name: str) -> None:
        """Forget a filter, if it is there."""
        with self._ledger.writing() as writing:
            writing.execute("DELETE FROM saved_filters WHERE viewer = ? AND name = ?", (viewer, name))
