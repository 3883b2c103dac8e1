"""Becoming another user, logging in and out: what sudo, su, sshd and PAM tell, and the kernel of login uids."""

from typing import Any

from recorder.audit.addresses import endpoint
from recorder.audit.paths import basename
from recorder.audit.record import Record
from recorder.audit.values import number, plain, text

ACTIONS = {
    "LOGIN": "login",
    "USER_LOGIN": "login",
    "USER_START": "login",
    "USER_AUTH": "login",
    "USER_END": "logout",
    "USER_LOGOUT": "logout",
    "USER_CMD": "privilege",
}
"""What each of these records tells. LOGIN is the kernel's: a process has been given its login uid."""

PRIVILEGE_CALLS = frozenset(
    f"{name}{bits}"
    for name in (
        "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups"
    )
    for bits in ("", "32")
) | {"capset"}  # fmt: skip
"""The calls by which a process changes its users, groups and capabilities."""


def account(record: Record, sessrec: dict[str, Any]) -> tuple[str, bool, dict[str, Any]] | None:
    """(action, whether it succeeded, the fields besides `event` and `sessrec`); None for what is no event.

    Authentication that succeeds is followed by the session it is for, so only what failed is told of it.
    """
    fields = record.fields
    succeeded = fields.get("res") in ("success", "1", "yes")
    if record.type == "USER_AUTH" and succeeded:
        return None
    executable = text(fields.get("exe", ""))
    process: dict[str, Any] = {"pid": number(fields.get("pid", ""))}
    if executable:
        process["executable"] = executable
        process["name"] = basename(executable)
    if "cwd" in fields:
        process["working_directory"] = text(fields["cwd"])
    user = _user(record)
    if user:
        process["user"] = user
    found: dict[str, Any] = {"process": process}
    sessrec["record"] = record.type
    for name, value in (
        ("command", text(fields.get("cmd", ""))),
        ("terminal", plain(fields.get("terminal", fields.get("tty", "")))),
    ):
        if value:
            sessrec[name] = value
    source = endpoint(plain(fields.get("addr", ""))) or endpoint(plain(fields.get("hostname", "")))
    if source:
        found["source"] = source
    return ACTIONS[record.type], succeeded, found


def _user(record: Record) -> dict[str, str]:
    """Who logs in or out; of a command, who gives it."""
    fields = record.fields
    if record.type == "LOGIN":
        return {"id": fields.get("auid", "")}
    name = text(fields.get("acct", ""))
    uid = plain(fields.get("uid" if record.type == "USER_CMD" else "id", ""))
    return {field: value for field, value in (("id", uid), ("name", name)) if value}
