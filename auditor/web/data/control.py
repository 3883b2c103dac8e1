"""Live sessions under control: what FreeIPA says of one, and having it suspended, resumed or ended.

The order is given to FreeIPA in the viewer's own name, with what Kerberos delegates to this server (S4U2Proxy); with
--local, with the ticket of who runs it. This server has no right to give orders itself: FreeIPA decides, and what it
keeps and tells the host is who has asked.
"""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auditor.recordings.store import Facts
from auditor.web.access.freeipa import FreeIpa, FreeIpaError, RefusedError, enrolment
from auditor.web.access.kerberos import TicketError
from auditor.web.access.viewer import Right, Viewer
from auditor.web.site import Site
from auditor.web.watching.asked import may, recording

ORDERS = ("terminate", "suspend", "resume")

NOT_DELEGATED = (
    "FreeIPA does not let this server act for you. Sign in anew with a forwardable ticket; if that does not help, "
    "the administrator has to allow the delegation."
)
NO_TICKET = "You have no Kerberos ticket for FreeIPA: get one with kinit in the terminal of sessrec serve."


def state(request: Request) -> Response:
    """What FreeIPA says of the session: {"live", "state", "wanted", "wanted_by", "orders"}."""
    site, facts = _asked(request)
    try:
        shown = _call(site, request.state.viewer, "recordedsession_show", facts)["result"]
    except RefusedError as refusal:
        if refusal.kind != "NotFound":
            raise HTTPException(409, str(refusal)) from refusal
        return JSONResponse({"live": False, "state": "ended", "wanted": "", "wanted_by": "", "orders": []})
    now, wanted = _first(shown, "iparecordingstate"), _first(shown, "iparecordingwanted")
    live = now in ("running", "suspended")
    return JSONResponse(
        {
            "live": live,
            "state": now,
            "wanted": wanted,
            "wanted_by": _first(shown, "wantedby"),
            "orders": _offered(now, wanted) if live else [],
        }
    )


def control(request: Request) -> Response:
    """Give the order that the form's `action` names; {"message"} says in FreeIPA's words what will be."""
    site, facts = _asked(request)
    order = request.state.form.get("action", "")
    if order not in ORDERS:
        raise HTTPException(400, f"action is one of {', '.join(ORDERS)}.")
    about = {"rec": facts.rec, "host": facts.host, "user": facts.user}
    # Before it is done: what cannot be kept is not done.
    site.note(request, "control", **about, detail={"order": order})
    try:
        summary = _call(site, request.state.viewer, f"recordedsession_{order}", facts).get("summary", "")
    except RefusedError as refusal:
        site.note(request, "control", **about, detail={"order": order, "refused": str(refusal)})
        raise HTTPException(409, str(refusal)) from refusal
    return JSONResponse({"message": str(summary)})


def is_possible(site: Site) -> bool:
    """Whether there is a FreeIPA server that could be asked."""
    if site.kerberos is not None:
        return True
    try:
        enrolment()
    except FreeIpaError:
        return False
    return True


def _asked(request: Request) -> tuple[Site, Facts]:
    """The recording, for who may control it."""
    with recording(request) as (_, facts):
        pass
    if not may(request, Right.CONTROL):
        raise HTTPException(403, "You may not control sessions.")
    return request.app.state.site, facts


def _call(site: Site, viewer: Viewer, command: str, facts: Facts) -> Mapping[str, Any]:
    """Raises HTTPException, and RefusedError where FreeIPA says no."""
    try:
        if site.kerberos is not None:
            freeipa, credentials = site.kerberos.freeipa, site.kerberos.delegated(viewer.name)
            if credentials is None:
                raise HTTPException(409, NOT_DELEGATED)
        else:
            server, realm = enrolment()
            freeipa, credentials = FreeIpa((server,), realm), None
        return freeipa.call(credentials, command, facts.rec, host=facts.host)
    except TicketError as error:
        site.log(f"{command} for {viewer.name}: {error}")
        raise HTTPException(409, NOT_DELEGATED if site.kerberos is not None else NO_TICKET) from error
    except FreeIpaError as error:
        site.log(f"{command} for {viewer.name}: {error}")
        raise HTTPException(503, "FreeIPA cannot be reached: the session goes on as it is.") from error


def _offered(now: str, wanted: str) -> list[str]:
    """Both where what is and what is wanted differ: the host may not have acted yet, or its root has acted since."""
    suspend = [] if now == wanted == "suspended" else ["suspend"]
    resume = ["resume"] if "suspended" in (now, wanted) else []
    return ["terminate", *suspend, *resume]


def _first(entry: Mapping[str, Any], name: str) -> str:
    values = entry.get(name, [])
    return str(values[0] if isinstance(values, list) and values else values or "")


ROUTES = [
    Route("/api/recordings/{rec}/control", state),
    Route("/api/recordings/{rec}/control", control, methods=["POST"]),
]
