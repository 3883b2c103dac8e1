"""The list of sessions: filtered, page by page or counted by user, host or day; and filters that are kept."""

from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from auditor.ledger.saved_filters import SavedFilterError, SavedFilters
from auditor.recordings.recording_state import State
from auditor.recordings.store import RecordingGroup
from auditor.verify import Verdict
from auditor.web.access.gate import BY_ITSELF
from auditor.web.access.viewer import Right
from auditor.web.session_filter import (
    GROUPS,
    RANGES,
    UNVERIFIED,
    SessionFilter,
    minute,
    quoted,
    read_filter,
    written,
)
from auditor.web.session_list import page_of
from auditor.web.site import NavigationEntry, Site, tell

MAX_GROUPS = 1000
"""Groups that are shown; the rest is summed up."""


def start(request: Request) -> Response:
    """The first page is the list."""
    return RedirectResponse("/sessions", 303)


def sessions(request: Request) -> Response:
    """The sessions, or groups of them, that the URL asks for."""
    site: Site = request.app.state.site
    now = datetime.now().astimezone()
    parameters = request.query_params.multi_items()
    wanted = read_filter(parameters, now)
    if not all(value for _, value in parameters):
        # As a form sends it: with every field. The URL that people share has those that say something.
        return RedirectResponse(wanted.url(before=request.query_params.get("before", "")), 303)
    if BY_ITSELF not in request.headers:
        site.note(request, "list", query=wanted.query)
    groups: list[RecordingGroup] = []
    page = None
    with site.recordings(request.state.viewer) as store:
        if wanted.complaint:
            pass
        elif wanted.group:
            groups = store.groups(wanted.selection, wanted.group)
        else:
            page = page_of(store, site.verdicts, wanted)
    return site.page(
        request,
        "sessions.html",
        400 if wanted.complaint else 200,
        wanted=wanted,
        page=page,
        older=wanted.url(before=written(page.further)) if page is not None and page.further else "",
        groups=[(group, _narrowed(wanted, group)) for group in groups[:MAX_GROUPS]],
        more_groups=max(0, len(groups) - MAX_GROUPS),
        total=sum(group.recordings for group in groups),
        since=minute(wanted.selection.since) if "since" in wanted.fields else "",
        until=minute(wanted.selection.until) if "until" in wanted.fields else "",
        ranges=RANGES,
        states=[*State, *Verdict],
        unverified=UNVERIFIED,
        group_names=GROUPS,
        saved=_saved(site).of(request.state.viewer.name) if site.ledger is not None else [],
        search_url=_search(wanted),
    )


def save_filter(request: Request) -> Response:
    """Keep the filter of the list under a name."""
    site: Site = request.app.state.site
    form = request.state.form
    # Read once more: what is kept is a filter and nothing else.
    wanted = read_filter(parse_qsl(form.get("query", "")), datetime.now().astimezone())
    if site.ledger is not None:
        try:
            saved = _saved(site).save(request.state.viewer.name, form.get("name", ""), wanted.query)
            tell(request, f"The filter {saved.name} is saved.")
        except SavedFilterError as error:
            tell(request, f"Not saved: {error}.")
    return RedirectResponse(wanted.url(), 303)


def remove_filter(request: Request) -> Response:
    """Forget a filter."""
    site: Site = request.app.state.site
    if site.ledger is not None:
        _saved(site).remove(request.state.viewer.name, request.state.form.get("name", ""))
    return RedirectResponse("/sessions", 303)


def _saved(site: Site) -> SavedFilters:
    assert site.ledger is not None
    return SavedFilters(site.ledger)


def _narrowed(wanted: SessionFilter, group: RecordingGroup) -> str:
    """The list of one group's sessions."""
    if wanted.group == "day":
        day = datetime.fromisoformat(group.key)
        following = (day + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
        return wanted.url(group="", since=day.strftime("%Y-%m-%dT%H:%M"), until=following, range="")
    assert wanted.group is not None
    return wanted.url(**{"group": "", wanted.group: quoted(group.key)})


def _search(wanted: SessionFilter) -> str:
    """A search in the sessions of this list."""
    return wanted.url("/search", group="", state="")


ROUTES = [
    Route("/", start),
    Route("/sessions", sessions),
    Route("/filters", save_filter, methods=["POST"]),
    Route("/filters/remove", remove_filter, methods=["POST"]),
]
NAVIGATION = [
    NavigationEntry("Sessions", "/sessions", Right.WATCH),
    NavigationEntry("Live", "/sessions?state=live", Right.WATCH),
]
