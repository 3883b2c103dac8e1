"""The player: a session like a film, with all that it did beside it; and two of them side by side."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.player.keys import BINDINGS, Action
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts
from auditor.web.access.viewer import Right
from auditor.web.data.control import is_possible
from auditor.web.frontend.player_files import present
from auditor.web.site import NavigationEntry, Site
from auditor.web.watching.asked import may, moment, recording
from auditor.web.watching.event_index import KINDS
from auditor.web.watching.noting import note_watching

_OF_THE_TERMINAL = frozenset({Action.STATUS, Action.REDRAW, Action.QUIT, Action.STEP, Action.GO_TO_ENTRY})
"""Actions that a page has no use for, or does a little otherwise."""

_OWN_KEYS = (
    (". ,", "show the next output at once, or go back by one"),
    ("ENTER", "in the event log: go to the chosen entry; UP and DOWN choose one, ESC follows again"),
    ("( )", "a range begins here, or ends here; ESC gives it up"),
    ("+ - 0", "larger, smaller, fitted to the window"),
    ("F", "full screen, and back"),
    ("y", "copy the text of the screen"),
    ("l", "copy a link to this moment"),
)
_HERE = {
    Action.PREVIOUS_EVENT: "previous event of the chosen kinds",
    Action.SEARCH: "search in this session",
    Action.COMMANDS: "commands alone in the event log, or all kinds again",
    Action.EVENTS: "event log beside or below, or the terminal alone",
    Action.FOLLOW: "to the newest moment of a running session, and on with it",
}
"""What is said of a key otherwise than in the terminal."""

KEYS = [
    (" ".join(each.keys), _HERE.get(each.action, each.does))
    for each in BINDINGS
    if each.action not in _OF_THE_TERMINAL
]
KEYS += _OWN_KEYS


def watch(request: Request) -> Response:
    """The player page. `t`: the moment in seconds; `q`: what is searched for; `speed`, `range` as the page has them;
    `embed`: without header and navigation."""
    site: Site = request.app.state.site
    at = moment(request, default=0)
    with recording(request) as (_, facts):
        note_watching(request, facts, at, anew=True)
    return site.page(
        request,
        "watch.html",
        pane=_pane(request, facts),
        title=_title(facts),
        keys=KEYS,
        embed="embed" in request.query_params,
        missing=not present(),
        # As the script writes it, so that what was fetched ahead is what it asks for.
        moment=f"{min(at, facts.length) / 1000:.3f}".rstrip("0").rstrip("."),
    )


def compare(request: Request) -> Response:
    """Two players. Without recordings it asks for them."""
    site: Site = request.app.state.site
    panes: list[dict[str, Any]] = []
    problem = ""
    names = [request.query_params.get(side, "").strip() for side in ("left", "right")]
    with site.recordings(request.state.viewer) as store:
        for name in names:
            facts = store.facts(name) if name else None
            if facts is not None:
                note_watching(request, facts, 0, anew=True)
                panes.append(_pane(request, facts))
            elif name:
                problem = "There is no such recording."
    if len(panes) < 2 or problem:
        return site.page(request, "compare_choice.html", 404 if problem else 200, names=names, problem=problem)
    return site.page(
        request, "compare.html", panes=panes, keys=KEYS, missing=not present(), embed="embed" in request.query_params
    )


def keys(request: Request) -> Response:
    """The keys of the player, as a page of their own."""
    site: Site = request.app.state.site
    if not may(request, Right.WATCH):
        raise HTTPException(403)
    return site.page(request, "keys.html", keys=KEYS)


def _pane(request: Request, facts: Facts) -> dict[str, Any]:
    """What the template of a player needs to know."""
    state = recording_state(facts)
    return {
        "facts": facts,
        "state": state,
        "live": state is State.LIVE,
        "kinds": KINDS,
        "typed": may(request, Right.INPUT),
        "export": may(request, Right.EXPORT),
        "hold": may(request, Right.HOLD) and "embed" not in request.query_params,
        "delete": may(request, Right.DELETE) and state is not State.LIVE and "embed" not in request.query_params,
        "control": state is State.LIVE and may(request, Right.CONTROL) and is_possible(request.app.state.site),
    }


def _title(facts: Facts) -> str:
    return f"{facts.user}@{facts.host}"


ROUTES = [Route("/watch/{rec}", watch), Route("/compare", compare), Route("/keys", keys)]
NAVIGATION = [NavigationEntry("Compare", "/compare", Right.WATCH)]
