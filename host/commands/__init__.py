"""Recording of logins on this host: put it in place, see how it is, and act on the sessions that are recorded now.

All of it needs root. What is recorded of whom is decided by policies in FreeIPA, or by those in
/etc/session-recording/policies.toml.

examples:
  sessrec host install          put session recording in place, or bring it up to date
  sessrec host status alice     is every part up, and what would happen if alice logged in now
  sessrec host prove alice      log in as alice, and show that the recording arrived
"""

import argparse

import sessrec

HELP = "recording of logins on this host: install it, see how it is, act on its sessions"

VERBS = {
    "install": "host.commands.install",
    "status": "host.commands.status",
    "metrics": "host.commands.metrics",
    "prove": "host.commands.prove",
    "sessions": "host.commands.sessions",
    "watch": "host.commands.watch",
    "suspend": "host.commands.suspend",
    "resume": "host.commands.resume",
    "terminate": "host.commands.terminate",
}
"""As sessrec.VERBS: only the module of the verb that was typed is imported, but for the help that shows them all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every verb that is installed here."""
    sessrec.add_verbs(parser, VERBS)


def run(args: argparse.Namespace) -> int:
    """Do what the verb in `args` does."""
    return int(args.run(args))
