"""How long recordings are kept, by policies in /etc/session-recording/retention.toml:

    [[policy]]
    name = "contractors"
    users = ["ext-*"]          # also not_users, hosts, not_hosts
    keep = "90d"               # days, weeks (w), years (y), or "forever"

The first policy that takes a recording decides, counted from the recording's end. What none takes is kept, and so is
what goes on, and what somebody has put on hold (`sessrec hold`). Each deletion leaves its tombstone in the ledger.

examples:
  sessrec retention check        are the policies right, and how many recordings does each decide about
  sessrec retention list         what `run` would delete now, and what it would not
  sessrec retention run          delete it; once a day, from a timer
"""

import argparse

import sessrec

HELP = "delete recordings whose time is over, by policy; see first what that would be"

VERBS = {
    "check": "auditor.commands.retention.check",
    "list": "auditor.commands.retention.list",
    "run": "auditor.commands.retention.run",
}
"""As sessrec.VERBS: only the module of the verb that was typed is imported, but for the help that shows them all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every verb that is installed here."""
    sessrec.add_verbs(parser, VERBS)


def run(args: argparse.Namespace) -> int:
    """Do what the verb in `args` does."""
    return int(args.run(args))
