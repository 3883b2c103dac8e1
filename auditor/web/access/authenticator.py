"""How somebody without a session shows who he is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request

from auditor.web.access.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Admission:
    """He has shown it; `headers` go with the answer."""

    viewer: Viewer
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """He has not: `status` is 401 where he may try again, with `headers` that say how (WWW-Authenticate), or 403
    where it is known who he is and that he may see nothing. `name` is who he says he is, or has shown to be, for the
    audit trail; "" where nobody said anything."""

    message: str
    status: int = 401
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Authenticator(Protocol):
    """One way to sign in. Called in a thread of its own, and may block for a while."""

    def authenticate(self, request: Request) -> Admission | Refusal | None:
        """Who sent the request; None when this way has nothing to say about it, and the next one is asked."""
        ...

    def refreshed(self, viewer: Viewer) -> Viewer | None:
        """The viewer with what he may see and do by now, while his session goes on; None ends it."""
        ...
