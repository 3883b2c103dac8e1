"""What every answer says to the browser, and by which names the server may be called.

Recorded content is hostile: should a piece of it ever end up as HTML, the policy lets no script of it run and nothing
be sent anywhere.
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.web.errors import error_response


def security_headers(embed_origin: str, *, tls: bool) -> dict[str, str]:
    """The headers of every answer. `embed_origin`: the one server whose pages may embed ours, or ""."""
    ancestors = embed_origin or "'none'"
    headers = {
        # asciinema-player runs WebAssembly, and sets styles through the CSSOM only, which needs no 'unsafe-inline'.
        "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {ancestors}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }
    if not embed_origin:
        headers["X-Frame-Options"] = "DENY"
    if tls:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class SecurityHeaders:
    """Middleware: the headers, and that nothing is kept by caches unless the answer says so itself."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                # How pages look is no secret, and is asked for anew: the same comes back as 304.
                public = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if public else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostCheck:
    """Middleware: only requests to one of `names` are answered. A page of a stranger's whose name was made to lead
    here (DNS rebinding) is another origin to the browser no longer, but its name is not ours."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and self._names:
            host = Headers(scope=scope).get("host", "").lower()
            if host not in self._names and _without_port(host) not in self._names:
                await error_response(scope, 400, "This server is not called by that name.")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
