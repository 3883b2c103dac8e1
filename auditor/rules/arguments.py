"""The options of a verb that takes recordings in: by which rules they are watched. What needs RE2 is imported only
where it is there."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.output.printable import printable
from recorder.paths import RULES

if TYPE_CHECKING:
    from auditor.rules.watcher import RuleWatcher


def add_rules_arguments(parser: argparse.ArgumentParser) -> None:
    """The options --rules and --no-rules."""
    parser.add_argument("--rules", type=Path, metavar="DIR", help=f"rules of this directory, not of {RULES}")
    parser.add_argument("--no-rules", action="store_true", help="watch for nothing, and tell nobody")


@contextmanager
def rules_at_work(args: argparse.Namespace) -> "Iterator[RuleWatcher | None]":
    """Who watches, None for nobody. At the end, what is still to be told is waited for a little. Raises RuleError for
    rules with a mistake."""
    if args.no_rules:
        yield None
        return
    try:
        from auditor.rules.live import installed_rules
    except ModuleNotFoundError as error:
        if error.name != "re2":
            raise
        _complain("rules need the Python package 'google-re2', which is not installed: nothing is watched for")
        yield None
        return
    with installed_rules(_complain, args.rules or RULES) as watcher:
        yield watcher


def _complain(line: str) -> None:
    sys.stderr.write(f"sessrec: {printable(line)}\n")
