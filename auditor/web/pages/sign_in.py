"""The way in with a token of `--local`, and the way out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.ledger.schema import LedgerError
from auditor.web.access.cookies import Session
from auditor.web.access.gate import cookie_value, session_cookie
from auditor.web.site import Site


def sign_in(request: Request) -> Response:
    """Exchange the token for a session, and leave an address without it in the browser."""
    site: Site = request.app.state.site
    token = request.query_params.get("token", "")
    if request.method == "HEAD":
        return Response()  # whoever only looks whether the address is there does not use it up
    if site.tokens is None or site.local_viewer is None:
        return RedirectResponse("/", 303)
    if not token or not site.tokens.take(token):
        site.note(request, "sign-in-refused", viewer=site.local_viewer.name)
        line = (
            "This address was used already, or is too old. Enter in the terminal of sessrec serve prints a new one."
        )
        return site.page(request, "error.html", 401, title="Please sign in", line=line)
    value, session = site.sessions.begin(site.local_viewer)
    request.state.viewer = session.viewer
    site.note(request, "sign-in")
    return RedirectResponse("/", 303, {"Set-Cookie": session_cookie(site, value)})


def sign_out(request: Request) -> Response:
    """End the session, also for whoever has copied its cookie."""
    site: Site = request.app.state.site
    session: Session = request.state.session
    session.notices.clear()
    try:
        site.note(request, "sign-out")
    except LedgerError as error:  # to leave is always allowed
        site.log(str(error))
    site.sessions.end(cookie_value(request, site.cookie_name))
    request.state.session = request.state.viewer = None
    line = "You are signed out."
    headers = {"Set-Cookie": session_cookie(site, "")}
    return site.page(request, "error.html", 200, headers, title="Signed out", line=line)


ROUTES = [Route("/sign-in", sign_in), Route("/sign-out", sign_out, methods=["POST"])]
