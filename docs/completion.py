"""Completion for bash, from the definitions that --help comes from: `python -m docs.completion FILE`.

shtab makes it from the parsers. Nothing of Python runs when somebody presses the tabulator.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab

import sessrec

KINDS = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
"""What a word of an argument's metavar says of its values."""


def main(argv: list[str]) -> int:
    """Write the script into the file that `argv` names."""
    Path(argv[0]).write_text(script())
    return 0


def script() -> str:
    """The script for bash."""
    return str(shtab.complete(_whole_parser(), "bash"))


def _whole_parser() -> argparse.ArgumentParser:
    """All verbs in one parser."""
    whole = argparse.ArgumentParser(prog="sessrec")
    whole.add_argument("--version", action="store_true")
    verbs = whole.add_subparsers()
    for verb in sessrec.VERBS:
        module = sessrec.load(verb)
        parser = sessrec.parser(verb, module)
        verbs.add_parser(verb, parents=[parser], add_help=False, help=module.HELP)
    for action in _actions(whole):
        words = action.metavar if isinstance(action.metavar, str) else ""
        for word, kind in KINDS.items():
            if word in words.split("|"):
                action.complete = kind  # type: ignore[attr-defined]
    return whole


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
