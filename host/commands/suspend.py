"""Stop a session until it is resumed: nothing that is typed arrives, nothing that is printed is shown.

Who asked is part of the recording. Auditors do the same from anywhere with `ipa recordedsession-suspend`.
"""

import argparse

HELP = "stop a session until it is resumed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The session."""
    from host.session_order import add_session

    add_session(parser)


def run(args: argparse.Namespace) -> int:
    """Give the order."""
    from host.session_order import give

    return give("suspend", args.session)
