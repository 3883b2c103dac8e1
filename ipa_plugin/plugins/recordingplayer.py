"""The ticket by which who is signed in to the web UI is signed in to the server of the player as well."""

import base64
from typing import Any
from urllib.parse import urlsplit

import gssapi
from ipalib import Command, _, errors, output
from ipalib.plugable import Registry

register = Registry()


@register()
class recordingplayer_ticket(Command):
    """Get a Kerberos ticket for the server on which recordings are watched, in the name of who asks."""

    NO_CLI = True
    topic = None
    has_output = (output.Output("result", dict, _("The address of the player, and the ticket in base64")),)

    def execute(self, **options: Any) -> dict[str, Any]:
        """{"url", "ticket"}; raises NotFound where there is no player, or one may not know of it."""
        config = self.api.Command.recordingconfig_show()["result"]
        url = (config.get("iparecordingplayerurl") or [""])[0]
        if not url:
            reason = _("there is no player: see --player-url of ipa recordingconfig-mod")
            raise errors.NotFound(reason=reason)
        return {"result": {"url": url, "ticket": base64.b64encode(_ticket(urlsplit(url).hostname)).decode()}}


def _ticket(host: str) -> bytes:
    """What the client of HTTP/host begins with. Kerberos lets this server have it in the caller's name (S4U2Proxy),
    as it does for the directory: FreeIPA keeps the credentials of the caller where this process finds them."""
    try:
        name = gssapi.Name(f"HTTP@{host}", gssapi.NameType.hostbased_service)
        return bytes(gssapi.SecurityContext(name=name, usage="initiate").step())
    except gssapi.exceptions.GSSError as error:
        reason = _(
            "Kerberos gives no ticket for HTTP/%(host)s: ipa servicedelegationtarget-add-member "
            "session-recording-web --principals=HTTP/%(host)s (%(error)s)"
        ) % {"host": host, "error": " ".join(str(error).split())}
        raise errors.ExecutionError(message=reason) from error
