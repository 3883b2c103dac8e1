"""Show the screen of a session that is recorded now, as its user sees it, until it ends or you leave.

q or Ctrl-C leaves. The session does not notice, but that you watched is part of the recording. A terminal smaller
than the session's shows the part around the cursor. What was on the screen before is shown as far as the last 128 KiB
of output tell it. Written to a pipe or a file, it is the bytes that the session prints.

exit status:
  0 the session has ended, or you left; 1 there is no such session, or it let go of a watcher who was too slow

examples:
  sessrec host watch 8cddd23b
  sessrec host watch 8cddd23b >screen.raw
"""

import argparse
import os
import sys

from sssd_responder.sessions import session_control
from sssd_responder.sessions.session_control import DESCRIBE, SESSIONS, ControlError, GoneError

HELP = "show the screen of a session as it is now"

DIRECTORY = SESSIONS


class TooSlowError(ControlError):
    """The session does not wait for who watches it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The session."""
    from host.session_order import add_session

    add_session(parser)


def run(args: argparse.Namespace) -> int:
    """Watch. Raises LiveSessionError, ControlError, and KeyboardInterrupt where Ctrl-C ends the writing to a pipe."""
    from host.live_sessions import find, who_asks

    rec = find(args.session, DIRECTORY)
    session = session_control.read(DIRECTORY, rec)
    watched = session_control.watch(DIRECTORY, rec, who_asks())
    with watched.socket:
        if os.isatty(sys.stdout.fileno()):
            name = f"{session.user} on {session.terminal or 'no terminal'}, session {rec}"
            if not _shown(watched, name, rec):
                return 0
        else:
            from host.watch import write_output

            write_output(watched, sys.stdout.fileno())
    try:
        session_control.ask(DIRECTORY, rec, DESCRIBE, "")
    except ControlError:
        print(f"session {rec} of {session.user} has ended", file=sys.stderr)
        return 0
    raise TooSlowError(f"session {rec} goes on, and does not wait for so slow a terminal; watch it again")


def _shown(watched: session_control.Watched, name: str, rec: str) -> bool:
    """Show it; whether it was not we who left. A signal ends this process in the same way, but for that of Ctrl-C."""
    import signal

    from auditor.player.auditor_terminal import AuditorTerminal, keyboard
    from host.watch import Watching

    def state() -> str:
        try:
            return session_control.ask(DIRECTORY, rec, DESCRIBE, "")
        except GoneError:
            return "ended"
        except ControlError:
            return "silent"

    terminal = AuditorTerminal(sys.stdout.fileno(), keyboard())
    watching = Watching(watched, terminal, name, state, encoding=sys.stdout.encoding)
    ended_by = watching.run()
    if ended_by is not None and ended_by != signal.SIGINT:
        signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    return watching.over
