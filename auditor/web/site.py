"""What every request has at hand: one Site for the process."""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from auditor.ledger.daily import DailyRetention
from auditor.ledger.ledger import Ledger
from auditor.ledger.verdicts import Verdicts
from auditor.ledger.verifier import Verifier
from auditor.web.access.authenticator import Authenticator
from auditor.web.access.cookies import Session, Sessions
from auditor.web.access.local_token import LocalTokens
from auditor.web.access.scoped_store import ScopedStore
from auditor.web.access.viewer import Right, Viewer
from auditor.web.metrics_cache import MetricsCache
from auditor.web.own_recordings import OwnRecordings
from auditor.web.rendering import Templates
from auditor.web.settings import WebSettings
from auditor.web.stores import StorePool

if TYPE_CHECKING:
    from auditor.web.access.negotiate import Negotiate


class NavigationEntry(NamedTuple):
    """A page in the header: its name, where it is, and who sees it."""

    title: str
    path: str
    right: Right


@dataclass
class Site:
    """`names`: those by which the server may be called, none for any. `tls`: whether browsers reach us encrypted.
    `closing` is set when the server ends: whatever streams looks at it and ends."""

    settings: WebSettings
    stores: StorePool
    sessions: Sessions
    headers: Mapping[str, str]
    cookie_name: str
    tls: bool
    names: Sequence[str] = ()
    ledger: Ledger | None = None
    verdicts: Verdicts | None = None
    verifier: Verifier | None = None
    daily: DailyRetention | None = None
    own: OwnRecordings | None = None
    tokens: LocalTokens | None = None
    local_viewer: Viewer | None = None
    authenticators: Sequence[Authenticator] = ()
    kerberos: "Negotiate | None" = None
    navigation: Sequence[NavigationEntry] = ()
    templates: Templates = field(default_factory=Templates)
    metrics: MetricsCache = field(default_factory=MetricsCache)
    metrics_token: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def recordings(self, viewer: Viewer) -> Iterator[ScopedStore]:
        """The recordings that exist for the viewer, as long as the block runs."""
        with self.stores.borrow() as store:
            yield ScopedStore(store, viewer.scope, typed=viewer.may(Right.INPUT))

    def page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page made from a template, which has `viewer` (None where nobody is signed in), `csrf` and `notices`
        besides the context."""
        session: Session | None = getattr(request.state, "session", None)
        viewer: Viewer | None = getattr(request.state, "viewer", None)
        notices: list[str] = []
        if session is not None and session.notices:
            notices, session.notices = session.notices, []
        entries = [entry for entry in self.navigation if viewer is not None and viewer.may(entry.right)]
        made = self.templates.render(
            template,
            {
                "viewer": viewer,
                "csrf": session.csrf if session is not None else "",
                "notices": notices,
                "navigation": entries,
                "zone": datetime.now().astimezone().strftime("%Z (UTC%z)"),
                "here": _here(request, entries),
                **context,
            },
        )
        return HTMLResponse(made, status, dict(headers or {}))

    def note(self, request: Request, action: str, **facts: Any) -> None:
        """Keep in the ledger that the viewer does something; `facts` are arguments of Ledger.record."""
        if self.ledger is not None:
            viewer: Viewer | None = getattr(request.state, "viewer", None)
            facts.setdefault("origin", request.client.host if request.client else "")
            self.ledger.record(facts.pop("viewer", viewer.name if viewer else ""), action, **facts)

    def log(self, message: str) -> None:
        """One line for the administrator."""
        line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in message)
        sys.stderr.write(f"sessrec serve: {line}\n")

    def close(self) -> None:
        """Give back what is held open."""
        self.closing.set()
        for work in (self.own, self.daily, self.verifier):
            if work is not None:
                work.stop()
        self.stores.close()
        if self.ledger is not None:
            self.ledger.close()


def _here(request: Request, entries: Sequence[NavigationEntry]) -> str:
    """The address of the entry that the request is of: one with its query comes before one without."""
    whole = f"{request.url.path}?{request.url.query}"
    return whole if any(entry.path == whole for entry in entries) else request.url.path


def tell(request: Request, notice: str) -> None:
    """Let the next page that this browser is shown say something."""
    session: Session | None = getattr(request.state, "session", None)
    if session is not None and len(session.notices) < 5:
        session.notices.append(notice)
