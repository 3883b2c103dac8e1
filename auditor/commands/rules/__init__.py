"""Rules that watch sessions: what stands on a screen, what is typed, and what audit tells, as it is taken in.

The rules are those that come with the program and those in /etc/session-recording/rules.d/*.toml. They are evaluated
by `sessrec ingest`: what one of them sees becomes an alert, which is an event of the recording, an entry in the
journal, and what else the rule says. The auditor's page of the documentation has the language.

examples:
  sessrec rules check draft.toml          are the rules of a file right, and do they keep to their examples
  sessrec rules test root-shell 7f3c      where a rule would have alerted in a recording of the store
  sessrec rules list                      which rules there are
"""

import argparse

import sessrec

HELP = "rules that watch sessions: check them, try them on recordings, list them"

VERBS = {
    "check": "auditor.commands.rules.check",
    "test": "auditor.commands.rules.test",
    "list": "auditor.commands.rules.list",
}
"""As sessrec.VERBS: only the module of the verb that was typed is imported, but for the help that shows them all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every verb that is installed here."""
    sessrec.add_verbs(parser, VERBS)


def run(args: argparse.Namespace) -> int:
    """Do what the verb in `args` does."""
    return int(args.run(args))
