"""What `sessrec host suspend`, `resume` and `terminate` have in common: one session, one order, one answer."""

import argparse
from contextlib import suppress


def add_session(parser: argparse.ArgumentParser) -> None:
    """The session that is meant."""
    parser.add_argument("session", metavar="SESSION", help="(the beginning of) its id; `sessrec host sessions`")


def give(order: str, name: str) -> int:
    """Have the session do it, and print its state then. Raises LiveSessionError and ControlError."""
    from host.ask import AskError, ask
    from host.install_layout import RUN
    from host.live_sessions import find, who_asks
    from sssd_responder.sessions import session_control

    rec = find(name)
    print(f"{rec}: {session_control.ask(session_control.SESSIONS, rec, order, who_asks())}")
    # It tells FreeIPA and the bus. Where it is away it finds out by itself.
    with suppress(AskError):
        ask(RUN / "responder.socket", {"ask": "changed", "rec": rec})
    return 0
