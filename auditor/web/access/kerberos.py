"""The service's own Kerberos identity: whose tickets it takes, and with what it asks FreeIPA.

Everything here comes from GSSAPI (python-gssapi over MIT's library): replayed tickets, clock skew, key versions and
channel bindings are its business. Its calls may wait for a key distribution centre, so none belongs on an event loop.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.errors import SessrecError

try:
    import gssapi
except ImportError:
    gssapi = None

CACHE = "MEMORY:session-recording-web"
"""Tickets of the service itself; they are gone with the process."""

RETRY = 30.0
"""Seconds for which sign-in goes on without delegation where the KDC gave the service no ticket."""

SERVICE = "HTTP/"
"""Browsers ask for tickets of HTTP/HOST (RFC 4559)."""


class KerberosError(SessrecError):
    """The service cannot take tickets at all; the text says what to install or to set up."""

    exit_status = 2


class TicketError(SessrecError):
    """What was sent is no ticket for this service, or no good one."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A ticket was good. `reply` proves to the client that this is the service, and may be empty. `delegated` are
    credentials with which the service may act as the client where FreeIPA allows it (S4U2Proxy), or None."""

    principal: str
    reply: bytes
    delegated: Any


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The client has to send more; `context` takes it."""

    reply: bytes
    context: Any


class Service:
    """The identity that a keytab holds. Any thread may use it.

    Raises KerberosError where python-gssapi is missing or the keytab holds no key of HTTP/HOST.
    """

    def __init__(
        self, keytab: Path, certificate_hash: bytes = b"", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`certificate_hash`: of the certificate of our own TLS, see `channel.certificate_hash`; b"" where another
        server ends TLS before us."""
        if gssapi is None:
            raise KerberosError(
                "sign-in with Kerberos needs python-gssapi: install the package python3-gssapi, "
                "or pip install 'freeipa-session-recording[kerberos]'"
            )
        try:
            with keytab.open("rb"):
                pass
        except OSError as error:
            raise KerberosError(
                f"{keytab}: {error.strerror}; as root: ipa-getkeytab -p HTTP/$(hostname) -k {keytab}, "
                "and let the user of the service read it"
            ) from error
        self._accepts = {"keytab": f"FILE:{keytab}"}
        self._asks = {"client_keytab": f"FILE:{keytab}", "ccache": CACHE}
        self.bind(certificate_hash)
        self._clock = clock
        self._lock = threading.Lock()
        self._without_tickets_until = 0.0
        # GSSAPI's last resort is the user's own cache, which is none of the service's business.
        os.environ.pop("KRB5CCNAME", None)
        try:
            gssapi.Credentials(usage="accept", store=self._accepts)
        except gssapi.exceptions.GSSError as error:
            raise KerberosError(f"{keytab}: {_reason(error)}; it has to be the keytab of HTTP/HOST") from error

    def bind(self, certificate_hash: bytes) -> None:
        """Tie tickets to connections of another certificate."""
        self._bindings = _bindings(certificate_hash)

    def accept(self, token: bytes, context: Any = None) -> Accepted | Unfinished:
        """Judge what a client has sent. `context`: of an Unfinished before. Raises TicketError."""
        try:
            if context is None:
                context = gssapi.SecurityContext(
                    creds=self._acceptor(), usage="accept", channel_bindings=self._bindings
                )
            reply = context.step(token) or b""
            # An error may be kept back until the context is looked at, so that its token can be sent.
            if not context.complete:
                return Unfinished(reply, context)
            principal, target = str(context.initiator_name), str(context.target_name or "")
            delegated = context.delegated_creds
        except gssapi.exceptions.GSSError as error:
            raise TicketError(_reason(error)) from error
        if not target.startswith(SERVICE):
            raise TicketError(f"the ticket is for {target!a}, not for {SERVICE}HOST")
        return Accepted(principal, reply, delegated)

    def credentials(self) -> Any:
        """With which the service asks as itself. Raises TicketError where the KDC gives it none."""
        try:
            return gssapi.Credentials(usage="initiate", store=self._asks)
        except gssapi.exceptions.GSSError as error:
            raise TicketError(_reason(error)) from error

    def _acceptor(self) -> Any:
        """Only an acceptor with a ticket of its own is given what it may act with as the client."""
        with self._lock:
            tried = self._clock() >= self._without_tickets_until
            if tried:
                try:
                    return gssapi.Credentials(usage="both", store=self._accepts | self._asks)
                except gssapi.exceptions.GSSError:
                    self._without_tickets_until = self._clock() + RETRY
        return gssapi.Credentials(usage="accept", store=self._accepts)


def token_for(host: str, credentials: Any) -> bytes:
    """What proves to HTTP/host whose credentials these are; None are those of the process. Raises TicketError."""
    if gssapi is None:
        raise TicketError("python-gssapi is not installed")
    try:
        name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
        context = gssapi.SecurityContext(
            name=name, creds=credentials, usage="initiate", mech=gssapi.MechType.kerberos
        )
        return bytes(context.step() or b"")
    except gssapi.exceptions.GSSError as error:
        raise TicketError(_reason(error)) from error


def _bindings(certificate_hash: bytes) -> Any:
    """Of RFC 5929, section 4: the client's ticket is good on this TLS connection and on no other. A client that sends
    none is taken all the same; that is GSSAPI's rule."""
    if not certificate_hash:
        return None
    return gssapi.raw.ChannelBindings(application_data=b"tls-server-end-point:" + certificate_hash)


def _reason(error: Any) -> str:
    """One line of what GSSAPI says, without its numbers."""
    try:
        said = error.get_all_statuses(error.min_code, False) or error.get_all_statuses(error.maj_code, True)
    except Exception:  # its texts come from plugins
        said = []
    return " ".join(" ".join(str(part) for part in said).split()) or type(error).__name__
