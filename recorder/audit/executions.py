"""Programs that were run: the arguments, and which script was run by which interpreter."""

import re
from typing import Any

from recorder.audit import arguments
from recorder.audit.assembly import Group
from recorder.audit.paths import absolute, basename
from recorder.audit.record import CWD, EXECVE, PATH, PROCTITLE
from recorder.audit.values import number, text, title

MAX_ARGUMENTS = 16_384
"""Characters of all arguments of one program that an event has. Its message is far below what a reader refuses."""

_LOADER = re.compile(r"/ld(-[^/]*)?\.so(\.\d+)?$|/ld-[^/]*\.so[.\d]*$")


def execution(group: Group, process: dict[str, Any], sessrec: dict[str, Any]) -> dict[str, Any]:
    """What an exec adds to its event; `process` and `sessrec` are filled in."""
    cwd, names = _files(group)
    process["working_directory"] = cwd
    if "error" in sessrec:
        # The arguments are told of those that succeed only, and the executable is still the caller's.
        if names:
            process["executable"] = absolute(names[0], cwd)
            process["name"] = basename(names[0])
        return {}
    args, count, whole = _arguments(group)
    process["args"] = args
    process["args_count"] = count
    if not whole:
        sessrec["truncated"] = True
    if len(names) > 1 and len(args) > 1:
        script = _interpreted(names, args)
        if script:
            sessrec["script"] = absolute(names[0], cwd)
            sessrec["interpreter"] = script
    return arguments.named(process.get("name", ""), args, sessrec)


def _files(group: Group) -> tuple[str, list[str]]:
    """The working directory, and the names of the files that were opened, the program's first."""
    cwd = ""
    names = []
    for record in group.records:
        if record.type == PATH:
            names.append((number(record.value("item")), text(record.value("name"))))
        elif record.type == CWD:
            cwd = text(record.value("cwd"))
    names.sort()
    return cwd, [name for _, name in names]


def _interpreted(names: list[str], args: list[str]) -> str:
    """The interpreter, "" where the program is none that needs one.

    For a `#!` script the kernel puts the interpreter and one argument of it before the script's name; the files that
    it opened are the script, its interpreter, and the interpreter's loader. An interpreter may be a script itself.
    """
    if args[0] not in names[1:] or _LOADER.search(args[0]):
        return ""
    depth = names.index(args[0], 1)
    return args[0] if names[0] in args[1 : 1 + 2 * depth] else ""


def _arguments(group: Group) -> tuple[list[str], int, bool]:
    """The arguments, how many the program was given, and whether these are all, whole."""
    fields: dict[str, str] = {}
    for record in group.records:
        if record.type == EXECVE:
            fields.update(record.fields)
    if not fields:
        for record in group.records:
            if record.type == PROCTITLE:
                args = title(record.fields.get("proctitle", ""))
                return args, len(args), False
        return [], 0, False
    count = number(fields.get("argc", ""))
    args = []
    size = 0
    whole = group.whole
    for index in range(count):
        value = fields.get(f"a{index}")
        argument = _split(fields, index) if value is None else text(value)
        if argument is None:
            whole = False
            break
        size += len(argument) + 1
        if size > MAX_ARGUMENTS:
            args.append(argument[: max(0, len(argument) + MAX_ARGUMENTS - size)] + "…")
            whole = False
            break
        args.append(argument)
    return args, count, whole


def _split(fields: dict[str, str], index: int) -> str | None:
    """An argument of several records: `a1_len=9000 a1[0]=...`, `a1[1]=...`; None for one that is missing.

    Each part may be in hexadecimal or not, and a character may have been cut apart.
    """
    parts: list[bytes] = []
    size = 0
    while (value := fields.get(f"a{index}[{len(parts)}]")) is not None and size <= 8 * MAX_ARGUMENTS:
        parts.append(_raw(value))
        size += len(value)
    return b"".join(parts).decode(errors="backslashreplace") if parts else None


def _raw(value: str) -> bytes:
    try:
        return value[1:-1].encode() if value[:1] == '"' else bytes.fromhex(value)
    except ValueError:
        return value.encode()
