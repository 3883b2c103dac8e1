"""What the responder reports of itself, and what monitoring is to make of it."""

import shlex
from collections.abc import Iterator
from typing import Any

from host.install_layout import POLICIES, RESPONDER, STATE
from host.status_check import CRITICAL, OK, WARNING, Check
from sssd_responder.audit.rule_control import LOCKED

_ASK_FREEIPA = "kinit -k && ipa ping"
"""As the host itself, what the responder tries."""


def checks(report: dict[str, Any]) -> list[Check]:
    """Policies, users, audit rules, and whatever other part says that it has a problem."""
    return [*_policies(report), _audit(report), *_reports(report)]


def _policies(report: dict[str, Any]) -> Iterator[Check]:
    directory, local = report.get("directory") or {}, report.get("local") or {}
    if directory.get("used"):
        yield _directory(directory)
    elif not local.get("policies"):
        text = "neither FreeIPA nor the local file has any: nobody is recorded"
        yield Check("policies", WARNING, text, f"vi {POLICIES}")
    if local.get("error"):
        yield Check("policies", WARNING, f"local: {local['error']}", f"vi {POLICIES}")
    elif local.get("policies"):
        yield Check("policies", OK, f"{local['policies']} local, in {local.get('file')}")
    for problem in report.get("unreadable") or []:
        yield Check("policies", WARNING, str(problem), "ipa recordingpolicy-find --all")
    if error := (report.get("identity") or {}).get("error"):
        yield Check("users", WARNING, str(error), "systemctl restart sssd")
    if error := (report.get("last_known") or {}).get("error"):
        yield Check("policies", WARNING, f"not kept on disk: {error}", f"df {STATE}")


def _directory(directory: dict[str, Any]) -> Check:
    age, error = directory.get("age"), directory.get("error")
    if age is None:
        text = f"never read from FreeIPA: {error or 'the first look has not ended'}"
        return Check("policies", CRITICAL, text, _ASK_FREEIPA)
    text = f"{directory.get('policies')} of FreeIPA's, as {directory.get('server')} had them {in_words(age)} ago"
    if error:
        return Check("policies", WARNING, f"{text}; since then: {error}", _ASK_FREEIPA)
    return Check("policies", OK, text)


def _audit(report: dict[str, Any]) -> Check:
    audit = report.get("audit")
    if audit is None:
        return Check("audit", WARNING, "the responder sets no audit rules", f"systemctl restart {RESPONDER}")
    if audit.get("trouble"):
        return Check("audit", WARNING, str(audit["trouble"]), "auditctl -s; auditctl -l")
    if audit.get("enabled") == LOCKED and _any_policy(report):
        text = "locked until the machine boots: no rules can be set for who logs in"
        text = f"{text}; take `-e 2` out of /etc/audit/rules.d"
        return Check("audit", WARNING, text, "sed -i '/^-e 2/d' /etc/audit/rules.d/*.rules && augenrules && reboot")
    for path, problem in (audit.get("unwatched") or {}).items():
        return Check("audit", WARNING, f"{path} is not watched: {problem}", f"ls -ld {shlex.quote(str(path))}")
    if hiding := audit.get("hiding"):
        return Check("audit", WARNING, f"a rule of somebody else's may hide events: {hiding[0]}", "auditctl -l")
    return Check("audit", OK, f"{audit.get('rules', 0)} rules for {len(audit.get('users') or {})} users")


def _any_policy(report: dict[str, Any]) -> bool:
    return any((report.get(name) or {}).get("policies") for name in ("directory", "local"))


def _reports(report: dict[str, Any]) -> Iterator[Check]:
    """What further parts of the responder say of themselves, where they have a problem."""
    for name, said in report.items():
        if isinstance(said, dict) and said.get("problem"):
            yield Check(name, WARNING, str(said["problem"]), f"journalctl --since=-1h -u {RESPONDER}")


def in_words(seconds: float) -> str:
    """A duration as a person says it."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
