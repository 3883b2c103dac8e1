"""A page of the list of sessions, with what is known of each one's seal."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from auditor.ledger.verdicts import Checked, Verdicts
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts, Position
from auditor.verify import Verdict
from auditor.web.access.scoped_store import ScopedStore
from auditor.web.session_filter import UNVERIFIED, SessionFilter

PAGE = 50
"""Sessions of one page."""

MAX_SCANNED = 10_000
"""Recordings that are looked through for a verdict that most have, for one page."""

MAX_FOUND = 2000
"""Recordings with a verdict that few have: truncated, tampered."""

RARE = (Verdict.TRUNCATED, Verdict.TAMPERED)


class Row(NamedTuple):
    """One session. `checked` is None where nobody has verified it as it is now."""

    facts: Facts
    state: State
    checked: Checked | None

    @property
    def words(self) -> str:
        """Its state in words: whether it runs, then what its seal proves, then how it ended."""
        if self.state is State.LIVE:
            return "live"
        if self.checked is not None:
            return str(self.checked)
        return "not verified yet"

    @property
    def ending(self) -> str:
        """What is to be said of its end or its gaps besides."""
        return "" if self.state in (State.LIVE, State.ENDED) else self.state.value

    @property
    def kind(self) -> str:
        """How it is to look: good, bad, warn, live or quiet."""
        if self.state is State.LIVE:
            return "live"
        if self.checked is None:
            return "quiet"
        return {Verdict.COMPLETE: "good", Verdict.UNSIGNED: "quiet", Verdict.TRUNCATED: "warn"}.get(
            self.checked.verdict, "bad"
        )


class Page(NamedTuple):
    """Some of the sessions, and where the next page goes on, if it does. `full`: as many as a page has."""

    rows: Sequence[Row]
    further: Position | None
    full: bool


def page_of(store: ScopedStore, verdicts: Verdicts | None, wanted: SessionFilter, size: int = PAGE) -> Page:
    """The page of a filter that begins behind `wanted.before`."""
    if not wanted.verdict:
        found = list(islice(store.recordings(wanted.selection, after=wanted.before), size + 1))
        return _page(_rows(found[:size], verdicts), found, size)
    if verdicts is None:
        return Page((), None, True)
    if wanted.verdict in RARE:
        facts = _few(store, verdicts, wanted)
    else:
        facts = islice(store.recordings(wanted.selection, after=wanted.before), MAX_SCANNED)
    rows: list[Row] = []
    last: Facts | None = None
    scanned = 0
    while batch := list(islice(facts, 500)):
        for row in _rows(batch, verdicts):
            last, scanned = row.facts, scanned + 1
            if _is(row, wanted.verdict):
                rows.append(row)
            if len(rows) == size:
                return Page(rows, _position(last), True)
    return Page(rows, _position(last) if last is not None and scanned == MAX_SCANNED else None, False)


def _few(store: ScopedStore, verdicts: Verdicts, wanted: SessionFilter) -> Iterator[Facts]:
    """Those that were once found to be so, in the order of the list."""
    selection, before = wanted.selection, wanted.before
    found = []
    for rec in verdicts.found_to_be(Verdict(wanted.verdict), MAX_FOUND):
        facts = store.facts(rec)
        if (
            facts is not None
            and selection.takes(facts.rec, facts.user, facts.host)
            and (selection.since is None or facts.start >= selection.since)
            and (selection.until is None or facts.start < selection.until)
            and (before is None or (facts.start, facts.rec) < before)
        ):
            found.append(facts)
    return iter(sorted(found, key=lambda facts: (facts.start, facts.rec), reverse=True))


def _is(row: Row, verdict: str) -> bool:
    if verdict == UNVERIFIED:
        return row.checked is None and row.state is not State.LIVE
    return row.checked is not None and row.checked.verdict == verdict


def _rows(found: Sequence[Facts], verdicts: Verdicts | None) -> list[Row]:
    known = verdicts.known(found) if verdicts is not None else {}
    return [Row(facts, recording_state(facts), known.get(facts.rec)) for facts in found]


def _page(rows: list[Row], found: list[Facts], size: int) -> Page:
    return Page(rows, _position(rows[-1].facts) if len(found) > size else None, len(rows) == size)


def _position(facts: Facts) -> Position:
    return Position(facts.start, facts.rec)
