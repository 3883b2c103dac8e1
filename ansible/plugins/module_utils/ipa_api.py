# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FreeIPA's commands, called from a machine that is enrolled: over HTTPS, as the ipa command calls them, on servers
too. What a ticket allows is what a task may do."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping

try:
    import gssapi
    from ipalib import api, errors
    from ipalib.kinit import kinit_keytab, kinit_password
    from ipaplatform.paths import paths

    HAS_IPALIB = True
except ImportError:
    HAS_IPALIB = False

LOGIN_SPEC: dict[str, dict[str, Any]] = {
    "ipaadmin_principal": {"type": "str"},
    "ipaadmin_password": {"type": "str", "no_log": True},
    "ipaadmin_keytab": {"type": "path", "no_log": False},
}
"""Options of every module: who acts."""

LOGIN_EXCLUDES = [("ipaadmin_password", "ipaadmin_keytab")]

DEFAULT_PRINCIPAL = "admin"
KINDS_OF_ENTRIES = {"user": "user_show", "group": "group_show", "host": "host_show", "hostgroup": "hostgroup_show"}


class IpaError(Exception):
    """FreeIPA cannot be asked, or has refused. One line that says what to do."""


class Ipa:
    """FreeIPA's commands, with the rights of who is signed in."""

    def __init__(self, principal: str) -> None:
        self.principal = principal
        self.domain = str(api.env.domain)

    def call(self, command: str, *keys: Any, **arguments: Any) -> dict[str, Any]:
        """What a command answers. Raises IpaError, also where some of the members could not be added or removed."""
        try:
            answer: dict[str, Any] = api.Command[command](*keys, **arguments)
        except errors.PublicError as error:
            raise IpaError(f"{_what(command, keys)}: {_one_line(error)}") from error
        failed = [
            f"{kind} {name}: {reason}"
            for kinds in _mapping(answer.get("failed")).values()
            for kind, several in kinds.items()
            for name, reason in several
        ]
        if failed:
            raise IpaError(f"{_what(command, keys)}: {', '.join(failed)}")
        return answer

    def policy(self, name: str) -> dict[str, Any] | None:
        """The entry of a policy; None where there is none. Raises IpaError where it may only be hidden."""
        try:
            result: dict[str, Any] = api.Command.recordingpolicy_show(name)["result"]
        except errors.NotFound:
            # To those who may not see policies each is one that is not there, and so is the configuration.
            try:
                api.Command.recordingconfig_show()
            except errors.NotFound as error:
                raise IpaError(
                    f"{self.principal} may not see policies of session recording: give it the role "
                    "Session Recording Administrator"
                ) from error
            except errors.PublicError as error:
                raise IpaError(f"recordingconfig_show: {_one_line(error)}") from error
            return None
        except errors.PublicError as error:
            raise IpaError(f"recordingpolicy_show {name}: {_one_line(error)}") from error
        return result

    def missing(self, members: list[tuple[str, str]]) -> list[str]:
        """Which of these (kind, name) FreeIPA does not know, in its own words. Raises IpaError."""
        if not members:
            return []
        asked = [{"method": KINDS_OF_ENTRIES[kind], "params": [[name], {}]} for kind, name in members]
        answers = self.call("batch", asked)["results"]
        return [str(answer["error"]) for answer in answers if answer.get("error")]


@contextmanager
def signed_in(params: Mapping[str, Any]) -> Iterator[Ipa]:
    """FreeIPA's commands for as long as the block runs, by a password, a keytab, or the ticket that is there.

    Raises IpaError.
    """
    if not HAS_IPALIB:
        raise IpaError(
            f"{sys.executable} has no ipalib: run the task on a machine with FreeIPA's client or server, with the "
            "system's Python (ansible_python_interpreter)"
        )
    if not Path(paths.IPA_DEFAULT_CONF).exists():
        raise IpaError("this machine is not enrolled in FreeIPA: run ipa-client-install, or choose another")
    directory = tempfile.mkdtemp(prefix="session-recording-")
    before = os.environ.get("KRB5CCNAME")
    try:
        _sign_in(params, f"FILE:{directory}/ccache")
        principal = _ticket_of(params)
        with _connected():
            yield Ipa(principal)
    finally:
        if before is None:
            os.environ.pop("KRB5CCNAME", None)
        else:
            os.environ["KRB5CCNAME"] = before
        shutil.rmtree(directory, ignore_errors=True)


def _sign_in(params: Mapping[str, Any], cache: str) -> None:
    """A ticket of its own for the task, where it has a password or a keytab."""
    principal = params.get("ipaadmin_principal") or DEFAULT_PRINCIPAL
    password = params.get("ipaadmin_password")
    keytab = params.get("ipaadmin_keytab") or os.environ.get("KRB5_CLIENT_KTNAME")
    if not password and not (keytab and (params.get("ipaadmin_keytab") or "KRB5CCNAME" not in os.environ)):
        return
    try:
        if password:
            kinit_password(principal, password, cache)
        else:
            kinit_keytab(principal, keytab, cache)
    except (RuntimeError, OSError, gssapi.exceptions.GSSError) as error:
        raise IpaError(f"{principal} cannot sign in: {_one_line(error)}") from error
    os.environ["KRB5CCNAME"] = cache


def _ticket_of(params: Mapping[str, Any]) -> str:
    """Whose ticket there is."""
    try:
        credentials = gssapi.Credentials(usage="initiate")
        principal, lifetime = str(credentials.name), credentials.lifetime
    except gssapi.exceptions.GSSError:
        principal, lifetime = "", 0
    if not lifetime:
        raise IpaError("no valid Kerberos ticket: give ipaadmin_password or ipaadmin_keytab, or run kinit before")
    wanted = params.get("ipaadmin_principal")
    if wanted and principal.partition("@")[0] != wanted.partition("@")[0]:
        raise IpaError(
            f"the Kerberos ticket is that of {principal}: give ipaadmin_password, or no ipaadmin_principal"
        )
    return principal


@contextmanager
def _connected() -> Iterator[None]:
    try:
        # What the server's commands are is asked anew: they may have been installed a minute ago.
        api.bootstrap(context="cli", log=None, debug=False, force_schema_check=True)
        api.finalize()
        api.Backend.rpcclient.connect()
    except errors.PublicError as error:
        raise IpaError(f"FreeIPA cannot be asked: {_one_line(error)}") from error
    try:
        if "recordingpolicy_show" not in api.Command:
            raise IpaError(
                f"FreeIPA's server {api.env.server} knows nothing of session recording: run "
                "ipa-session-recording-install there"
            )
        yield
    finally:
        api.Backend.rpcclient.disconnect()


def _what(command: str, keys: tuple[Any, ...]) -> str:
    return " ".join([command, *(key for key in keys if isinstance(key, str))])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
