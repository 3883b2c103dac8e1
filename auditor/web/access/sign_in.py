"""The way in that the settings ask for, put together. What is missing for it is told at the start, in one line."""

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from auditor.web.access.access_rules import AccessError, read_access
from auditor.web.access.channel import certificate_hash
from auditor.web.access.directory import Directory
from auditor.web.access.freeipa import AUTHORITY, FreeIpa, enrolment
from auditor.web.access.groups import Groups
from auditor.web.access.kerberos import Service
from auditor.web.access.negotiate import Negotiate
from auditor.web.settings import WebSettings, WebSettingsError


def kerberos(settings: WebSettings, log: Callable[[str], None]) -> Negotiate | None:
    """Sign-in with tickets; None where neither a keytab nor [web.access] is set. Raises SessrecError."""
    if not settings.keytab and not settings.access:
        return None
    if not settings.keytab:
        raise WebSettingsError(
            "[web.access] needs a keytab: set keytab in [web], "
            f"after ipa-getkeytab -p HTTP/{socket.getfqdn()} -k /etc/session-recording/web.keytab"
        )
    try:
        access = read_access(settings.access)
    except AccessError as error:
        raise AccessError(f"{settings.source}: {error}") from error
    service = Service(Path(settings.keytab), certificate_hash(Path(settings.tls_cert)) if settings.tls_cert else b"")
    if not access.servers or not access.realm:
        server, realm = enrolment()
        access = replace(access, servers=access.servers or (server,), realm=access.realm or realm)
    freeipa = FreeIpa(access.servers, access.realm, access.authority or AUTHORITY)
    groups = Groups(access, Directory(freeipa, service, access.keep, log))
    return Negotiate(service, freeipa, groups, log, access.refresh)
