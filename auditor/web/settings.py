"""Settings of `sessrec serve`: the table [web] of a TOML file.

    [web]
    listen = "0.0.0.0:8443"
    store = "https://search.example.test:9200/sessrec"
    tls_cert = "/etc/session-recording/web.crt"
    tls_key = "/etc/session-recording/web.key"

    [web.access]                # who may see and do what: auditor.web.access

Every mistake, an unknown name included, is an error of one line with its place.
"""

import ipaddress
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditor.rules.statements import Lines
from recorder.configuration.setting_kinds import File, Number, Setting, Text, shown
from recorder.errors import SessrecError
from recorder.paths import WEB_SETTINGS

FILE = WEB_SETTINGS
SECTION = "web"
ACCESS = "access"

MAX_SIZE = 256 * 1024
"""Bytes of the file."""


class WebSettingsError(SessrecError):
    """The settings cannot be used; the text says where and what to write."""

    exit_status = 2


class Listen(Text):
    """An address and a port; port 0 is any that is free."""

    metavar = "ADDRESS:PORT"
    form = 'an address and a port, such as "127.0.0.1:8443" or "[::]:8443"'

    def _allowed(self, value: str) -> object:
        host, port = address_of(value)
        if not host or port is None:
            raise ValueError(f"{shown(value)} is not an address; write {self.form}")
        return value


class Origin(Text):
    """Scheme, host and port of a web server; "" is none."""

    metavar = "URL"
    form = 'a server such as "https://ipa.example.test"'

    def _allowed(self, value: str) -> object:
        try:
            parts = urlsplit(value)
            plain = parts.scheme == "https" and parts.hostname and f"https://{parts.netloc}" == value.rstrip("/")
            whole = bool(plain) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
        except ValueError:
            whole = False
        # It becomes part of a header.
        if not whole or not value.isascii() or any(char in "\"';, *\\" or not char.isprintable() for char in value):
            raise ValueError(f"{shown(value)} is not the address of a web server; write {self.form}")
        return value.rstrip("/")


class Names(Setting):
    """Names of hosts, as a list."""

    metavar = "[NAME, ...]"
    form = 'a list such as ["sessions.example.test"]'

    def __init__(self, help: str) -> None:
        super().__init__((), help)

    def __get__(self, instance: object, owner: type) -> tuple[str, ...]:
        """The default: none."""
        return ()

    def from_file(self, value: object) -> object:
        """The value of `value` as tomllib read it."""
        if not isinstance(value, list) or not all(isinstance(each, str) and each.isprintable() for each in value):
            raise ValueError(f"{shown(value)} is not a list of names; write {self.form}")
        return tuple(each.lower() for each in value)

    def default_text(self) -> str:
        """Nothing to write."""
        return ""


class WebSettings:
    """The values, as attributes; those that are not given have the defaults that stand here."""

    listen = Listen("127.0.0.1:8443", "where to listen; without TLS on loopback only, for a web server in front")
    names = Names("names by which browsers may call the server (default: any)")
    store = Text("", "the store: a file, or https://HOST:9200/PREFIX of one in Elasticsearch (default: your own)")
    tls_cert = File("", "the server's certificate with those that signed it, in PEM")
    tls_key = File("", "its private key, in PEM")
    keytab = File("", "the keytab of HTTP/HOST@REALM, for sign-in with Kerberos")
    embed_origin = Origin("", "the FreeIPA server whose pages may embed the player")
    ledger = File("", "the file with who watched what (default: ledger.db beside the store)")
    metrics_token = File("", "a file with the token that Prometheus reads /metrics with (default: this machine only)")
    idle_minutes = Number(60, 1, 1440, "minutes without a request after which a viewer is signed out")
    longest_hours = Number(12, 1, 168, "hours after which a viewer is signed out in any case")
    requests_per_second = Number(
        100, 1, 100_000, "requests a second that one viewer may make; ten times that at once"
    )

    def __init__(
        self,
        values: Mapping[str, object] | None = None,
        access: Mapping[str, Any] | None = None,
        source: str = "",
    ) -> None:
        # Setting has no __set__, so a value in the instance's own dictionary hides the default.
        vars(self).update(values or {})
        self.access: Mapping[str, Any] = access or {}
        self.source = source


WEB_TABLE: dict[str, Setting] = {
    name: value for name, value in vars(WebSettings).items() if isinstance(value, Setting)
}
"""Every setting by name, in the order in which the documentation shows them."""


def load(path: Path) -> WebSettings:
    """The settings of a file. Raises WebSettingsError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise WebSettingsError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(data, str(path))


def parse(data: bytes, name: str) -> WebSettings:
    """The settings of the TOML document `data`; `name` is the file in messages. Raises WebSettingsError and nothing
    else, whatever the bytes."""
    if len(data) > MAX_SIZE:
        raise WebSettingsError(f"{name}: longer than {MAX_SIZE} bytes; is it a file of settings?")
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise WebSettingsError(f"{name}: not UTF-8; save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise WebSettingsError(f"{name}: not TOML: {reason}; correct it") from error
    for key in document:
        if key != SECTION:
            raise _error(name, text, [key], f"unknown; write [{SECTION}]")
    table = document.get(SECTION, {})
    if not isinstance(table, dict):
        raise _error(name, text, [SECTION], f"{shown(table)} is not a table; write [{SECTION}]")
    access = table.pop(ACCESS, {})
    if not isinstance(access, dict):
        raise _error(name, text, [SECTION, ACCESS], f"{shown(access)} is not a table; write [{SECTION}.{ACCESS}]")
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in WEB_TABLE:
            close = get_close_matches(key, WEB_TABLE, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"write one of {', '.join(WEB_TABLE)}"
            raise _error(name, text, [SECTION, key], f"unknown setting; {hint}")
        try:
            values[key] = WEB_TABLE[key].from_file(value)
        except ValueError as error:
            raise _error(name, text, [SECTION, key], str(error)) from error
    return WebSettings(values, access, name)


def address_of(listen: str) -> tuple[str, int | None]:
    """Host and port of ADDRESS:PORT, brackets taken away; a port of None where it is no such thing."""
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        return "", None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return "", None
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _error(name: str, text: str, path: list[str | int], message: str) -> WebSettingsError:
    key = shown(".".join(map(str, path)))[1:-1]
    return WebSettingsError(f"{name}:{Lines(text).of(path)}: {key}: {message}")
