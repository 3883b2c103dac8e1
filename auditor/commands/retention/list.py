"""Show which recordings `sessrec retention run` would delete now, and which it keeps though their time is over."""

import argparse

from auditor.commands.retention.arguments import add_policies_argument
from auditor.ledger.of_store import add_ledger_argument, open_ledger
from auditor.ledger.retention import Due, due
from auditor.ledger.retention_policies import load
from auditor.output.listing import print_json, print_line, print_table
from auditor.output.moments import clock, iso, length
from auditor.recordings.own_store import add_store_argument, open_store

HELP = "what `run` would delete now, and what it would not"

HEADINGS = ("DUE SINCE", "POLICY", "START", "USER", "HOST", "LENGTH", "ID", "KEPT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which policies, which store."""
    add_policies_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_store_argument(parser)
    add_ledger_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, also when nothing is due; a mistake in the file is an error (2)."""
    policies = load(args.policies)
    store = open_store(args.store)
    try:
        with open_ledger(args.store, args.ledger) as ledger:
            found = list(due(store, ledger, policies))
    finally:
        store.close()
    if args.json:
        for each in found:
            print_json(as_json(each))
    elif found:
        print_table(HEADINGS, map(row, found), frozenset({5}))
    else:
        print_line("nothing is due")
    return 0


def as_json(each: Due) -> dict[str, object]:
    """A recording that is due, for programs."""
    return {
        "rec": each.facts.rec,
        "user": each.facts.user,
        "host": each.facts.host,
        "start": iso(each.facts.start),
        "length_ms": each.facts.length,
        "policy": each.policy.name,
        "due": iso(each.since),
        "kept": each.kept,
    }


def row(each: Due) -> tuple[str, ...]:
    """The same for people."""
    facts = each.facts
    return (
        clock(each.since),
        each.policy.name,
        clock(facts.start),
        facts.user,
        facts.host,
        length(facts.length // 1000),
        facts.rec,
        each.kept,
    )
