"""Search in all sessions that exist for the viewer: hits by session, each a moment of the player."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.query.query import Query, QueryError, Selection, parse_query
from auditor.recordings.recording_state import State
from auditor.recordings.store import Facts, Hit, Position, SearchPausedError
from auditor.verify import Verdict
from auditor.web.access.scoped_store import ScopedStore
from auditor.web.access.viewer import Right
from auditor.web.session_filter import RANGES, UNVERIFIED, SessionFilter, minute, read_filter, written
from auditor.web.site import NavigationEntry, Site

PAGE = 20
"""Sessions of one page."""

PATIENCE = 2.0
"""Seconds for one page: where few letters are asked for, every line must be looked at."""

EACH = 5
"""Hits of a kind that are shown of one session; the player has all of them."""

MAX_QUERY = 1000
"""Characters."""

CONTEXT = 160
"""Code points of a line that are shown."""

MAX_MARKS = 20
"""Places in one line that are marked."""

KINDS = {
    "printed": "screen",
    "entered": "typed",
    "command": "command",
    "exec": "program",
    "file": "file",
    "network": "network",
    "other": "event",
    "url": "address",
    "host": "host",
}


class Piece(NamedTuple):
    """A part of a line; `marked`: it was looked for."""

    text: str
    marked: bool


class Line(NamedTuple):
    """A hit: what kind of line, when (ms into the recording), where the player shows it, and its text."""

    kind: str
    at: int
    url: str
    pieces: list[Piece]


class Session(NamedTuple):
    """The hits of one session; `more`: there may be others of the same kind."""

    facts: Facts
    url: str
    lines: list[Line]
    more: bool


def search(request: Request) -> Response:
    """The sessions in which the URL's query finds something."""
    site: Site = request.app.state.site
    now = datetime.now().astimezone()
    text = request.query_params.get("q", "").strip()
    parameters = request.query_params.multi_items()
    wanted = read_filter(parameters, now)
    if not all(value for _, value in parameters):
        return RedirectResponse(wanted.url("/search", q=text, before=request.query_params.get("before", "")), 303)
    complaint = wanted.complaint
    found: list[Session] = []
    further: Position | None = None
    if text and not complaint:
        try:
            query = _query(text, wanted, now)
            site.note(request, "search", query=_noted(text, wanted))
            with site.recordings(request.state.viewer) as store:
                found, further = sessions_with_hits(store, query, text, wanted.before)
        except QueryError as error:
            complaint = str(error)
    fields = {"q": text}
    return site.page(
        request,
        "search.html",
        400 if complaint else 200,
        q=text,
        wanted=wanted,
        complaint=complaint,
        sessions=found,
        paused=further is not None and len(found) < PAGE,
        looked=further.start if further is not None else 0,
        further=wanted.url("/search", **fields, before=written(further)) if further else "",
        first=wanted.url("/search", **fields) if wanted.before else "",
        since=minute(wanted.selection.since) if "since" in wanted.fields else "",
        until=minute(wanted.selection.until) if "until" in wanted.fields else "",
        ranges=RANGES,
        states=[*State, *Verdict],
        unverified=UNVERIFIED,
        kinds=KINDS,
    )


def sessions_with_hits(
    store: ScopedStore, query: Query, text: str, after: Position | None, size: int = PAGE
) -> tuple[list[Session], Position | None]:
    """One page of sessions, and the position behind which the next one begins, if there is one: it is shorter where
    looking for more took too long. `text` is the query as it was typed: the player marks the same."""
    hits = store.search(query, EACH + 1, after=after, patience=PATIENCE)
    found: list[Session] = []
    paused: list[Position] = []

    def until_paused() -> Iterator[Hit]:
        try:
            yield from hits
        except SearchPausedError as error:
            paused.append(error.position)

    for _, group in groupby(until_paused(), key=lambda hit: hit.facts.rec):
        if len(found) == size:
            last = found[-1].facts
            return found, Position(last.start, last.rec)
        found.append(_session(group, text))
    return found, paused[0] if paused else None


def _session(hits: Iterator[Hit], text: str) -> Session:
    counts: dict[str, int] = {}
    lines: list[Line] = []
    facts: Facts | None = None
    for hit in hits:
        facts = hit.facts
        counts[hit.kind] = counts.get(hit.kind, 0) + 1
        if counts[hit.kind] <= EACH:
            url = f"/watch/{quote(facts.rec, safe='')}?{urlencode({'t': _seconds(hit.at), 'q': text})}"
            lines.append(Line(hit.kind, hit.at, url, pieces(hit, CONTEXT)))
    assert facts is not None  # a group has a hit
    url = f"/watch/{quote(facts.rec, safe='')}?{urlencode({'q': text})}"
    return Session(facts, url, lines, any(count > EACH for count in counts.values()))


def _seconds(at: int) -> str:
    return f"{at / 1000:.3f}".rstrip("0").rstrip(".")


def pieces(hit: Hit, width: int) -> list[Piece]:
    """At most `width` code points of the line around the first thing found in it, cut at what was found."""
    text, spans = hit.text, hit.spans
    start = max(0, min(spans[0][0] - width // 3, len(text) - width)) if spans else 0
    end = start + width
    found = [Piece("…", False)] if start else []
    position = start
    for left, right in spans[:MAX_MARKS]:
        left, right = max(left, position), min(right, end)
        if left < right:
            found += [Piece(text[position:left], False), Piece(text[left:right], True)]
            position = right
    found += [Piece(text[position:end], False), Piece("…" if end < len(text) else "", False)]
    return [piece for piece in found if piece.text]


def _query(text: str, wanted: SessionFilter, now: datetime) -> Query:
    """What the box and the fields below it ask for together. Raises QueryError."""
    if len(text) > MAX_QUERY:
        raise QueryError(f"the query is longer than {MAX_QUERY} characters")
    query = parse_query(text, now)
    box, fields = query.selection, wanted.selection
    # Patterns of the box and of a field must both match; a selection has one list of them.
    if (box.users and fields.users) or (box.hosts and fields.hosts):
        raise QueryError("user: or host: stands in the query and below it: use one of them")
    since = [each for each in (box.since, fields.since) if each is not None]
    until = [each for each in (box.until, fields.until) if each is not None]
    selection = Selection(
        users=box.users or fields.users,
        hosts=box.hosts or fields.hosts,
        not_users=box.not_users + fields.not_users,
        not_hosts=box.not_hosts + fields.not_hosts,
        recs=box.recs or fields.recs,
        since=max(since, default=None),
        until=min(until, default=None),
        states=fields.states,
    )
    return Query(query.groups, query.without, selection)


def _noted(text: str, wanted: SessionFilter) -> str:
    return f"{text} [{wanted.query}]" if wanted.query else text


ROUTES = [Route("/search", search)]
NAVIGATION = [NavigationEntry("Search", "/search", Right.WATCH)]
