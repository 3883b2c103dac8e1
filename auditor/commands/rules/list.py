"""List the rules: those that come with the program and those in /etc/session-recording/rules.d."""

import argparse
from pathlib import Path

from auditor.output.listing import print_json, print_line, print_table
from auditor.rules.files import installed, named
from auditor.rules.rule import SEVERITIES, Rule

HELP = "list rules"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to list."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="the rules of these files instead")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Exit status 0; a mistake in a file is an error."""
    rules = (named(args.files) if args.files else installed()).checked().rules
    if args.json:
        for rule in rules:
            print_json(_as_json(rule))
    elif rules:
        print_table(
            ("RULE", "SEVERITY", "ACTIONS", "FROM", "DESCRIPTION"),
            [(rule.name, _severity(rule), " ".join(_actions(rule)), rule.place, rule.description) for rule in rules],
        )
    else:
        print_line("no rules")
    return 0


def _severity(rule: Rule) -> str:
    if not rule.enabled:
        return "off"
    return next((word for word, number in SEVERITIES.items() if number == rule.severity), str(rule.severity))


def _actions(rule: Rule) -> list[str]:
    actions = rule.actions
    named = (("webhook", actions.webhook), ("run", actions.run), (str(actions.session), actions.session))
    return [name for name, given in named if given]


def _as_json(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "description": rule.description,
        "severity": rule.severity,
        "enabled": rule.enabled,
        "actions": _actions(rule),
        "from": rule.place,
    }
