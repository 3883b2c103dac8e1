"""Looking up what a host's numbers are made of."""

from pathlib import Path

from host import status
from host.ask import AskError, ask
from host.install_layout import RUN, STATE
from host.metrics import Found, MetricsError
from host.metrics_sessions import sessions
from host.metrics_traffic import traffic
from recorder.logins import tally


def found(run: Path = RUN, state: Path = STATE) -> Found:
    """All of it. Raises MetricsError."""
    checks, report, settings = status.look()
    try:
        audit = ask(run / "audit.socket", {"ask": "status"})
    except AskError:
        audit = {}
    try:
        counted = traffic(settings, state)
    except OSError as error:
        raise MetricsError(
            f"what was recorded cannot be counted: {error.filename}: {error.strerror}; "
            "where recording of logins is not installed: sessrec host install"
        ) from error
    return Found(checks, sessions(run / "sessions"), tally.read(run), counted, report, audit)
