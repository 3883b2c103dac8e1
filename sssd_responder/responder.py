"""The responder: the daemon on a recorded host that decides who is recorded.

    python3 -m sssd_responder.responder [--run DIR] [--config FILE] [--policies FILE] [--state DIR]

It reads policies and users in the background and answers from memory. SIGTERM ends it; what it knows is on disk then.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from recorder import host_settings
from recorder.errors import SessrecError
from recorder.host_settings import HostSettings
from sssd_responder.decision_socket import DecisionSocket
from sssd_responder.decisions import Decisions
from sssd_responder.enrolment import Enrolment, full_name, read_enrolment
from sssd_responder.identity import Identities
from sssd_responder.infopipe import InfoPipe
from sssd_responder.last_known import LastKnown, LastKnownError
from sssd_responder.policies import Policies
from sssd_responder.refresh import Refresh
from sssd_responder.system_users import FileUsers, NssUsers

RUN = "/run/session-recording"
POLICIES = "/etc/session-recording/policies.toml"
STATE = "/var/lib/session-recording"

_log = logging.getLogger("responder")


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. Status 1, with one line that says why, where it cannot begin."""
    options = _options(argv)
    _log_to_stderr()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = host_settings.load(options.config)
        enrolment = read_enrolment(options.enrolment) if settings.freeipa else None
        _serve(options, settings, enrolment, stop)
    except SessrecError as error:
        _log.error("%s", error)
        return error.exit_status
    return 0


def _serve(
    options: argparse.Namespace, settings: HostSettings, enrolment: Enrolment | None, stop: threading.Event
) -> None:
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
    refresh = Refresh(enrolment, policies, last_known, settings.refresh) if enrolment else None
    if refresh is not None:
        decisions.status_parts["connection"] = refresh.status

    # Audit rules, live sessions and the bus are added to `decisions` here, before the first question.

    listening = DecisionSocket(str(Path(options.run) / "responder.socket"), decisions.answer)
    listening.start()
    last_known.start()
    if refresh is not None:
        refresh.start()
    _tell_systemd("READY=1")
    stop.wait()
    _tell_systemd("STOPPING=1")
    listening.close()
    if refresh is not None:
        refresh.stop()
    last_known.close()


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


def _tell_systemd(state: str) -> None:
    """sd_notify(3), where systemd wants to know."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            _log.warning("systemd cannot be told %s: %s", state, error.strerror)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # Threads that wait for SSSD or Kerberos may do so for a while yet; nothing is left that needs them.
    sys.stderr.flush()
    os._exit(status)
