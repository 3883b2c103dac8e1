"""Say what is wrong with session recording on this machine, and which command mends it.

It looks at what is set up here: a recorded host, the auditors' page and what fills its store, a FreeIPA server. Of
each thing that is wrong it prints one line with what, and below it one with the command. It changes nothing.

exit status:
  0 all is well, 1 a warning, 2 critical (and wrong usage), 3 nobody can say (as without root), as monitoring systems
  expect it

examples:
  sessrec doctor
  sessrec doctor --all
  sessrec doctor --json
"""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recorder.doctor import Finding

HELP = "say what is wrong on this machine, and which command mends it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to print."""
    parser.add_argument("--all", action="store_true", help="print what is well, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Look and print; the gravest finding is the exit status. Raises UnknownError."""
    import os

    from recorder.doctor import LEVELS, UnknownError, examined

    if os.geteuid() != 0:
        raise UnknownError("must be run as root")
    found = list(examined())
    level = max((finding.level for finding in found), key=LEVELS.index, default=LEVELS[0])
    if args.json:
        print(json.dumps({"level": level, "findings": [finding._asdict() for finding in found]}))
    else:
        _show(found, everything=args.all)
    return LEVELS.index(level)


def _show(found: "list[Finding]", *, everything: bool) -> None:
    for part in dict.fromkeys(finding.part for finding in found):
        own = [finding for finding in found if finding.part == part]
        wrong = [finding for finding in own if finding.level != "ok"]
        for finding in own if everything else wrong:
            print(f"{finding.level:<9} {part:<8} {finding.name:<10} {_line(finding.text)}")
            if finding.command:
                print(f"{'':<9} {'':<8} {'':<10} {_line(finding.command)}")
        print(f"{part}: {len(own)} things were looked at, {len(wrong) or 'none'} wrong")


def _line(text: str) -> str:
    """What others have named cannot speak to the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
