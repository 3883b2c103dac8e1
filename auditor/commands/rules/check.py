"""Check rules: their syntax, and that they keep to their examples.

Without FILE, the rules that `sessrec ingest` would use: those that come with the program and those in
/etc/session-recording/rules.d. Every mistake is a line on standard error: file, line, rule, what is wrong and what to
write.

exit status:
  0 nothing is wrong, 1 something is
"""

import argparse
import sys
from pathlib import Path

from auditor.output.listing import print_line
from auditor.output.printable import printable
from auditor.rules.files import installed, named
from auditor.rules.matcher import RuleSet

HELP = "check rules and run their examples"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files of rules."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files of rules, installed or not")


def run(args: argparse.Namespace) -> int:
    """Exit status 1 when there is a mistake."""
    found = named(args.files) if args.files else installed()
    for mistake in found.mistakes:
        sys.stderr.write(f"sessrec: {printable(str(mistake))}\n")
    if found.mistakes:
        return 1
    RuleSet(found.rules)
    examples = sum(len(rule.match) + len(rule.no_match) for rule in found.rules if rule.enabled)
    print_line(f"{len(found.rules)} rules, {examples} examples: nothing is wrong")
    return 0
