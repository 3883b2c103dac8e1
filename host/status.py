"""How session recording is on this host: every part looked at, and what monitoring is to make of it.

Looked at from outside where that can be done: a login shell is run, a socket is asked, files are compared. What only
the responder knows (policies, audit rules, FreeIPA) is its own report.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from host import loader_environment, self_check, status_audit, status_login, status_report
from host.ask import AskError, ask
from host.install_files import differs_from_manifest
from host.install_layout import AUDIT, COMMON_PACKAGE, CONFIG, HOST_PACKAGE, KEY, RECORDER, RESPONDER, RUN, Layout
from host.live_sessions import SILENT, LiveSession, live_sessions
from host.status_check import CRITICAL, INSTALL, OK, WARNING, Check
from recorder.configuration import host_settings
from recorder.configuration.config import ConfigError
from recorder.configuration.host_settings import HostSettings
from recorder.errors import SessrecError
from recorder.keys import signing_key

_LOST = '"action":"lost"(?!,"category")'
"""Those that audit itself has a category for are not of messages or records that were there."""

LOST_WITHIN = 24 * 3600
"""Seconds. What was lost before is not reported any more."""


_NEW_KEY = f"rm -f {KEY} && {INSTALL} && systemctl restart {RESPONDER} {RECORDER} {AUDIT}"
"""The public half of the one before stays in FreeIPA, and proves what it has signed."""


class Status(NamedTuple):
    """All that is known: `responder` is its own report, {} where it gives none."""

    checks: list[Check]
    sessions: list[LiveSession]
    responder: dict[str, Any]


def status(user: str = "") -> Status:
    """Look at everything; with `user`, at his shell too."""
    checks, report, here = look(user)
    sessions, check = _sessions()
    return Status([*checks, check, lost(report, here)], sessions, report)


def look(user: str = "") -> tuple[list[Check], dict[str, Any], HostSettings]:
    """What costs little, and wakes no session that sleeps: the checks, the responder's own report, the settings."""
    checks = [*_services()]
    report: dict[str, Any] = {}
    try:
        begun = time.monotonic()
        report = ask(RUN / "responder.socket", {"ask": "status"})
        checks.append(Check("responder", OK, f"answers in {(time.monotonic() - begun) * 1000:.0f} ms"))
    except AskError as error:
        checks.append(Check("responder", CRITICAL, str(error), f"systemctl restart {RESPONDER}"))
    if report:
        problem = self_check.problem(thorough=False)
        if problem:
            checks.append(Check("login", CRITICAL, problem, INSTALL))
        else:
            checks.append(Check("login", OK, "a login shell is answered"))
    here, unreadable = settings()
    checks += [
        _installed(),
        *unreadable,
        *status_login.checks(user),
        *loader_environment.checks(loader_environment.look_here()),
    ]
    if report:
        checks += status_report.checks(report)
    checks.append(status_audit.check(report))
    checks.append(_key(report))
    return checks, report, here


def _services() -> Iterator[Check]:
    for unit in (RESPONDER, RECORDER, AUDIT):
        shown = _systemctl_show(unit)
        state, enabled = shown.get("ActiveState", "unknown"), shown.get("UnitFileState", "")
        name = unit.removesuffix(".service")
        if state != "active":
            # Without the last of them sessions are recorded, only not what is audited.
            level = WARNING if unit == AUDIT else CRITICAL
            yield Check(
                "service", level, f"{name} is {state}: see `journalctl -u {name}`", f"systemctl restart {name}"
            )
        elif enabled != "enabled":
            text = f"{name} runs, but is not started at boot: systemctl enable {name}"
            yield Check("service", WARNING, text, f"systemctl enable {name}")
        else:
            restarts = shown.get("NRestarts", "0")
            often = f", restarted {restarts} times after it had ended" if restarts != "0" else ""
            yield Check("service", OK, f"{name} runs{often}")


