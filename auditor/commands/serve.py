"""Serve the page on which sessions are found, searched, watched and judged in a browser.

  sessrec serve --local
  sessrec serve --local --store /var/lib/session-recording/store.sqlite
  sessrec serve --settings /etc/session-recording/web.toml

With --local only this machine can reach it: it prints an address that signs in one browser, once, within ten
minutes; Enter in its terminal, or SIGUSR1, prints another. Whoever opens it may see all that the store has.

Otherwise the settings say who may sign in and see what, in the table [web] of the file. A certificate renewed in its
place is taken at SIGHUP. SIGTERM ends it.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.recordings.own_store import add_store_argument
from recorder.errors import SessrecError

if TYPE_CHECKING:
    from auditor.web.settings import WebSettings

HELP = "serve the page on which sessions are found, watched and judged"


class PageNotInstalledError(SessrecError):
    """What the page needs is not on this machine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec serve`."""
    parser.add_argument(
        "--local", action="store_true", help="for one person on this machine, by a token that is printed"
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="settings (default: /etc/session-recording/web.toml if it is there)",
    )
    parser.add_argument(
        "--listen", metavar="ADDRESS:PORT", help="where to listen (default: as set; with --local any free port)"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="the server's certificate, in PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key, in PEM")
    parser.add_argument("--ledger", metavar="FILE", help="the file with who watched what")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0 after SIGTERM or Ctrl-C, 2 where the settings cannot be used, 1 where store or port cannot."""
    try:
        from auditor.web.server import serve
        from auditor.web.settings import FILE, WebSettings, load
    except ModuleNotFoundError as error:
        raise PageNotInstalledError(
            f"the page needs the Python package '{error.name}', which is not installed: "
            "pip install 'freeipa-session-recording[web]'"
        ) from error

    if args.settings is not None:
        settings = load(args.settings)
    elif not args.local and FILE.exists():
        settings = load(FILE)
    else:
        settings = WebSettings()
    _override(settings, args)
    return serve(settings, args.store, local=args.local)


def _override(settings: "WebSettings", args: argparse.Namespace) -> None:
    """An option wins over the file."""
    from auditor.web.settings import WEB_TABLE, WebSettingsError

    if args.local and args.listen is None:
        vars(settings)["listen"] = "127.0.0.1:0"
    for name in ("listen", "tls_cert", "tls_key", "ledger"):
        text = getattr(args, name)
        if text is not None:
            try:
                vars(settings)[name] = WEB_TABLE[name].from_option(text)
            except ValueError as error:
                raise WebSettingsError(f"--{name.replace('_', '-')}: {error}") from error
