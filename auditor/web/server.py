"""The process of `sessrec serve`: a socket, uvicorn on it, signals, and what the application needs."""

import asyncio
import getpass
import inspect
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from auditor.ledger.daily import DailyRetention
from auditor.ledger.of_store import open_ledger
from auditor.ledger.retention_policies import FILE as RETENTION
from auditor.ledger.verdicts import Verdicts
from auditor.ledger.verifier import Verifier
from auditor.recordings.store_name import open_named, store_name
from auditor.web.access.channel import certificate_hash
from auditor.web.access.cookies import Sessions
from auditor.web.access.local_token import LocalTokens
from auditor.web.access.metrics_reader import read_token
from auditor.web.access.scope import ALL
from auditor.web.access.sign_in import kerberos
from auditor.web.access.viewer import Right, Viewer
from auditor.web.app import create_app
from auditor.web.connection import Connection
from auditor.web.frontend import player_files
from auditor.web.own_recordings import OwnRecordings
from auditor.web.security import security_headers
from auditor.web.settings import WebSettings, WebSettingsError, address_of, is_loopback
from auditor.web.site import Site
from auditor.web.stores import StorePool
from recorder.errors import SessrecError
from recorder.paths import recordings_directory

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address
    from auditor.recordings.store import Store

MAX_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, among them a Kerberos ticket."""

MAX_CONNECTIONS = 2000
"""At once; more are answered 503."""

LAST_ANSWERS = 3
"""Seconds that answers may take to be completed when the server ends."""


class ServeError(SessrecError):
    """The page cannot be served; the text says why and what to do."""


def serve(settings: WebSettings, store: "Path | Address | None", *, local: bool) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises SessrecError."""
    host, port = address_of(settings.listen)
    tls = _tls(settings)
    if local and not is_loopback(host):
        raise WebSettingsError(f"--local is for this machine only, and {host} is reached from others: use 127.0.0.1")
    if tls is None and not is_loopback(host):
        raise WebSettingsError(
            f"listen: without TLS recordings would pass {host} in clear: give tls_cert and tls_key, or listen on "
            "127.0.0.1 behind a web server that has them"
        )
    with _listening(host, port or 0) as listener:
        site = _site(settings, store, listener, tls=tls is not None, local=local)
        try:
            asyncio.run(_run(site, listener, tls))
        finally:
            site.close()
    return 0


