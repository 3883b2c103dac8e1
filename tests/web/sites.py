"""The application as tests use it: over a store of theirs, with somebody signed in."""

from pathlib import Path

from starlette.testclient import TestClient

from auditor.ledger.ledger import Ledger
from auditor.ledger.verdicts import Verdicts
from auditor.recordings.store_name import open_named
from auditor.web.access.cookies import Sessions
from auditor.web.access.local_token import LocalTokens
from auditor.web.access.scope import ALL
from auditor.web.access.viewer import Right, Viewer
from auditor.web.app import create_app
from auditor.web.security import security_headers
from auditor.web.settings import WebSettings
from auditor.web.site import Site
from auditor.web.stores import StorePool

BASE = "http://127.0.0.1:8080"
COOKIE = "sessrec_8080"
AUDITOR = Viewer("auditor", ALL, frozenset(Right))


def site_of(store, **parts):
    """A site as `sessrec serve --local` has it; `store` as --store takes it. `parts`: those of Site to be others."""
    settings = parts.pop("settings", WebSettings())
    if isinstance(store, Path) and "ledger" not in parts:
        parts["ledger"] = Ledger(store.parent / "ledger.db", journal_socket="")
        parts.setdefault("verdicts", Verdicts(parts["ledger"], keys=list))
    made = {
        "settings": settings,
        "stores": StorePool(lambda: open_named(store, shared=True)),
        "sessions": Sessions(),
        "headers": security_headers(settings.embed_origin, tls=False),
        "cookie_name": COOKIE,
        "tls": False,
        "names": ["127.0.0.1:8080"],
        "tokens": LocalTokens(),
        "local_viewer": AUDITOR,
    }
    return Site(**(made | parts))


def client_of(site, viewer=AUDITOR, **options):
    """A browser in which the viewer is signed in; None: nobody. Its `csrf` is the token of forms."""
    client = TestClient(create_app(site), base_url=BASE, **options)
    if viewer is not None:
        value, session = site.sessions.begin(viewer)
        client.cookies.set(site.cookie_name, value)
        client.csrf = session.csrf
    return client
