"""Recordings that are kept from being deleted: the list, new holds, and their release."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.ledger.holds import Hold, HoldError, hold, holds, release
from auditor.ledger.ledger import Ledger
from auditor.recordings.store import Facts
from auditor.web.access.viewer import Right, Viewer
from auditor.web.site import NavigationEntry, Site, tell

MOST = 1000
"""Holds that are listed."""


def listed(request: Request) -> Response:
    """All holds on recordings that exist for the viewer; with `rec` the form is about that one."""
    ledger = _ledger(request)
    return _page(request, ledger, request.query_params.get("rec", ""))


def added(request: Request) -> Response:
    """Put a recording on hold: `rec`, by its whole id or a beginning that no other has, and `reason`."""
    site: Site = request.app.state.site
    viewer: Viewer = request.state.viewer
    ledger = _ledger(request)
    name, reason = request.state.form.get("rec", "").strip(), request.state.form.get("reason", "")
    facts = None
    if name:
        with site.recordings(viewer) as store:
            facts = store.facts(name)
            if facts is None:
                near = store.beginning_with(name, 2)
                facts = near[0] if len(near) == 1 else None
    if facts is None:
        return _page(request, ledger, name, reason, "There is no such recording, or more than one that begins so.")
    try:
        hold(ledger, facts, viewer.name, reason, _origin(request))
    except HoldError as error:
        return _page(request, ledger, name, reason, str(error))
    tell(request, f"On hold: {facts.rec}")
    return RedirectResponse("/holds", 303)


def released(request: Request) -> Response:
    """Release the hold with this number; `reason` says why."""
    viewer: Viewer = request.state.viewer
    ledger = _ledger(request)
    number = request.path_params["number"]
    found = [each for each in _visible(ledger, viewer) if each.number == number]
    if not found:
        raise HTTPException(404, "There is no such hold: it may have been released.")
    try:
        release(
            ledger, found[0].rec, viewer.name, request.state.form.get("reason", ""), number, origin=_origin(request)
        )
    except HoldError as error:
        return _page(request, ledger, "", "", str(error))
    tell(request, f"Released: {found[0].rec}")
    return RedirectResponse("/holds", 303)


def _page(request: Request, ledger: Ledger, rec: str, reason: str = "", complaint: str = "") -> Response:
    site: Site = request.app.state.site
    found = _visible(ledger, request.state.viewer)
    status = 400 if complaint else 200
    return site.page(
        request,
        "holds.html",
        status,
        holds=found[:MOST],
        more=len(found) > MOST,
        rec=rec,
        reason=reason,
        complaint=complaint,
    )


def _visible(ledger: Ledger, viewer: Viewer) -> list[Hold]:
    return [each for each in holds(ledger) if viewer.scope.takes(Facts(each.rec, each.host, each.user, "", 0, 0.0))]


def _ledger(request: Request) -> Ledger:
    site: Site = request.app.state.site
    viewer: Viewer = request.state.viewer
    if not viewer.may(Right.HOLD):
        raise HTTPException(403, "You may not put recordings on hold.")
    if site.ledger is None:
        raise HTTPException(503, "Nothing is recorded here.")
    return site.ledger


def _origin(request: Request) -> str:
    return request.client.host if request.client else ""


ROUTES = [
    Route("/holds", listed, methods=["GET"]),
    Route("/holds", added, methods=["POST"]),
    Route("/holds/{number:int}/release", released, methods=["POST"]),
]
NAVIGATION = [NavigationEntry("Holds", "/holds", Right.HOLD)]
