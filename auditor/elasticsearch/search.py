"""Searching the Elasticsearch store.

The index of words names lines that may have what is looked for (auditor.elasticsearch.joints says how it knows
phrases), those of the latest recording first; their text decides, by the same rule as in the SQLite store, so that
both find the same and mark the same places. Where there is no word to look up (signs alone) every line is a
candidate.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from auditor.elasticsearch.documents import MAX_TIMESTAMP, WINDOW, Hold
from auditor.elasticsearch.joints import wanted
from auditor.elasticsearch.layout import TEXTS
from auditor.elasticsearch.listing import within
from auditor.elasticsearch.mapping import TEXT_ORDER
from auditor.elasticsearch.server import LAST, PAGE, Server
from auditor.query.line_match import LineMatch
from auditor.query.query import LINE_KINDS, Group, Query, Selection
from auditor.query.words import Piece, pieces
from auditor.recordings.store import Facts, Hit, Position, SearchPausedError

PAGES = (100, 300)
"""Candidates of the first page, and of those that follow: mostly the first is enough, and where one recording has
many, the next page begins behind it."""

TOGETHER = 50
"""Candidates that are looked at together: one request asks for the recordings of those that match, and whoever has
seen enough does not wait for the others."""

MAX_PIECES = 20
"""Pieces of one term that the index is asked for; the text decides anyway."""

SORT = [{name: direction} for name, direction in TEXT_ORDER]

Found = tuple[Facts, list[Hit]]


class Search:
    """One query over one store; `behind`: a filter for the recordings that have not been listed yet; `deadline`: on
    the clock of time.monotonic(), after which SearchPausedError is raised."""

    def __init__(
        self,
        server: Server,
        query: Query,
        each: int,
        behind: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> None:
        self._deadline = deadline
        holds = _Holds(server)
        self._behind = () if behind is None else (behind,)
        self._finders = [_Finder(server, holds, group, query.selection, each) for group in query.groups]
        self._without = [_Finder(server, holds, group, query.selection, 1) for group in query.without]

    def hits(self) -> Iterator[Hit]:
        """The hits, recording by recording, at most `each` of one recording and kind, by time within a recording."""
        first, *others = self._fewest_first()
        for facts, hits in first.recordings(self._behind, self._deadline):
            found = {(hit.kind, hit.at, hit.text): hit for hit in hits}
            for finder in others:
                more = finder.hits_in(facts.rec)
                if not more:
                    break
                # Groups for any kind and for one kind may find the same line.
                found.update({(hit.kind, hit.at, hit.text): hit for hit in more})
            else:
                if not any(finder.hits_in(facts.rec) for finder in self._without):
                    yield from sorted(found.values(), key=lambda hit: hit.at)

    def _fewest_first(self) -> list["_Finder"]:
        """The group with the fewest candidates leads; the others are asked about its recordings only."""
        if len(self._finders) == 1:
            return self._finders
        return sorted(self._finders, key=lambda finder: finder.candidates())


class _Holds:
    """The recordings' documents, each asked for once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._known: dict[str, Hold | None] = {}

    def of(self, recs: Iterable[str]) -> Mapping[str, Hold | None]:
        """Those of these recordings."""
        unknown = [rec for rec in dict.fromkeys(recs) if rec not in self._known]
        found = self._server.holds(unknown)
        self._known.update({rec: found.get(rec) for rec in unknown})
        return self._known


class _Finder:
    """The lines of one group."""

    def __init__(self, server: Server, holds: _Holds, group: Group, selection: Selection, each: int) -> None:
        self._server = server
        self._holds = holds
        self._match = LineMatch(group)
        self._selection = selection
        self._each = each
        self._kinds = LINE_KINDS[group.kind]
        self._filters = [{"terms": {"kind": list(self._kinds)}}, *_words(group), *_selected(selection)]

    def candidates(self) -> int:
        """How many lines the index names."""
        return self._server.count(TEXTS, {"bool": {"filter": self._filters}})

    def recordings(self, more: Sequence[Mapping[str, Any]] = (), deadline: float | None = None) -> Iterator[Found]:
        """Recordings with hits, and these, the latest recording first; `more` are further filters."""
        paused: list[_PausedWithinError] = []

        def until_paused() -> Iterator[Hit]:
            try:
                yield from self._hits(more, deadline)
            except _PausedWithinError as error:
                paused.append(error)

        for rec, hits in groupby(until_paused(), key=lambda hit: hit.facts.rec):
            found = self._in_order(hits)
            if not paused or rec != paused[0].rec:
                yield found[0].facts, found
        if paused:
            raise paused[0]

    def hits_in(self, rec: str) -> list[Hit]:
        """The hits in one recording."""
        return self._in_order(self._hits([{"term": {"rec": rec}}]))

    def _in_order(self, hits: Iterable[Hit]) -> list[Hit]:
        return sorted(hits, key=lambda hit: self._kinds.index(hit.kind))

    def _hits(self, more: Sequence[Mapping[str, Any]], deadline: float | None = None) -> Iterator[Hit]:
        query = {"bool": {"filter": [*self._filters, *more]}}
        current = ("", "")
        found = 0
        pages = self._server.scan(
            TEXTS,
            query,
            SORT,
            sizes=PAGES if self._each < PAGES[-1] else (PAGE,),
            source={"excludes": ["words", "joints", "host", "user", "session"]},
        )
        for page in _until(deadline, pages):
            for start in range(0, len(page), TOGETHER):
                several = [document["_source"] for document in page[start : start + TOGETHER]]
                matching = [
                    (fields, line)
                    for fields in several
                    if found < self._each or _place(fields) != current
                    for line in self._match.lines(fields["text"])
                ]
                holds = self._holds.of(fields["rec"] for fields, _ in matching)
                for fields, line in matching:
                    if _place(fields) != current:
                        current, found = _place(fields), 0
                    facts = self._facts(fields, holds[fields["rec"]]) if found < self._each else None
                    if facts is not None:
                        found += 1
                        yield Hit(facts, fields["kind"], fields["at"], line.text, line.spans)
            if found == self._each and _place(page[-1]["_source"]) == current:
                # On to the next kind or recording, however many lines of this one are left.
                page[-1]["sort"][4:6] = [LAST, LAST]

    def _facts(self, fields: Mapping[str, Any], hold: Hold | None) -> Facts | None:
        """Those of the recording of a text, if that counts and is selected."""
        if hold is None or not is_read(fields, hold):
            return None
        facts = hold.facts
        if facts is None or not self._selection.takes(facts.rec, facts.user, facts.host):
            return None
        return facts if self._in_time(facts.start + fields["at"] / 1000) else None

    def _in_time(self, time: float) -> bool:
        since, until = self._selection.since, self._selection.until
        return (since is None or time >= since) and (until is None or time < until)


