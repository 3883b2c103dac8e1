"""End a session now. Its user is told, and what runs in it is hung up.

Who asked is part of the recording. Auditors do the same from anywhere with `ipa recordedsession-terminate`.
"""

import argparse

HELP = "end a session now"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The session."""
    from host.session_order import add_session

    add_session(parser)


def run(args: argparse.Namespace) -> int:
    """Give the order."""
    from host.session_order import give

    return give("terminate", args.session)
