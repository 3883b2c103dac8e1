"""Sign-in with a Kerberos ticket: HTTP's Negotiate (RFC 4559), or one that FreeIPA's web UI has got for its user.

Whom a ticket is of is Kerberos' to say, what he may see FreeIPA's (`groups`). A ticket begins a session with a
cookie; no request after that needs one.
"""

import base64
import binascii
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from auditor.web.access.access_rules import REFRESH
from auditor.web.access.authenticator import Admission, Refusal
from auditor.web.access.directory import UnknownError
from auditor.web.access.freeipa import FreeIpa
from auditor.web.access.groups import Groups
from auditor.web.access.kerberos import Service, TicketError, Unfinished
from auditor.web.access.viewer import Viewer

SCHEME = "Negotiate"
CHALLENGE = {"WWW-Authenticate": SCHEME}

MAX_TOKEN = 46 * 1024
"""Bytes of a token: as base64 it fits into what a request's head may have."""

MAX_UNFINISHED = 200
UNFINISHED_SECONDS = 10.0
"""How many negotiations that need more than one message are remembered, and for how long."""

MAX_DELEGATED = 1000
"""Viewers for whom the service keeps what it may act with."""

USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.$-]{0,254}")
"""A user's name in FreeIPA (its PATTERN_GROUPUSER_NAME). No host and no service, which have a slash."""

NO_TICKET = (
    "Sign in with Kerberos: get a ticket with kinit, let your browser use it for this server, "
    "then load this page again."
)


class Negotiate:
    """The authenticator. `delegated(name)` is what the service may act with as a viewer; `refresh`: the seconds after
    which it is to be asked again what a viewer may do."""

    def __init__(
        self,
        service: Service,
        freeipa: FreeIpa,
        groups: Groups,
        log: Callable[[str], None],
        refresh: float = REFRESH,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._groups = groups
        self.freeipa = freeipa
        self._log = log
        self.refresh = refresh
        self._clock = clock
        self._lock = threading.Lock()
        self._unfinished: OrderedDict[tuple[str, int], tuple[Any, float]] = OrderedDict()
        self._delegated: OrderedDict[str, Any] = OrderedDict()

    def authenticate(self, request: Request) -> Admission | Refusal | None:
        """See Authenticator."""
        header = request.headers.get("authorization", "")
        if not header:
            return Refusal(NO_TICKET, headers=CHALLENGE)
        scheme, _, encoded = header.partition(" ")
        if scheme.casefold() != SCHEME.casefold():
            return Refusal(NO_TICKET, headers=CHALLENGE)
        return self.judge(encoded.strip(), (request.client.host, request.client.port) if request.client else None)

    def bind(self, certificate_hash: bytes) -> None:
        """Tie tickets to TLS with another certificate, see `channel`."""
        self._service.bind(certificate_hash)

    def judge(self, encoded: str, client: tuple[str, int] | None = None) -> Admission | Refusal:
        """Let in whoever proves who he is with a token in base64. `client`: the connection, on which a negotiation
        may go on; without one the token has to be the whole of it."""
        try:
            if len(encoded) > MAX_TOKEN * 4 // 3:
                raise TicketError("it is too long")
            token = base64.b64decode(encoded, validate=True)
            outcome = self._service.accept(token, self._continued(client))
        except (TicketError, binascii.Error, ValueError) as error:
            # Once a line, whatever was sent: the text is GSSAPI's or ours.
            self._log(f"no ticket was accepted from {client[0] if client else 'a form'}: {error}")
            return Refusal(f"Your ticket was not accepted. {NO_TICKET}", headers=CHALLENGE)
        reply = {"WWW-Authenticate": f"{SCHEME} {base64.b64encode(outcome.reply).decode()}"} if outcome.reply else {}
        if isinstance(outcome, Unfinished):
            self._remember(client, outcome.context)
            return Refusal(NO_TICKET, headers=reply or CHALLENGE)
        return self._known(outcome.principal, outcome.delegated, reply)

    def refreshed(self, viewer: Viewer) -> Viewer | None:
        """See Authenticator."""
        try:
            now = self._groups.viewer(viewer.name)
        except UnknownError as error:
            self._log(f"{viewer.name} is signed out: {error}")
            now = None
        if now is None:
            with self._lock:
                self._delegated.pop(viewer.name, None)
        return now

    def delegated(self, name: str) -> Any:
        """Credentials by which the service acts as the viewer, of when he last showed a ticket; None where FreeIPA
        allows none."""
        with self._lock:
            return self._delegated.get(name)

    def _known(self, principal: str, delegated: Any, headers: dict[str, str]) -> Admission | Refusal:
        name, at, realm = principal.rpartition("@")
        if not at or realm != self.freeipa.realm or not USER.fullmatch(name):
            return Refusal("Only users of this realm may look at recordings.", 403, name=principal, headers=headers)
        try:
            viewer = self._groups.viewer(name)
        except UnknownError as error:
            return Refusal(f"{error}.", 503, name=name, headers=headers)
        if viewer is None:
            text = "You may not look at recordings: none of the rules of this server names you."
            return Refusal(text, 403, name=name, headers=headers)
        with self._lock:
            self._delegated.pop(name, None)
            if delegated is not None:
                self._delegated[name] = delegated
            while len(self._delegated) > MAX_DELEGATED:
                self._delegated.popitem(last=False)
        return Admission(viewer, headers)

    def _continued(self, client: tuple[str, int] | None) -> Any:
        """The context of a negotiation that was begun on this connection."""
        if client is None:
            return None
        with self._lock:
            context, begun = self._unfinished.pop(client, (None, 0.0))
        return context if self._clock() - begun < UNFINISHED_SECONDS else None

    def _remember(self, client: tuple[str, int] | None, context: Any) -> None:
        if client is not None:
            with self._lock:
                self._unfinished[client] = context, self._clock()
                while len(self._unfinished) > MAX_UNFINISHED:
                    self._unfinished.popitem(last=False)
