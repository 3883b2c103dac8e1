"""An alert as an entry of the systemd journal.

Fields: MESSAGE (one line for people), PRIORITY by severity, SYSLOG_IDENTIFIER=sessrec, SESSREC_TYPE=alert,
SESSREC_REC, SESSREC_RULE, SESSREC_SEVERITY, SESSREC_AT (ms into the recording), SESSREC_USER and SESSREC_HOST (of the
recording), SESSREC_MATCHED, and a MESSAGE_ID that all alerts have. `sessrec ingest --journal` does not take them for
messages.
"""

import errno
import time

from auditor.output.moments import moment
from auditor.output.printable import printable
from auditor.recordings.store import Facts
from auditor.rules.action import ActionError
from auditor.rules.alert import Alert
from recorder.sinks.journald_sink import JournaldSink, field

MESSAGE_ID = "b6c1fa52d3f64f1a9b0d5c7e4a82913f"

PATIENCE = 30.0
"""Seconds for which a journald that reads nothing is waited for."""

_PRIORITIES = ((90, 2), (70, 3), (40, 4), (0, 5))
"""Severity from which on, and syslog(3)'s LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_NOTICE."""


class JournalEntries:
    """Sends alerts to journald. `socket_path`: another socket than the system's."""

    def __init__(self, socket_path: str | None = None) -> None:
        self._sink = JournaldSink(socket_path=socket_path)

    def send(self, facts: Facts, alert: Alert, patience: float = PATIENCE) -> None:
        """One entry. A journald that is merely slower is waited for; ActionError when it did not take the entry."""
        rule = alert.rule
        fields = {
            "PRIORITY": str(next(number for least, number in _PRIORITIES if rule.severity >= least)),
            "SYSLOG_IDENTIFIER": "sessrec",
            "MESSAGE_ID": MESSAGE_ID,
            "SESSREC_TYPE": "alert",
            "SESSREC_REC": facts.rec,
            "SESSREC_RULE": rule.name,
            "SESSREC_SEVERITY": str(rule.severity),
            "SESSREC_AT": str(alert.at),
            "SESSREC_USER": facts.user,
            "SESSREC_HOST": facts.host,
            "SESSREC_MATCHED": alert.matched,
            "MESSAGE": line_about(facts, alert),
        }
        parts = [field(name.encode(), value.encode(errors="replace")) for name, value in fields.items()]
        end = time.monotonic() + patience
        while True:
            try:
                self._sink.send(parts)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS) or time.monotonic() > end:
                    raise ActionError(f"alerts do not reach the journal ({error.strerror})") from error
            else:
                return
            time.sleep(0.01)

    def close(self) -> None:
        """Give back the socket."""
        self._sink.close()


def line_about(facts: Facts, alert: Alert) -> str:
    """One printable line about an alert."""
    where = f"{facts.user}@{facts.host} {facts.rec} {moment(alert.at)}"
    return printable(f"alert {alert.rule.name}: {where}: {alert.rule.description}: {alert.matched}")
