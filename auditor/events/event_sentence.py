"""One line of printable text about an event, for lists, for the player, and to be searched.

Whatever types, lengths and characters stand in an event, there is such a line.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from shlex import quote
from typing import Any

from auditor.events.event_fields import (
    HEADER,
    MAX_ITEMS,
    MAX_TEXT,
    failed,
    number,
    object_in,
    shortened,
    string,
    strings,
)
from auditor.output.printable import printable


def sentence(action: str, fields: Mapping[str, Any]) -> str:
    """One printable line about an event, of a message or of its detail."""
    describe = _SENTENCES.get(action, _unknown)
    text = describe(action, fields)
    notes = [note for note in _notes(action, fields) if note]
    if notes:
        text += f" ({', '.join(notes)})"
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    return printable(text)


def command_line(fields: Mapping[str, Any]) -> str:
    """Program and arguments of a process as one would type them; not made printable."""
    process = object_in(fields, "process")
    program = string(process.get("executable")) or string(object_in(fields, "file").get("path"))
    arguments = process.get("args")
    if not isinstance(arguments, list) or not arguments:
        return program or string(process.get("name")) or "?"
    shown = [_quoted(argument) for argument in islice(arguments, MAX_ITEMS)]
    if program:
        # By its whole path; how else it was called is a note.
        shown[0] = _quoted(program)
    return " ".join(shown)


def _exec(_action: str, fields: Mapping[str, Any]) -> str:
    return command_line(fields)


def _exit(_action: str, fields: Mapping[str, Any]) -> str:
    process = object_in(fields, "process")
    code, number_of = number(process.get("exit_code")), number(process.get("pid"))
    program = string(process.get("executable"))
    text = f"process {'?' if number_of is None else number_of} ended" + (f": {program}" if program else "")
    return text + (f", status {code}" if code is not None else "")


def _file(action: str, fields: Mapping[str, Any]) -> str:
    file = object_in(fields, "file")
    path = string(file.get("path")) or "?"
    verb = action.removeprefix("file-").replace("attributes", "change attributes of")
    if action == "file-rename":
        old = string(object_in(fields, "sessrec").get("old_path"))
        path = f"{old} to {path}" if old else path
    target = string(file.get("target_path"))
    named = [f"{name} {string(file[name])}" for name in ("mode", "owner", "group", "uid", "gid") if name in file]
    changed = f": {', '.join(named)}" if named and action == "file-attributes" else ""
    return f"{verb} {path}" + (f" -> {target}" if target else "") + changed + _by(fields)


def _network(action: str, fields: Mapping[str, Any]) -> str:
    name, word = ("source", "from") if action == "accept" else ("destination", "to")
    peer = object_in(fields, name) or object_in(fields, "source" if name == "destination" else "destination")
    # Other names that were seen beside the address are notes.
    return f"{action} {word} {_endpoint(peer)}{_by(fields)}"


def _privilege(action: str, fields: Mapping[str, Any]) -> str:
    process, ours = object_in(fields, "process"), object_in(fields, "sessrec")
    user, call = _user(process.get("user")), string(ours.get("syscall"))
    text = f"{action} {user}" if user else action
    command = string(ours.get("command"))
    if command:
        # What sudo was given, by that user.
        return f"{text} runs {command}{_by(fields)}"
    return text + (f" by {call}" if call else "") + (f": {command_line(fields)}" if process else "")


def _account(action: str, fields: Mapping[str, Any]) -> str:
    source = object_in(fields, "source")
    where = string(source.get("ip")) or string(source.get("address"))
    user = _user(object_in(fields, "process").get("user"))
    return action + (f" {user}" if user else "") + (f" from {where}" if where else "") + _by(fields)


def _firewall(action: str, fields: Mapping[str, Any]) -> str:
    text = action
    for name, word in (("source", "from"), ("destination", "to")):
        peer = object_in(fields, name)
        text += f" {word} {_endpoint(peer)}" if peer else ""
    transport = string(object_in(fields, "network").get("transport"))
    return text + (f" {transport}" if transport else "") + _by(fields)


def _lost(action: str, fields: Mapping[str, Any]) -> str:
    ours = object_in(fields, "sessrec")
    counts = [
        f"{count} {name.removeprefix('lost_')}"
        for name in ("lost_bytes", "lost_messages", "lost_events")
        if (count := number(ours.get(name))) is not None
    ]
    reason = string(ours.get("reason"))
    return action + (f" {', '.join(counts)}" if counts else "") + (f": {reason}" if reason else "") + _by(fields)


def _control(action: str, fields: Mapping[str, Any]) -> str:
    control = object_in(object_in(fields, "sessrec"), "control")
    by = string(control.get("by"))
    return f"{action} {string(control.get('action')) or '?'}" + (f" by {by}" if by else "")


def _alert(action: str, fields: Mapping[str, Any]) -> str:
    rule, matched = object_in(fields, "rule"), string(object_in(fields, "sessrec").get("matched"))
    described = string(rule.get("description"))
    text = f"{action} {string(rule.get('name')) or '?'}"
    return text + (f": {described}" if described else "") + (f": {matched}" if matched else "")


def _start(action: str, fields: Mapping[str, Any]) -> str:
    # Not by the path of the program, which is a shell: as it was called.
    arguments = object_in(fields, "process").get("args")
    called = " ".join(map(_quoted, islice(arguments, MAX_ITEMS))) if isinstance(arguments, list) else ""
    source = string(object_in(fields, "source").get("address"))
    policies = ", ".join(strings(fields, "policies"))
    return (
        f"{action} {called or command_line(fields)}"
        + (f", from {source}" if source else "")
        + (f", by policy {policies}" if policies else "")
    )


def _end(action: str, fields: Mapping[str, Any]) -> str:
    ours = object_in(fields, "sessrec")
    code = number(object_in(fields, "process").get("exit_code"))
    reason, by = string(ours.get("reason")), string(ours.get("by"))
    text = action + (f" {reason}" if reason else "") + (f" by {by}" if by else "")
    return text + (f", status {code}" if code is not None else "")


def _resize(action: str, fields: Mapping[str, Any]) -> str:
    tty = object_in(object_in(fields, "process"), "tty")
    columns, rows = number(tty.get("columns")), number(tty.get("rows"))
    return f"{action} to {columns}x{rows}" if columns is not None and rows is not None else action


def _unknown(action: str, fields: Mapping[str, Any]) -> str:
    """An action of a later version: with what it says as it stands."""
    rest = {name: value for name, value in fields.items() if name not in HEADER}
    process = object_in(fields, "process")
    if process.get("args") or process.get("executable"):
        return f"{action}: {command_line(fields)}"
    return f"{action} {json.dumps(shortened(rest, 100, 4), ensure_ascii=False)}" if rest else action


_FILE_ACTIONS = ("file-create", "file-write", "file-delete", "file-rename", "file-attributes", "file-read")
_NETWORK_ACTIONS = ("connect", "accept", "bind")
_PLAIN = frozenset({"session-start", "session-end", "resize", "control", "checkpoint", "lost", "alert"})
"""Actions of which all is said already."""

_SENTENCES: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "exec": _exec,
    "exit": _exit,
    **dict.fromkeys(_FILE_ACTIONS, _file),
    **dict.fromkeys(_NETWORK_ACTIONS, _network),
    "privilege": _privilege,
    "login": _account,
    "logout": _account,
    "firewall": _firewall,
    "lost": _lost,
    "control": _control,
    "alert": _alert,
    "session-start": _start,
    "session-end": _end,
    "resize": _resize,
}


def _notes(action: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """What is not said for every event."""
    if action in _PLAIN:
        return
    process, ours = object_in(fields, "process"), object_in(fields, "sessrec")
    arguments, program = process.get("args"), string(process.get("executable"))
    if action == "exec":
        called = string(arguments[0]) if isinstance(arguments, list) and arguments else ""
        usual = (program, program.rpartition("/")[2], ours.get("interpreter"))
        if program and called and called not in usual:
            yield f"called {_quoted(called)}"
        script = string(ours.get("script"))
        if script and not (isinstance(arguments, list) and script in islice(arguments, 10)):
            yield f"script {script}"
    if process.get("real_user") and action != "privilege":
        yield f"as {_user(process.get('user'))}"
    if action in _NETWORK_ACTIONS:
        yield from strings(fields, "hosts")[:5]
    if failed(fields):
        error = string(ours.get("error"))
        yield f"failed: {error}" if error else "failed"
    repeated = number(ours.get("repeated"))
    if repeated is not None and repeated > 1:
        yield f"{repeated} times"
    if ours.get("truncated") is True:
        yield "arguments cut"


def _by(fields: Mapping[str, Any]) -> str:
    process = object_in(fields, "process")
    program = string(process.get("executable")) or string(process.get("name"))
    return f" by {program}" if program else ""


def _endpoint(peer: Mapping[str, Any]) -> str:
    address, domain, port = string(peer.get("ip")), string(peer.get("domain")), number(peer.get("port"))
    if not address:
        address, domain = domain or string(peer.get("address")) or "?", ""
    shown = f"[{address}]:{port}" if ":" in address and port is not None else address
    shown += f":{port}" if ":" not in address and port is not None else ""
    return shown + (f" {domain}" if domain else "")


def _user(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    return string(value.get("name")) or string(value.get("id"))


def _quoted(value: object) -> str:
    text = string(value)
    # A quoted newline would be the end of a line.
    return quote(text) if text or isinstance(value, str) else "?"
