"""The application: the pages and data that there are, behind what looks at every request first."""

import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

import auditor.web.data
import auditor.web.pages
from auditor.ledger.schema import LedgerError
from auditor.query.query import QueryError
from auditor.query.time_forms import TimeFormError
from auditor.recordings.store import StoreError
from auditor.web.access.gate import Gate
from auditor.web.errors import on_fault, on_http_error, on_ledger_error, on_query_error, on_store_error
from auditor.web.security import HostCheck, SecurityHeaders
from auditor.web.site import NavigationEntry, Site

STATIC = Path(__file__).parent / "static"


def create_app(site: Site) -> Starlette:
    """What a server runs. Every module of `pages` and `data` has its part in it: ROUTES, and NAVIGATION where the
    header names it."""
    modules = [*_modules(auditor.web.pages), *_modules(auditor.web.data)]
    entries: list[NavigationEntry] = [entry for module in modules for entry in getattr(module, "NAVIGATION", ())]
    site.navigation = sorted(entries, key=lambda entry: _ORDER.get(entry.path, len(_ORDER)))
    routes: list[BaseRoute] = [Mount("/static", StaticFiles(directory=STATIC), name="static")]
    for module in modules:
        own: Sequence[BaseRoute] = getattr(module, "ROUTES", ())
        routes += own
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(SecurityHeaders, headers=dict(site.headers)),
            Middleware(HostCheck, names=site.names),
            Middleware(Gate, site=site),
        ],
        exception_handlers={
            HTTPException: on_http_error,
            QueryError: on_query_error,
            TimeFormError: on_query_error,
            StoreError: on_store_error,
            LedgerError: on_ledger_error,
            Exception: on_fault,
        },
    )
    app.state.site = site
    return app


_ORDER = {
    path: place
    for place, path in enumerate(("/sessions", "/sessions?state=live", "/search", "/compare", "/holds", "/trail"))
}


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__):
        yield import_module(f"{package.__name__}.{found.name}")
