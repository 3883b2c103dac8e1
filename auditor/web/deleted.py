"""What is answered about a recording that was deleted: its tombstone, to those for whom it would exist."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auditor.ledger.tombstones import Tombstone, tombstone
from auditor.output.moments import iso
from auditor.web.access.viewer import Viewer

if TYPE_CHECKING:
    from auditor.web.site import Site

GONE = 410


def deleted_response(request: Request) -> Response | None:
    """The answer to a request that names a recording which is not there; None where nothing was deleted that this
    viewer might have seen."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    rec = request.scope.get("path_params", {}).get("rec")
    site: Site = request.app.state.site
    if viewer is None or site.ledger is None or not isinstance(rec, str):
        return None
    stone = tombstone(site.ledger, rec)
    if stone is None or not viewer.scope.takes(stone.facts()):
        return None
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": "This recording was deleted.", "deleted": described(stone)}, GONE)
    return site.page(request, "deleted.html", GONE, stone=stone)


def described(stone: Tombstone) -> dict[str, object]:
    """A tombstone as JSON."""
    return {**stone._asdict(), "start": iso(stone.start), "time": iso(stone.time)}
