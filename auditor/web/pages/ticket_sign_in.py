"""The way in for who is signed in to FreeIPA's web UI, into which pages of ours are embedded.

FreeIPA gets a Kerberos ticket for this server in the name of its user, and the web UI posts it here as a form into
the frame. So nobody is asked again, however he has signed in to FreeIPA, and no cookie or secret is shared with it.
"""

from urllib.parse import parse_qsl

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.web.access.authenticator import Refusal
from auditor.web.access.gate import BODY_SECONDS, MAX_BODY, TICKET_PATH, cookie_value, session_cookie
from auditor.web.errors import error_response
from auditor.web.site import Site


async def ticket_sign_in(request: Request) -> Response:
    """Begin a session for the ticket's user, or go on with his, and show what the form's `next` names."""
    site: Site = request.app.state.site
    # Whoever could post here from a page of his own would sign a viewer in as himself.
    if site.kerberos is None or not _is_embedding(request, site.settings.embed_origin):
        return error_response(request.scope, 403, "This is for the FreeIPA server that embed_origin names.")
    form = await _form(request)
    if form is None:
        return error_response(request.scope, 400, "The form cannot be read.")
    return await run_sync(_answer, request, site, form.get("ticket", ""), _local(form.get("next", "")))


def _answer(request: Request, site: Site, ticket: str, following: str) -> Response:
    assert site.kerberos is not None
    outcome = site.kerberos.judge(ticket)
    if isinstance(outcome, Refusal):
        if outcome.name:
            site.note(request, "sign-in-refused", viewer=outcome.name)
        return error_response(request.scope, outcome.status, outcome.message)
    value = cookie_value(request, site.cookie_name)
    session = site.sessions.find(value) if value else None
    if session is not None and session.viewer.name == outcome.viewer.name:
        return RedirectResponse(following, 303)
    if session is not None:
        site.sessions.end(value)
    value, session = site.sessions.begin(outcome.viewer)
    request.state.viewer = session.viewer
    site.note(request, "sign-in")
    return RedirectResponse(following, 303, {"Set-Cookie": session_cookie(site, value)})


def _is_embedding(request: Request, origin: str) -> bool:
    return bool(origin) and request.headers.get("origin", "") == origin


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form within the bounds of all forms; None where it is none."""
    body = b""
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    return None
        return dict(parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=2))
    except (TimeoutError, ValueError):
        return None


def _local(path: str) -> str:
    """A page of ours and nobody else's: a browser takes //host and /\\host for another server."""
    plain = path.startswith("/") and path.isprintable() and "\\" not in path
    return path if plain and not path.startswith("//") else "/"


ROUTES = [Route(TICKET_PATH, ticket_sign_in, methods=["POST"])]
