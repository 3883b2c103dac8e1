"""The list of sessions."""

from itertools import islice

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.query import Selection
from auditor.web.access.viewer import Right
from auditor.web.site import NavigationEntry, Site

PAGE = 50


def start(request: Request) -> Response:
    """The first page is the list."""
    return RedirectResponse("/sessions", 303)


def sessions(request: Request) -> Response:
    """The latest sessions."""
    site: Site = request.app.state.site
    with site.recordings(request.state.viewer) as store:
        found = list(islice(store.recordings(Selection()), PAGE))
    return site.page(request, "sessions.html", sessions=found)


ROUTES = [Route("/", start), Route("/sessions", sessions)]
NAVIGATION = [NavigationEntry("Sessions", "/sessions", Right.WATCH)]
