"""Check the policies, and show how many recordings of the store each decides about."""

import argparse
from collections import Counter

from auditor.commands.retention.arguments import add_policies_argument
from auditor.ledger.retention_policies import Policies, load
from auditor.output.listing import print_json, print_line, print_table
from auditor.query.query import Selection
from auditor.recordings.own_store import add_store_argument, open_store

HELP = "are the policies right, and how many recordings does each decide about"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which policies, which store."""
    add_policies_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0; a mistake in the file is an error (2)."""
    policies = load(args.policies)
    counts: Counter[str | None] = Counter()
    store = open_store(args.store)
    try:
        for facts in store.recordings(Selection()):
            policy = policies.deciding(facts)
            counts[policy.name if policy else None] += 1
    finally:
        store.close()
    if args.json:
        for name, keep in _lines(policies):
            print_json({"policy": name, "keep": keep, "recordings": counts[name]})
    else:
        rows = [(name or "(none)", keep, str(counts[name])) for name, keep in _lines(policies)]
        print_table(("POLICY", "KEEP", "RECORDINGS"), rows, frozenset({2}))
        if policies.daily is not None:
            print_line(f"`sessrec serve` deletes daily at {policies.daily // 60:02}:{policies.daily % 60:02}")
    return 0


def _lines(policies: Policies) -> list[tuple[str | None, str]]:
    return [*((policy.name, policy.written) for policy in policies.policies), (None, "forever")]
