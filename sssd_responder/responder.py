"""The responder: the daemon on a recorded host that decides who is recorded.

    python3 -m sssd_responder.responder [--run DIR] [--config FILE] [--policies FILE] [--state DIR]

It reads policies and users in the background and answers from memory. SIGTERM ends it; what it knows is on disk then.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorder.capture.signals import Signals
from recorder.configuration import host_settings
from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError
from recorder.logins import service_manager
from sssd_responder.audit.sessions import AuditRules
from sssd_responder.decisions.decision_socket import DecisionSocket
from sssd_responder.decisions.decisions import Decisions
from sssd_responder.decisions.identity import Identities
from sssd_responder.decisions.infopipe import InfoPipe
from sssd_responder.decisions.policies import Policies
from sssd_responder.decisions.system_users import FileUsers, NssUsers
from sssd_responder.freeipa.enrolment import Enrolment, full_name, read_enrolment
from sssd_responder.freeipa.key_upkeep import KeyUpkeep
from sssd_responder.freeipa.last_known import LastKnown, LastKnownError
from sssd_responder.freeipa.refresh import Refresh
from sssd_responder.sessions.live_sessions import LiveSessions
from sssd_responder.sessions.session_entries import LdapEntries
from sssd_responder.sessions.session_reports import SessionReports

if TYPE_CHECKING:
    from sssd_responder.bus.bus import Bus

RUN = "/run/session-recording"
POLICIES = "/etc/session-recording/policies.toml"
STATE = "/var/lib/session-recording"

TIDY = 5.0
"""Seconds between two looks at whether audit rules are as they should be, and still needed."""

_log = logging.getLogger("responder")


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. Status 1, with one line that says why, where it cannot begin."""
    options = _options(argv)
    _log_to_stderr()
    ending = Signals((signal.SIGTERM, signal.SIGINT))
    try:
        settings = host_settings.load(options.config)
        enrolment = read_enrolment(options.enrolment) if settings.freeipa else None
        _serve(options, settings, enrolment, ending)
    except SessrecError as error:
        _log.error("%s", error)
        return error.exit_status
    return 0


def _serve(options: argparse.Namespace, settings: HostSettings, enrolment: Enrolment | None, ending: Signals) -> None:
    stop = threading.Event()
    host = full_name(settings.fqdn, enrolment)
    last_known = LastKnown(str(Path(options.state) / "last-known.json"), host)
    policies = Policies(host, options.policies, directory=enrolment is not None)
    try:
        snapshot = last_known.load()
        if snapshot is not None and enrolment is not None:
            policies.replace(snapshot)
    except LastKnownError as error:
        _log.warning("%s", error)
    sssd = InfoPipe(enrolment.domain if enrolment else "")
    decisions = Decisions(Identities(sssd, FileUsers(), NssUsers(), last_known, settings), policies)
    decisions.status_parts["last_known"] = last_known.status

    refresh, reports = None, None
    if enrolment is not None:
        key = KeyUpkeep(Path(settings.key or Path(options.state) / "key.pem"), enrolment.suffix, host)
        refresh = Refresh(enrolment, policies, last_known, settings.refresh, key.step)
        reports = SessionReports([partial(LdapEntries, uri, enrolment.suffix, host) for uri in enrolment.uris])
        decisions.status_parts.update(connection=refresh.status, key=key.status)
    sessions = LiveSessions(Path(options.run) / "sessions", reports)
    decisions.sessions = sessions
    decisions.status_parts["sessions"] = partial(_sessions_status, sessions, reports)
    # There is one set of audit rules on a machine and one bus; a responder elsewhere, for a test, has neither.
    bus = None
    if options.run == RUN:
        _audit(decisions, settings, stop)
        bus = _bus(decisions, sessions)

    listening = DecisionSocket(str(Path(options.run) / "responder.socket"), decisions.answer)
    listening.start()
    service_manager.notify("READY=1")
    last_known.start()
    sessions.start()
    if refresh is not None:
        refresh.start()
    ending.wait()
    stop.set()
    service_manager.notify("STOPPING=1")
    listening.close()
    if bus is not None:
        bus.stop()
    if refresh is not None:
        refresh.stop()
    last_known.close()


def _audit(decisions: Decisions, settings: HostSettings, stop: threading.Event) -> None:
    """Take over the audit rules that are there, and put them right now and then."""
    audit = AuditRules(settings.audit_limit)
    audit.adopt()
    decisions.audit = audit

    def tidy() -> None:
        while not stop.wait(TIDY):
            try:
                audit.tidy()
            except Exception:
                _log.exception("audit rules could not be put right")

    threading.Thread(target=tidy, name="audit", daemon=True).start()


def _bus(decisions: Decisions, sessions: LiveSessions) -> "Bus | None":
    try:
        from sssd_responder.bus.bus import Bus
    except ImportError as error:
        _log.warning("not on the system bus without python3-dbus and python3-gi: %s", error)
        return None
    bus = Bus(sessions, decisions.status, decisions.summary, decisions.what_if)
    decisions.status_parts["bus"] = bus.status
    bus.start()
    return bus


def _sessions_status(sessions: LiveSessions, reports: SessionReports | None) -> dict[str, Any]:
    """How many are recorded now, what is wrong with descriptions, and with what FreeIPA is told of them."""
    told = reports.status() if reports else {"problem": "", "connected": False}
    return {"count": len(sessions.all()), "unreadable": sessions.unreadable, **told}


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("responder", description="decides who is recorded on this host")
    parser.add_argument("--run", default=RUN, metavar="DIR", help="where the socket is made (%(default)s)")
    parser.add_argument("--config", default=host_settings.CONFIG_FILE, metavar="FILE", help="settings (%(default)s)")
    parser.add_argument("--policies", default=POLICIES, metavar="FILE", help="local policies (%(default)s)")
    parser.add_argument("--state", default=STATE, metavar="DIR", help="what is kept (%(default)s)")
    parser.add_argument(
        "--enrolment", default="/etc/ipa/default.conf", metavar="FILE", help="the host's FreeIPA (%(default)s)"
    )
    return parser.parse_args(argv)


def _log_to_stderr() -> None:
    """One line a message, with the priority before it that journald takes away (sd-daemon(3))."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = 3 if record.levelno >= logging.ERROR else 4 if record.levelno >= logging.WARNING else 6
        prefix = f"<{priority}>" if "JOURNAL_STREAM" in os.environ else ""
        return "\n".join(prefix + line for line in super().format(record).splitlines())


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # Threads that wait for SSSD or Kerberos may do so for a while yet; nothing is left that needs them.
    sys.stderr.flush()
    os._exit(status)
