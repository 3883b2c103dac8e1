"""Deleting a recording from the page: asked once more, with a reason."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.ledger.deletion import LiveRecordingError, delete, refuse_live
from auditor.ledger.holds import HeldError, held
from auditor.ledger.ledger import Ledger
from auditor.recordings.store import Facts
from auditor.web.access.viewer import Right, Viewer
from auditor.web.site import Site, tell
from auditor.web.watching.asked import may, recording


def asked(request: Request) -> Response:
    """What would be deleted, and the form that says why."""
    return _page(request, *_deletable(request))


def deleted(request: Request) -> Response:
    """Delete it; `reason` says why."""
    site: Site = request.app.state.site
    viewer: Viewer = request.state.viewer
    ledger, facts = _deletable(request)
    reason = request.state.form.get("reason", "").strip()
    if not reason:
        return _page(request, ledger, facts, "Say why it is deleted.")
    verdicts = site.verdicts
    try:
        with site.stores.borrow() as store:
            delete(
                store,
                ledger,
                [facts],
                viewer.name,
                reason=reason,
                origin=request.client.host if request.client else "",
                verdict=verdicts.known_text if verdicts else lambda _: "",
            )
    except (HeldError, LiveRecordingError) as error:
        return _page(request, ledger, facts, str(error))
    tell(request, f"Deleted: {facts.rec}")
    return RedirectResponse("/sessions", 303)


def _deletable(request: Request) -> tuple[Ledger, Facts]:
    site: Site = request.app.state.site
    with recording(request) as (_, facts):
        pass
    if not may(request, Right.DELETE):
        raise HTTPException(403, "You may not delete recordings.")
    if site.ledger is None:
        raise HTTPException(503, "Nothing is recorded here, so nothing is deleted.")
    return site.ledger, facts


def _page(request: Request, ledger: Ledger, facts: Facts, complaint: str = "") -> Response:
    site: Site = request.app.state.site
    try:
        refuse_live(facts)
        live = False
    except LiveRecordingError:
        live = True
    return site.page(
        request,
        "delete.html",
        400 if complaint else 200,
        facts=facts,
        holds=held(ledger, facts.rec),
        live=live,
        complaint=complaint,
    )


ROUTES = [
    Route("/delete/{rec}", asked, methods=["GET"]),
    Route("/delete/{rec}", deleted, methods=["POST"]),
]