def _site(
    settings: WebSettings, store: "Path | Address | None", listener: socket.socket, *, tls: bool, local: bool
) -> Site:
    host, port = address_of(settings.listen)[0], listener.getsockname()[1]
    if store is None and settings.store:
        store = store_name(settings.store)

    def open_one() -> "Store":
        return open_named(store, shared=True)

    pool = StorePool(open_one)
    with pool.borrow():  # a store that cannot be opened is told now, not to the first viewer
        pass
    own_names = {
        f"{host}:{port}",
        f"[{host}]:{port}",
        *(f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")),
    }
    # Where we have no TLS of our own, a web server in front has it: `serve` sees to that.
    encrypted = tls or not local
    site = Site(
        settings=settings,
        stores=pool,
        sessions=Sessions(settings.idle_minutes * 60.0, settings.longest_hours * 3600.0),
        headers=security_headers(settings.embed_origin, tls=encrypted),
        # Cookies know no ports: two of us on one machine must not sign each other's viewers out.
        cookie_name="__Host-sessrec" if encrypted else f"sessrec_{port}",
        tls=encrypted,
        names=sorted(own_names) if local else settings.names,
    )
    site.metrics_token = read_token(settings.metrics_token)
    _keep_ledger(site, store, local=local)
    if store is None:
        site.own = OwnRecordings(lambda: open_named(None), recordings_directory(), site.log)
        site.own.start()
    if local:
        site.tokens = LocalTokens()
        site.local_viewer = Viewer(_own_name(), ALL, frozenset(Right))
        return site
    site.kerberos = kerberos(settings, site.log)
    if site.kerberos is None:
        raise WebSettingsError("nobody could sign in: set who may, in [web.access] and keytab, or use --local")
    site.authenticators = [site.kerberos]
    return site


def _keep_ledger(site: Site, store: "Path | Address | None", *, local: bool) -> None:
    """What is done is recorded from here on, recordings are verified, and deleted as retention says."""
    named = Path(site.settings.ledger) if site.settings.ledger else None
    site.ledger = open_ledger(store, named)
    site.verdicts = Verdicts(site.ledger)
    site.verifier = Verifier(site.verdicts, site.stores.borrow, site.log)
    site.verifier.start()
    if not local and RETENTION.exists():
        site.daily = DailyRetention(site.ledger, site.verdicts, site.stores.borrow, RETENTION, site.log)
        site.daily.start()


async def _run(site: Site, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    options: dict[str, Any] = {
        "lifespan": "off",
        "http": Connection,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        # Without TLS of our own, whoever connects is the web server in front, and says who asked it.
        "proxy_headers": tls is None and site.tokens is None,
        "forwarded_allow_ips": ["127.0.0.1", "::1"],
        "server_header": False,
        "limit_concurrency": MAX_CONNECTIONS,
        "timeout_keep_alive": 15,
        "timeout_graceful_shutdown": LAST_ANSWERS,
        "h11_max_incomplete_event_size": MAX_HEAD,
    }
    known = inspect.signature(uvicorn.Config).parameters  # the last two are younger than Debian 12's
    config = uvicorn.Config(create_app(site), **{name: value for name, value in options.items() if name in known})
    config.load()
    config.ssl = tls
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def end() -> None:
        site.closing.set()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, _renew, site, tls)
    loop.add_signal_handler(signal.SIGUSR1, _announce, site, listener)
    if not player_files.present():
        site.log(player_files.MISSING)
    _announce(site, listener)
    if site.tokens is not None and sys.stdin.isatty():
        loop.add_reader(sys.stdin.fileno(), _on_enter, loop, site, listener)
    await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Signals are ours: uvicorn would end the process by the signal instead of returning."""

    def install_signal_handlers(self) -> None:
        """Nothing (uvicorn before 0.29)."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing (since 0.29)."""
        yield


def _announce(site: Site, listener: socket.socket) -> None:
    scheme = "https" if site.tls else "http"
    address, port = listener.getsockname()[:2]
    host = f"[{address}]" if ":" in address else address
    if site.tokens is None:
        print(f"serving on {scheme}://{host}:{port}/", flush=True)
    else:
        print(f"open within ten minutes: {scheme}://{host}:{port}/sign-in?token={site.tokens.give()}", flush=True)


def _on_enter(loop: asyncio.AbstractEventLoop, site: Site, listener: socket.socket) -> None:
    if os.read(sys.stdin.fileno(), 4096):
        _announce(site, listener)
    else:
        loop.remove_reader(sys.stdin.fileno())


def _renew(site: Site, tls: ssl.SSLContext | None) -> None:
    """Take the certificate from its file again, for the connections to come."""
    if tls is not None:
        try:
            tls.load_cert_chain(site.settings.tls_cert, site.settings.tls_key)
            if site.kerberos is not None:
                site.kerberos.bind(certificate_hash(Path(site.settings.tls_cert)))
        except (OSError, ssl.SSLError, SessrecError) as error:
            site.log(f"the new certificate cannot be used, the old one stays: {error}")


def _tls(settings: WebSettings) -> ssl.SSLContext | None:
    if not settings.tls_cert and not settings.tls_key:
        return None
    if not settings.tls_cert or not settings.tls_key:
        raise WebSettingsError("tls_cert and tls_key belong together: give both or none")
    for file in (settings.tls_cert, settings.tls_key):
        try:
            Path(file).open("rb").close()
        except OSError as error:
            raise WebSettingsError(f"{file}: cannot be read: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, _no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise WebSettingsError(
            f"{settings.tls_cert} and {settings.tls_key} are no certificate in PEM and its key without a password"
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("there is nobody to ask")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise ServeError(f"cannot listen on {host}:{port}: {error.strerror}: choose another with --listen") from error
    with listener:
        yield listener


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
