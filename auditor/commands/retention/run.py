"""Delete the recordings whose time is over. `sessrec retention list` shows beforehand which these are.

Each leaves a tombstone in the ledger, with what verifying it found.
"""

import argparse

from auditor.commands.retention import list as listing
from auditor.ledger import retention
from auditor.ledger.of_store import open_ledger
from auditor.ledger.retention_policies import load
from auditor.ledger.verdicts import Verdicts
from auditor.output.listing import print_json, print_line
from auditor.output.printable import printable
from auditor.recordings.own_store import open_store

HELP = "delete what is due"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which policies, which store."""
    listing.add_arguments(parser)
    parser.add_argument("-n", "--dry-run", action="store_true", help="delete nothing: the same as `list`")
    parser.add_argument("--no-verify", action="store_true", help="do not verify what has not been verified yet")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 where all that was due and is not held was deleted."""
    if args.dry_run:
        return listing.run(args)
    policies = load(args.policies)
    store = open_store(args.store)
    try:
        with open_ledger(args.store, args.ledger) as ledger:
            verdicts = Verdicts(ledger)
            verdict = verdicts.known_text if args.no_verify else lambda facts: str(verdicts.of(store, facts))
            done = retention.run(store, ledger, policies, verdict=verdict)
    finally:
        store.close()
    if args.json:
        for each in (*done.deleted, *done.kept):
            print_json(listing.as_json(each))
        return 0
    for each in done.deleted:
        print_line(printable(f"deleted {each.facts.rec}, by policy {each.policy.name}"))
    for each in done.kept:
        print_line(printable(f"kept {each.facts.rec}: {each.kept}"))
    if not done.deleted and not done.kept:
        print_line("nothing is due")
    return 0
