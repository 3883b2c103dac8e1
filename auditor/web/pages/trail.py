"""Who watched what, when, and which search: the audit trail, for those who may see it.

A viewer whose scope is limited sees what was done with the recordings that exist for him, and what he did himself.
"""

from datetime import datetime
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.ledger.entry import ACTIONS, Entry, Wanted
from auditor.ledger.ledger import Ledger
from auditor.query.time_forms import TimeFormError, point_in_time
from auditor.recordings.store import Facts
from auditor.web.access.viewer import Right, Viewer
from auditor.web.site import NavigationEntry, Site

PAGE = 100
"""Entries on one page."""

LOOKED_AT = 20_000
"""Entries that one request looks through for those that the viewer may see."""

_FIELDS = ("viewer", "action", "rec", "user", "host", "since", "until")


def trail(request: Request) -> Response:
    """The entries that the filters of the URL take, the newest first; `before`: with smaller numbers."""
    site: Site = request.app.state.site
    viewer: Viewer = request.state.viewer
    if not viewer.may(Right.TRAIL):
        raise HTTPException(403, "You may not see who watched what.")
    if site.ledger is None:
        raise HTTPException(503, "Nothing is recorded here.")
    asked = {name: request.query_params.get(name, "").strip() for name in _FIELDS}
    complaint = ""
    try:
        wanted = _wanted(asked)
    except TimeFormError as error:
        complaint, wanted = str(error), Wanted(since=float("inf"))
    before = _before(request)
    if before is None:
        query = urlencode({name: text for name, text in asked.items() if text})
        site.note(request, "trail", query=query)
    found, older = _page(site.ledger, viewer, wanted, before)
    return site.page(
        request,
        "trail.html",
        400 if complaint else 200,
        entries=found,
        asked=asked,
        actions=ACTIONS,
        complaint=complaint,
        newest=_url(asked),
        older=_url(asked | {"before": str(older)}) if older else "",
        before=before,
    )


def _wanted(asked: dict[str, str]) -> Wanted:
    now = datetime.now().astimezone()
    return Wanted(
        viewers=(asked["viewer"],) if asked["viewer"] else (),
        actions=(asked["action"],) if asked["action"] else (),
        rec=asked["rec"],
        users=(asked["user"],) if asked["user"] else (),
        hosts=(asked["host"],) if asked["host"] else (),
        since=point_in_time(asked["since"], now) if asked["since"] else None,
        until=point_in_time(asked["until"], now) if asked["until"] else None,
    )


def _page(ledger: Ledger, viewer: Viewer, wanted: Wanted, before: int | None) -> tuple[list[Entry], int]:
    """Entries of one page, and the number before which the next one begins; 0 where there is none."""
    found: list[Entry] = []
    for looked_at, entry in enumerate(ledger.entries(wanted, before=before)):
        if len(found) == PAGE or looked_at == LOOKED_AT:
            return found, entry.number + 1
        if _may_see(viewer, entry):
            found.append(entry)
    return found, 0


def _may_see(viewer: Viewer, entry: Entry) -> bool:
    if viewer.scope.everything or entry.viewer == viewer.name:
        return True
    # A query, too, names users and hosts: without a recording only one's own entries are shown.
    return bool(entry.rec) and viewer.scope.takes(Facts(entry.rec, entry.host, entry.user, "", 0, 0.0))


def _before(request: Request) -> int | None:
    text = request.query_params.get("before")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 16):
        raise HTTPException(400, "before: not the number of an entry.")
    return int(text)


def _url(asked: dict[str, str]) -> str:
    return "/trail?" + urlencode({name: text for name, text in asked.items() if text})


ROUTES = [Route("/trail", trail)]
NAVIGATION = [NavigationEntry("Trail", "/trail", Right.TRAIL)]
