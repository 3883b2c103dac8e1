"""Who may read /metrics: whoever is on this machine, and whoever shows the token of the settings.

Nothing there names a user or a recording; but how much is recorded, and whether anybody would notice, is not for all.
"""

import hmac
from pathlib import Path

from starlette.requests import Request

from auditor.web.settings import WebSettingsError, is_loopback

METRICS = "/metrics"

SHORTEST = 20
"""Characters of a token: nobody may guess it in the time that there is."""

_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


def read_token(file: str) -> str:
    """The token that a file holds, "" where none is set. Raises WebSettingsError."""
    if not file:
        return ""
    try:
        token = Path(file).read_text(encoding="ascii").strip()
    except OSError as error:
        raise WebSettingsError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WebSettingsError(f"{file}: not ASCII: write one line, as `openssl rand -hex 32` prints it") from error
    if len(token) < SHORTEST or not token.isprintable() or " " in token:
        raise WebSettingsError(f"{file}: not one line of at least {SHORTEST} characters: openssl rand -hex 32")
    return token


def may_read(request: Request, token: str) -> bool:
    """Whether the request comes from this machine itself, not through a web server in front, or has the token."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode()):
        return True
    local = request.client is not None and is_loopback(request.client.host)
    return local and not any(name in request.headers for name in _FORWARDED)
