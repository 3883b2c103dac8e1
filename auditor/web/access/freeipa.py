"""FreeIPA's own interface, JSON over HTTPS with a ticket: what `ipa` speaks, without its configuration and caches.

It is called with the service's credentials, or with those of a viewer that FreeIPA lets the service act with. Not
python-ldap: during a bind with Kerberos that holds the interpreter's lock, and with it every viewer's connection; and
FreeIPA's commands say in their own words what they refuse.
"""

import base64
import configparser
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.web.access.kerberos import TicketError, token_for
from recorder.errors import SessrecError

ENROLMENT = Path("/etc/ipa/default.conf")
AUTHORITY = Path("/etc/ipa/ca.crt")

PATIENCE = 5.0
"""Seconds for which a server may say nothing."""

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes: the names of 100,000 hosts."""

API_VERSION = "2.251"
"""Of FreeIPA 4.12; a later server goes on answering as that one did."""


class FreeIpaError(SessrecError):
    """FreeIPA cannot be asked."""

    exit_status = 2


class RefusedError(SessrecError):
    """FreeIPA has answered, and says no. `kind` is the name of its error, such as NotFound."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class FreeIpa:
    """Servers of one realm, asked one after the other until one answers."""

    servers: tuple[str, ...]
    realm: str
    authority: Path = AUTHORITY

    def call(self, credentials: Any, command: str, *arguments: str, **options: Any) -> Mapping[str, Any]:
        """The answer of a command. Raises RefusedError; TicketError where the credentials are good for no server, and
        FreeIpaError where none answers."""
        problems = []
        asked = False
        for server in self.servers:
            try:
                answer = self._ask(server, credentials, command, arguments, options)
            except (OSError, http.client.HTTPException, ValueError, TicketError) as error:
                problems.append(f"{server}: {error}")
                asked = asked or not isinstance(error, TicketError)
                continue
            if answer.get("error"):
                raise RefusedError(str(answer["error"].get("name")), str(answer["error"].get("message")))
            return dict(answer["result"])
        if not asked:
            raise TicketError(f"no ticket for FreeIPA ({'; '.join(problems)})")
        raise FreeIpaError(f"FreeIPA does not answer ({'; '.join(problems)})")

    def _ask(
        self, server: str, credentials: Any, command: str, arguments: Sequence[str], options: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        token = base64.b64encode(token_for(server, credentials)).decode()
        body = {"id": 0, "method": command, "params": [list(arguments), {**options, "version": API_VERSION}]}
        tls = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection(server, timeout=PATIENCE, context=tls)
        try:
            connection.request(
                "POST",
                "/ipa/json",
                json.dumps(body),
                {
                    "Authorization": f"Negotiate {token}",
                    "Content-Type": "application/json",
                    "Referer": f"https://{server}/ipa",
                },
            )
            response = connection.getresponse()
            text = response.read(MAX_ANSWER + 1)
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"it answers {response.status} {response.reason}")
        answer = json.loads(text) if len(text) <= MAX_ANSWER else None
        if not isinstance(answer, dict) or not isinstance(answer.get("error") or answer.get("result"), dict):
            raise ValueError("what it answers is not of FreeIPA")
        return answer


def enrolment(path: Path = ENROLMENT) -> tuple[str, str]:
    """The server and the realm that this machine is enrolled with. Raises FreeIpaError."""
    # What FreeIPA's own reader does: no interpolation, and values go on in no second line.
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text())
        options = dict(parser["global"])
        # On a FreeIPA server itself there is no `server`.
        return options.get("server") or options["host"], options["realm"]
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise FreeIpaError(
            f"{path} does not name a FreeIPA server: enrol this machine with ipa-client-install, "
            "or write server and realm in [web.access]"
        ) from error