def _systemctl_show(unit: str) -> dict[str, str]:
    done = subprocess.run(
        ["systemctl", "show", "-p", "ActiveState,UnitFileState,NRestarts", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def _installed() -> Check:
    layout = Layout()
    differing = differs_from_manifest(layout)
    if differing is None:
        if layout.packaged:
            return Check("files", WARNING, f"packages have placed them, and nothing is turned on: {INSTALL}", INSTALL)
        return Check(
            "files", WARNING, "not placed by `sessrec host install`, so nobody can say whether they are ours", INSTALL
        )
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        mend = f"apt-get install --reinstall {COMMON_PACKAGE} {HOST_PACKAGE}" if layout.packaged else INSTALL
        return Check("files", WARNING, f"{differing[0]}{more} changed since it was placed: {mend}", mend)
    return Check("files", OK, "as they were placed")


def settings() -> tuple[HostSettings, list[Check]]:
    """Those of this host, or the defaults with what is wrong."""
    try:
        return host_settings.load(str(CONFIG)), []
    except ConfigError as error:
        text = f"{error}; the services would not start again"
        return HostSettings(), [Check("settings", WARNING, text, f"vi {CONFIG}")]


def _key(report: dict[str, Any]) -> Check:
    try:
        key = signing_key.load(Path(KEY))
    except SessrecError as error:
        return Check("key", CRITICAL, str(error), _NEW_KEY)
    if not (report.get("directory") or {}).get("used"):
        return Check("key", OK, key.key_id)
    since = (report.get("key") or {}).get("since")
    if since is None:
        text = f"{key.key_id} is not in FreeIPA, so auditors cannot verify what it signs"
        return Check("key", WARNING, text, f"systemctl restart {RESPONDER}")
    return Check(
        "key", OK, f"{key.key_id}, in FreeIPA since {time.strftime('%Y-%m-%d %H:%M', time.localtime(since))}"
    )


def _sessions() -> tuple[list[LiveSession], Check]:
    try:
        sessions = live_sessions()
    except SessrecError as error:
        return [], Check("sessions", WARNING, str(error), f"ls -l {RUN}/sessions")
    silent = [one.session.rec for one in sessions if one.state == SILENT]
    if silent:
        text, mend = f"the recorder of {silent[0]} does not answer", f"sessrec host terminate {silent[0]}"
        return sessions, Check("sessions", WARNING, text, mend)
    return sessions, Check("sessions", OK, f"{len(sessions)} recorded now")


def lost(report: dict[str, Any], settings: HostSettings) -> Check:
    """Messages that recorders or journald dropped, and audit events that the kernel did."""
    texts = (_lost_messages(settings), _lost_by_journald(settings), _lost_events(report), status_audit.lost())
    found = [text for text in texts if text]
    if not found:
        return Check("lost", OK, "nothing since yesterday")
    return Check("lost", WARNING, "; ".join(found), f"journalctl --since=-1d -u {RECORDER} -u {AUDIT}")


def _lost_messages(settings: HostSettings) -> str:
    found = _journal(settings, "SESSREC_TYPE=event", "_SYSTEMD_UNIT=" + RECORDER, "--grep", _LOST)
    return f"{found} recordings note a loss: sessrec search" if found else ""


def _lost_by_journald(settings: HostSettings) -> str:
    # SD_MESSAGE_JOURNAL_DROPPED of sd-messages.h.
    found = _journal(settings, "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e", "--grep", RECORDER)
    return f"journald dropped messages of the recorder, {found} times" if found else ""


def _lost_events(report: dict[str, Any]) -> str:
    count = (report.get("audit") or {}).get("lost") or 0
    return f"{count} audit events since boot" if count else ""


def _journal(settings: HostSettings, *matches: str) -> int:
    """How many entries there are, in the system's journal and in the namespace that recordings go to."""
    command = ["journalctl", "-q", "--no-pager", "-o", "cat", "--output-fields=MESSAGE", f"--since=-{LOST_WITHIN}s"]
    if settings.journal_namespace:
        command.append(f"--namespace=+{settings.journal_namespace}")
    done = subprocess.run([*command, *matches], capture_output=True, check=False)
    return len(done.stdout.splitlines())
