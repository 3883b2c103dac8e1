"""Whether audit events come into recordings, and where from, as the audit service says."""

from typing import Any

from host.ask import AskError, ask
from host.install_layout import AUDIT, RUN
from host.status_check import OK, WARNING, Check

_RESTART = f"systemctl restart {AUDIT}"
_NAMES = {"auditd": "by auditd's plugin", "netlink": "from the kernel"}


def check(report: dict[str, Any]) -> Check:
    """`report` is the responder's: where nobody is audited, it is no problem that nothing comes."""
    try:
        said = ask(RUN / "audit.socket", {"ask": "status"})
    except AskError as error:
        return Check("events", WARNING, f"audit events are not recorded: {error}", _RESTART)
    if source := said.get("source"):
        text = f"recorded {_NAMES.get(source, source)}, of {said.get('recordings', 0)} sessions now"
        more = f" and {said['background']} logins in the background" if said.get("background") else ""
        return Check("events", OK, text + more)
    text = f"audit events are not recorded: {said.get('problem') or 'none come'}"
    if not (report.get("audit") or {}).get("users"):
        return Check("events", OK, text)
    return Check("events", WARNING, text, _RESTART)


def lost() -> str:
    """What the service has missed since it started, "" for nothing."""
    try:
        count = ask(RUN / "audit.socket", {"ask": "status"}).get("lost") or 0
    except AskError:
        return ""
    return f"{count} audit records since the audit service started" if count else ""
