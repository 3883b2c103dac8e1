"""The list of sessions for programs."""

from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auditor.commands.list import as_json
from auditor.web.session_filter import read_filter, written
from auditor.web.session_list import page_of
from auditor.web.site import Site


def recordings(request: Request) -> Response:
    """A page of the list that `/sessions` shows for the same query: each as in `sessrec list --json`, with `verdict`,
    null where it was not verified as it is now; and `next`, the address of the next page, or null."""
    site: Site = request.app.state.site
    wanted = read_filter(request.query_params.multi_items(), datetime.now().astimezone())
    if wanted.complaint or wanted.group:
        raise HTTPException(400, wanted.complaint or "group: this list has no groups; the page has")
    site.note(request, "list", query=wanted.query)
    with site.recordings(request.state.viewer) as store:
        page = page_of(store, site.verdicts, wanted)
    rows = [{**as_json(row.facts), "verdict": str(row.checked) if row.checked else None} for row in page.rows]
    following = wanted.url("/api/recordings", before=written(page.further)) if page.further else None
    return JSONResponse({"recordings": rows, "next": following})


ROUTES = [Route("/api/recordings", recordings)]
