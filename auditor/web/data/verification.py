"""Whether a recording is as it was written, for its page: the verdict, what it proves and what it does not."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.ledger.proof import proof
from auditor.ledger.verdicts import Checked
from auditor.output.moments import iso
from auditor.web.site import Site
from auditor.web.watching.asked import answer, recording
from auditor.web.watching.noting import note_verifying
from recorder.keys.signing_key import KeyFileError

PATIENCE = 5.0
"""Seconds that a request waits for a verdict; whoever gets "checking" asks again."""


def verification(request: Request) -> Response:
    """`state` is "checked", with all else, or "checking": it takes longer, ask again."""
    site: Site = request.app.state.site
    with recording(request) as (_, facts):
        pass
    if site.verifier is None:
        raise HTTPException(503, "Recordings are not verified here.")
    note_verifying(request, facts)
    try:
        checked = site.verifier.ask(facts, PATIENCE)
    except KeyFileError as error:
        site.log(f"no verdicts: {error}")
        raise HTTPException(503, "The trusted keys cannot be read now; the server's log says more.") from error
    if checked is None:
        return answer({"rec": facts.rec, "state": "checking"})
    return answer({"rec": facts.rec, "state": "checked", **described(checked)})


def described(checked: Checked) -> dict[str, object]:
    """As JSON; times in ISO 8601."""
    key = {
        "id": checked.key,
        "host": checked.key_host,
        "created": iso(checked.key_created) if checked.key_created else None,
    }
    said = proof(checked)
    return {
        "verdict": checked.verdict.value,
        "text": str(checked),
        "at": checked.at,
        "proven": checked.proven,
        "messages": checked.messages,
        "reason": checked.reason,
        "key": key if checked.key else None,
        "signatures": checked.signatures,
        "first_signed": iso(checked.first_signed) if checked.signatures else None,
        "last_signed": iso(checked.last_signed) if checked.signatures else None,
        "checked": iso(checked.time),
        "proved": said.proved,
        "not_proved": said.not_proved,
    }


ROUTES = [Route("/api/recordings/{rec}/verify", verification)]