class _PausedWithinError(SearchPausedError):
    """The recording `rec`, behind the position, was begun and is not to be listed."""

    def __init__(self, position: Position, rec: str) -> None:
        super().__init__(position)
        self.rec = rec


def _until(deadline: float | None, pages: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Pages of texts, as long as there is time; the last recording of a page may go on in the next one."""
    last: Position | None = None
    texts: list[dict[str, Any]] = []
    for page in pages:
        if deadline is not None and last is not None and time.monotonic() > deadline:
            raise _PausedWithinError(last, texts[-1]["rec"])
        yield page
        texts = [document["_source"] for document in page]
        whole = (each for each in reversed(texts) if each["rec"] != texts[-1]["rec"])
        last = next((Position(each["start"], each["rec"]) for each in whole), last)


def _place(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Recording and kind of a text."""
    return fields["rec"], fields["kind"]


def is_read(fields: Mapping[str, Any], hold: Hold) -> bool:
    """Whether a text is one of its recording's: of a claim that was carried out, and not replaced since."""
    claim, recording = fields["claim"], hold.fields
    return (
        not hold.deleted
        and recording["texts_from"] <= claim <= recording["claim"]
        and claim not in (recording.get("abandoned") or ())
        and (not fields["passing"] or claim == recording["claim"])
    )


def selected(selection: Selection) -> list[dict[str, Any]]:
    """Users, hosts and ids of a selection as filters that leave out none of its recordings; what is exact is
    `Selection.takes`."""
    filters: list[dict[str, Any]] = []
    if selection.recs:
        filters.append(_any({"prefix": {"rec": rec}} for rec in selection.recs))
    for name, patterns in (("user", selection.users), ("host", selection.hosts)):
        # Elasticsearch folds the case of ASCII letters only.
        if patterns and all(map(str.isascii, patterns)):
            filters.append(_any(_pattern(name, pattern) for pattern in patterns))
    if selection.within is not None:
        filters.append(within(selection.within))
    unwanted = [("user", pattern) for pattern in selection.not_users]
    unwanted += [("host", pattern) for pattern in selection.not_hosts]
    no = [_pattern(name, pattern) for name, pattern in unwanted if pattern.isascii()]
    return [*filters, {"bool": {"must_not": no}}] if no else filters


def _selected(selection: Selection) -> list[dict[str, Any]]:
    """The same with the times of lines, which are rounded to ms in the index."""
    limits: dict[str, int] = {}
    if selection.since is not None:
        limits["gte"] = _bound(selection.since * 1000 - 2)
    if selection.until is not None:
        limits["lte"] = _bound(selection.until * 1000 + 2)
    return selected(selection) + ([{"range": {"@timestamp": limits}}] if limits else [])


def _bound(time: float) -> int:
    return int(min(max(time, 0.0), MAX_TIMESTAMP))


def _words(group: Group) -> Iterator[dict[str, Any]]:
    """What every line has among its words and their joints that has the group's terms.

    To look up part of a word takes a walk through the dictionary, which is spared where a joint says as much.
    """
    for term in group.wanted:
        joints = wanted(term)
        for piece in pieces(term)[:MAX_PIECES]:
            is_known = joints.first if piece.ends else joints.last
            if piece.starts == piece.ends or not is_known:
                yield _word(piece)
        yield from ({"term": {"joints": joint}} for joint in joints.whole[:MAX_PIECES])
        if joints.beginning:
            yield {"prefix": {"joints": joints.beginning}}


def _word(piece: Piece) -> dict[str, Any]:
    text, half = piece.text, WINDOW // 2
    if len(text) > half:
        # Long words are indexed in windows, of which at least one has these characters of it whole.
        return {"wildcard": {"words": {"value": f"*{_literal(text[:half])}*"}}}
    if piece.starts and piece.ends:
        return {"term": {"words": text}}
    if piece.starts:
        return {"prefix": {"words": text}}
    return {"wildcard": {"words": {"value": f"*{_literal(text)}{'' if piece.ends else '*'}"}}}


def _pattern(name: str, pattern: str) -> dict[str, Any]:
    value = pattern.replace("\\", "\\\\")
    return {"wildcard": {name: {"value": value, "case_insensitive": True}}}


def _literal(text: str) -> str:
    return "".join("\\" + char if char in "\\*?" else char for char in text)


def _any(filters: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": list(filters), "minimum_should_match": 1}}
