"""Let a session that was suspended go on.

Who asked is part of the recording. Auditors do the same from anywhere with `ipa recordedsession-resume`.
"""

import argparse

HELP = "let a suspended session go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The session."""
    from host.session_order import add_session

    add_session(parser)


def run(args: argparse.Namespace) -> int:
    """Give the order."""
    from host.session_order import give

    return give("resume", args.session)
