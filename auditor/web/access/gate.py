"""Middleware: nothing is answered before it is known who asks, how often he did, and that he meant it."""

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import anyio
from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.ledger.schema import LedgerError
from auditor.web.access.authenticator import Admission, Refusal
from auditor.web.access.cookies import Session, cookie
from auditor.web.access.csrf import SAFE, is_meant
from auditor.web.access.metrics_reader import METRICS
from auditor.web.access.rate_limit import RateLimit
from auditor.web.access.viewer import Right, Viewer
from auditor.web.errors import error_response, on_ledger_error

if TYPE_CHECKING:
    from auditor.web.site import Site

PUBLIC = ("/static/", "/sign-in", METRICS)
"""What is answered without a session: how pages look, the way in, and what decides for itself."""

BY_ITSELF = "x-refresh"
"""The header of requests by which a page keeps itself up to date: they are nobody's deed."""

MAX_BODY = 64 * 1024
"""Bytes of a request's body: a form."""

BODY_SECONDS = 10.0
"""Within which it must have come."""

MAX_FIELDS = 200

TICKET_PATH = "/sign-in/ticket"
"""Where FreeIPA's web UI posts its user's ticket to: nobody is signed in yet whose token it could have."""

REFRESH = 60.0
"""Seconds after which it is asked again what a viewer may see and do."""

CLIENT_RATE = (500.0, 5000.0)
"""Requests a second, and at once, from one address: it may be a whole office's, or the web server's in front."""

ATTEMPT_RATE = (0.2, 20.0)
"""Attempts to sign in that failed, from one address."""


class Gate:
    """See the module. Whoever is let through has `request.state.viewer`, `.session`, and `.form` with the fields of a
    form."""

    def __init__(self, app: ASGIApp, site: "Site") -> None:
        self._app = app
        self._site = site
        self._clients = RateLimit(*CLIENT_RATE)
        each_second = float(site.settings.requests_per_second)
        self._viewers = RateLimit(each_second, 10 * each_second)
        self.attempts = RateLimit(*ATTEMPT_RATE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        address = request.client.host if request.client else ""
        if wait := self._clients.wait(address):
            await _too_many(scope, wait)(scope, receive, send)
        elif scope["path"].startswith(PUBLIC):
            await self._public(request, address, receive, send)
        else:
            try:
                await self._protected(request, address, receive, send)
            except LedgerError as error:  # of a sign-in; those of pages are answered within
                await on_ledger_error(request, error)(scope, receive, send)

    async def _public(self, request: Request, address: str, receive: Receive, send: Send) -> None:
        """A token is tried here, and nothing is changed; who is signed in sees the same pages."""
        scope = request.scope
        if request.method not in SAFE and scope["path"] != TICKET_PATH:
            await error_response(scope, 405)(scope, receive, send)
            return
        if "token" in request.query_params and (wait := self.attempts.wait(address)):
            await _too_many(scope, wait)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _protected(self, request: Request, address: str, receive: Receive, send: Send) -> None:
        scope = request.scope
        headers: dict[str, str] = {}
        session = await self._session(request)
        if session is None:
            outcome = await self._admit(request, address)
            if isinstance(outcome, Refusal):
                refused = error_response(scope, outcome.status, outcome.message, outcome.headers)
                await refused(scope, receive, send)
                return
            value, session = self._site.sessions.begin(outcome.viewer)
            headers = {**outcome.headers, "Set-Cookie": session_cookie(self._site, value)}
            request.state.viewer = session.viewer
            await run_sync(self._site.note, request, "sign-in")
        request.state.session, request.state.viewer, request.state.form = session, session.viewer, {}
        if wait := self._viewers.wait(session.viewer.name):
            await _too_many(scope, wait)(scope, receive, send)
            return
        if not session.viewer.may(Right.WATCH):
            await error_response(scope, 403, "You may not look at recordings.")(scope, receive, send)
            return
        if request.method not in SAFE:
            status = await self._read_form(request, receive)
            if status:
                await error_response(scope, *status)(scope, receive, send)
                return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in headers.items():
                    answer.append(name, value)
            await send(message)

        await self._app(scope, receive, send_with_cookie if headers else send)

    async def _session(self, request: Request) -> Session | None:
        """The session of the request's cookie, with rights that are not too old."""
        site = self._site
        value = cookie_value(request, site.cookie_name)
        session = site.sessions.find(value, used=BY_ITSELF not in request.headers) if value else None
        refresh = site.kerberos.refresh if site.kerberos is not None else REFRESH
        if session is None or site.sessions.clock() - session.checked < refresh or not site.authenticators:
            return session
        viewer = await run_sync(self._refreshed, session)
        if viewer is None:
            site.sessions.end(value)
            return None
        session.viewer, session.checked = viewer, site.sessions.clock()
        return session

    def _refreshed(self, session: Session) -> Viewer | None:
        for authenticator in self._site.authenticators:
            viewer = authenticator.refreshed(session.viewer)
            if viewer is not None:
                return viewer
        return None

    async def _admit(self, request: Request, address: str) -> Admission | Refusal:
        """Let one of the authenticators say who it is."""
        site = self._site
        tries = "authorization" in request.headers
        if tries and (wait := self.attempts.wait(("sign-in", address))):
            return Refusal("There were too many attempts: wait a moment.", 429, headers=_retry(wait))
        for authenticator in site.authenticators:
            outcome = await run_sync(authenticator.authenticate, request)
            if isinstance(outcome, Refusal) and outcome.name:
                await run_sync(lambda name: site.note(request, "sign-in-refused", viewer=name), outcome.name)
            if outcome is not None:
                return outcome
        if site.tokens is not None:
            return Refusal(
                "Open the address that sessrec serve has printed in its terminal; Enter there prints a new one."
            )
        return Refusal("You are not signed in.")

    async def _read_form(self, request: Request, receive: Receive) -> tuple[int, str] | None:
        """The form of the request, as far as it was meant; else a status and what is wrong."""
        body = b""
        try:
            with anyio.fail_after(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return 400, "The request broke off."
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > MAX_BODY:
                        return 413, f"A request may have {MAX_BODY} bytes."
        except TimeoutError:
            return 408, "The request was not sent in time."
        headers = Headers(scope=request.scope)
        form: dict[str, str] = {}
        if headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded":
            try:
                form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
            except ValueError:
                return 400, "The form cannot be read."
        request.state.form, request.state.body = form, body
        if not is_meant(request.state.session.csrf, form, {name: headers[name] for name in headers}):
            return 403, "This did not come from a page of yours, or the page was too old: open it again."
        return None


def session_cookie(site: "Site", value: str) -> str:
    """The header that gives a session's cookie to the browser, or takes it away ("")."""
    return cookie(site.cookie_name, value, secure=site.tls, same_site="strict")


def cookie_value(request: Request, name: str) -> str:
    """The value of a cookie of the request, else ""."""
    # Not request.cookies, which every page of the same name on another port may fill.
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(request.headers.get("cookie", ""))
    except Exception:  # whatever a browser was made to send
        return ""
    return jar[name].value if name in jar else ""


def _too_many(scope: Scope, wait: float) -> ASGIApp:
    return error_response(scope, 429, "There were too many requests: wait a moment.", _retry(wait))


def _retry(wait: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, int(wait + 0.999)))}
