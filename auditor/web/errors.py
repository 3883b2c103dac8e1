"""What is answered when a request cannot be: one clear line, as a page, or as JSON to whatever fetches data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auditor.query.query import QueryError
from auditor.query.time_forms import TimeFormError
from auditor.recordings.store import StoreUnavailableError
from auditor.web.deleted import deleted_response
from auditor.web.stores import StoreBusyError

if TYPE_CHECKING:
    from auditor.web.site import Site

TITLES = {
    400: "That cannot be understood",
    401: "Please sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Not allowed",
    408: "Too slow",
    413: "Too large",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not available now",
}
LINES = {
    403: "You may not do this.",
    404: "There is no such page or recording.",
    405: "This address does not take such a request.",
    500: "The server has a fault; its log says more.",
}


def error_response(
    scope: Mapping[str, Any], status: int, message: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to the request of an ASGI scope."""
    line = message or LINES.get(status, TITLES.get(status, "The request failed."))
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": line}, status, dict(headers or {}))
    site: Site = scope["app"].state.site
    title = TITLES.get(status, "Error")
    return site.page(Request(dict(scope)), "error.html", status, headers, title=title, line=line)


def on_http_error(request: Request, error: Exception) -> Response:
    """A handler, or the routing, has refused the request with a status."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and (gone := deleted_response(request)) is not None:
        return gone
    said = error.detail if error.detail and error.detail != _phrase(error.status_code) else ""
    return error_response(request.scope, error.status_code, said, error.headers)


def on_query_error(request: Request, error: Exception) -> Response:
    """A query or a time cannot be understood; handlers that show a form tell it beside the form instead."""
    assert isinstance(error, QueryError | TimeFormError)
    return error_response(request.scope, 400, str(error))


def on_store_error(request: Request, error: Exception) -> Response:
    """The store cannot be read. What it says may name paths and servers, which are the administrator's to know."""
    busy = isinstance(error, StoreBusyError | StoreUnavailableError)
    site: Site = request.app.state.site
    site.log(f"{request.scope['path']}: {error}")
    line = "The store is busy: try again in a moment." if busy else "The store cannot be read; the log says more."
    return error_response(request.scope, 503 if busy else 500, line)


def on_ledger_error(request: Request, error: Exception) -> Response:
    """What somebody wants to do cannot be recorded, and is not done."""
    site: Site = request.app.state.site
    site.log(f"{request.scope['path']}: {error}")
    line = "Nothing can be shown or done now, because it cannot be recorded who does it; the server's log says more."
    return error_response(request.scope, 503, line)


def on_fault(request: Request, error: Exception) -> Response:
    """A fault of ours. Middleware lies within the handler of these, so the headers are set here."""
    site: Site = request.app.state.site
    response = error_response(request.scope, 500)
    for name, value in site.headers.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response


def _phrase(status: int) -> str:
    from http import HTTPStatus

    return HTTPStatus(status).phrase
