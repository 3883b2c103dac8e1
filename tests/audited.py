"""Recordings with events of audit for tests: what a session did beside what it printed, as docs/format.md has it."""

import json

from recorder.formats.message import Input, Output
from tests.sealing import messages


def event(at, action, *, outcome="success", **fields):
    """An event message's own fields; `at` is when it happened, in ms. `ours` are more fields of `sessrec`."""
    ours = {"at": at, **fields.pop("ours", {})}
    return {"event": {"action": action, "outcome": outcome, "sequence": at}, "sessrec": ours, **fields}


def executed(at, pid, parent, *args, path=None, outcome="success", **ours):
    """Process `pid` became a program."""
    path = path or (args[0] if args[0].startswith("/") else f"/usr/bin/{args[0]}")
    process = {"pid": pid, "parent": {"pid": parent}, "executable": path, "name": path.rpartition("/")[2]}
    process |= {"args": list(args), "args_count": len(args), "working_directory": "/home/alice"}
    return event(at, "exec", outcome=outcome, process=process, ours=ours)


def exited(at, pid, code):
    """Process `pid` ended."""
    return event(at, "exit", process={"pid": pid, "exit_code": code})


def touched(at, action, path, *, pid=1, by="/usr/bin/touch", outcome="success", **ours):
    """A file was created, written, deleted, ..."""
    return event(at, action, outcome=outcome, file={"path": path}, process={"pid": pid, "executable": by}, ours=ours)


def connected(at, address, port, *, pid=1, by="/usr/bin/curl", outcome="success", **ours):
    """A process connected to an address."""
    process = {"pid": pid, "executable": by}
    destination = {"ip": address, "port": port}
    return event(at, "connect", outcome=outcome, destination=destination, process=process, ours=ours)


def audited(*content, **header):
    """The messages of a whole recording with these events and packets among each other, in order of time.

    As a worker writes them: an event comes some ms after it happened.
    """
    printed = [item for item in content if isinstance(item, Output | Input)]
    told = [item for item in content if not isinstance(item, Output | Input)]
    built = messages(printed, **header)
    began = built[0]["time"]
    plain = {name: built[0][name] for name in ("ver", "host", "rec", "user", "term", "session")}
    texts = {"timing": "", "in_txt": "", "in_bin": [], "out_txt": "", "out_bin": []}
    for fields in told:
        pos = fields["sessrec"]["at"] + 3 if isinstance(fields.get("sessrec", {}).get("at"), int) else 0
        built.append({**plain, "pos": pos, "time": round(began + pos / 1000, 3), **texts, **fields})
    start, *others = built
    end = next(each for each in others if each.get("event", {}).get("action") == "session-end")
    others.remove(end)
    others.sort(key=lambda each: each["pos"])
    end["pos"] = max(each["pos"] for each in (*others, end))
    end["event"]["duration"] = end["pos"] * 1_000_000
    return [{**each, "id": number} for number, each in enumerate([start, *others, end], 1)]


def a_session(**header):
    """A script that downloads, renames and reads what it may not; sudo; a program that is not there."""
    return audited(
        executed(10, 100, 1, "-bash", path="/usr/bin/bash"),
        Output(500, b"$ ./get.sh\r\n"),
        executed(
            510, 200, 100, "/bin/sh", "./get.sh", path="/usr/bin/dash", script="/home/alice/get.sh",
            interpreter="/bin/sh",
        ),
        executed(
            520, 201, 200, "curl", "-o", "data", "https://files.example.test/data?id=7",
            urls=["https://files.example.test/data?id=7"], hosts=["files.example.test"],
        ),
        connected(530, "192.0.2.7", 443, pid=201),
        touched(560, "file-create", "/home/alice/data", pid=201, by="/usr/bin/curl"),
        exited(600, 201, 0),
        executed(610, 202, 200, "mv", "data", "old data"),
        touched(612, "file-rename", "/home/alice/old data", pid=202, by="/usr/bin/mv", old_path="/home/alice/data"),
        executed(620, 203, 200, "cat", "/etc/shadow"),
        touched(
            622, "file-read", "/etc/shadow", pid=203, by="/usr/bin/cat", outcome="failure", error="EACCES"
        ),
        exited(630, 203, 1),
        Output(640, b"cat: /etc/shadow: Permission denied\r\n"),
        exited(650, 200, 1),
        executed(2000, 300, 100, "sudo", "id"),
        event(
            2010, "privilege",
            process={"pid": 300, "executable": "/usr/bin/sudo", "user": {"id": "0", "name": "root"}},
            ours={"syscall": "setuid"},
        ),
        executed(2020, 300, 100, "id"),
        executed(2500, 301, 100, "nonesuch", path="/home/alice/nonesuch", outcome="failure", error="ENOENT"),
        Output(3000, b"PING db1.example.test (192.0.2.9) 56(84) bytes of data.\r\n"),
        **header,
    )  # fmt: skip


def write(path, built):
    """Messages as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in built))
    return path
