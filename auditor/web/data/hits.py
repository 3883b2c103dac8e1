"""Where in one recording something is found."""

from dataclasses import replace
from datetime import datetime
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.query.query import Query, QueryError, Selection, parse_query
from auditor.web.watching.asked import answer, recording
from auditor.web.watching.noting import note_search

MOST = 2000
MAX_QUERY = 1000
"""Characters."""


def hits(request: Request) -> Response:
    """The lines that `q` finds, in order of time, each with the parts of its text that were looked for; and those
    parts alone, to be marked on the screen. Which recordings `q` selects does not matter here."""
    text = request.query_params.get("q", "")
    if len(text) > MAX_QUERY:
        raise HTTPException(400, f"The search is longer than {MAX_QUERY} characters.")
    try:
        query = parse_query(text, datetime.now().astimezone())
    except QueryError as error:
        raise HTTPException(400, str(error)) from error
    with recording(request) as (store, facts):
        note_search(request, facts, text)
        found = [
            hit
            for hit in islice(store.search(_within(query, facts.rec), MOST), 10 * MOST)
            if hit.facts.rec == facts.rec
        ]
    found.sort(key=lambda hit: (hit.at, hit.kind))
    marked = {hit.text[start:end].casefold() for hit in found for start, end in hit.spans}
    return answer(
        {
            "hits": [
                {"at": hit.at / 1000, "kind": hit.kind, "text": hit.text[:400], "spans": hit.spans[:20]}
                for hit in found[:MOST]
            ],
            "cut": len(found) > MOST,
            "marked": sorted(marked, key=len, reverse=True)[:50],
        }
    )


def _within(query: Query, rec: str) -> Query:
    return replace(query, selection=Selection(recs=(rec,)))


ROUTES = [Route("/api/recordings/{rec}/hits", hits)]
