"""Numbers for Prometheus: what the store holds, how far behind ingests are, who has done how much."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from auditor.web.access.metrics_reader import METRICS, may_read
from auditor.web.errors import error_response
from auditor.web.site import Site


def metrics(request: Request) -> Response:
    """In Prometheus' text format."""
    site: Site = request.app.state.site
    if site.tokens is not None:
        # --local is for one person, and others of the machine reach the port as well.
        return error_response(request.scope, 404)
    if not may_read(request, site.metrics_token):
        line = "Numbers are for this machine, and for whoever shows the token that metrics_token names."
        return error_response(request.scope, 401, line, {"WWW-Authenticate": "Bearer"})
    try:
        from auditor.web.metrics import CONTENT_TYPE

        return PlainTextResponse(site.metrics.text(site), media_type=CONTENT_TYPE)
    except ModuleNotFoundError as error:
        line = (
            f"The Python package '{error.name}' is missing on the server: apt-get install python3-prometheus-client"
        )
        return error_response(request.scope, 503, line)


ROUTES = [Route(METRICS, metrics)]
