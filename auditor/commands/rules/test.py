"""Try a rule on recordings: where it would have alerted. Nothing is stored, and nobody is told.

RULE is the name of a rule that `sessrec rules list` shows, or a file of rules, of which all are tried. Without REC,
every recording of the store is gone through. Groups of users are those of today.

exit status:
  0 there are alerts, 1 there are none

examples:
  sessrec rules test root-shell 7f3c 81aa
  sessrec rules test ./draft.toml recording.jsonl
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.output.listing import print_json, print_line
from auditor.output.moments import clock, moment
from auditor.output.printable import printable
from auditor.query.query import Selection
from auditor.recordings.locate import locate
from auditor.recordings.own_store import add_store_argument, open_store
from auditor.rules.files import installed, named
from auditor.rules.groups import Groups
from auditor.rules.matcher import RuleSet
from auditor.rules.rehearsal import rehearse
from auditor.rules.rule import RuleError

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address

HELP = "show where a rule would have alerted in recordings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A rule, and recordings."""
    parser.add_argument("rule", metavar="RULE", help="the name of a rule, or a file of rules")
    parser.add_argument("recs", nargs="*", metavar="REC", help="recordings of the store, or files (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status as the docstring says."""
    rules = _rules(args.rule)
    shown = ""
    found = False
    for rec in args.recs or _all(args.store):
        recording = locate(rec, args.store)
        try:
            for facts, alert in rehearse(rules, recording):
                found = True
                if args.json:
                    print_json(alert.summary(facts))
                    continue
                if shown != facts.rec:
                    shown = facts.rec
                    print_line(printable(f"{clock(facts.start)}  {facts.user}@{facts.host}  {facts.rec}"))
                print_line(printable(f"  {moment(alert.at)}  {alert.rule.name}  {alert.kind}  {alert.matched}"))
        finally:
            recording.close()
    if not found and not args.json:
        print_line("no alerts")
    return 0 if found else 1


def _rules(name: str) -> RuleSet:
    is_file = "/" in name or name.endswith(".toml")
    found = (named([Path(name)]) if is_file else installed()).checked()
    rules = [rule for rule in found.rules if is_file or rule.name == name]
    if not rules:
        raise RuleError(f"there is no rule {printable(name)!r}: `sessrec rules list` shows those that there are")
    if not any(rule.enabled for rule in rules):
        raise RuleError(f"{printable(name)} is switched off: set enabled = true in a copy of it, and test that file")
    return RuleSet(rules, Groups(found.groups))


def _all(store_path: "Path | Address | None") -> Iterator[str]:
    store = open_store(store_path)
    try:
        recs = [facts.rec for facts in store.recordings(Selection(), oldest_first=True)]
    finally:
        store.close()
    yield from recs
