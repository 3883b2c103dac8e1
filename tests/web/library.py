"""The sessions that the browser tests look at: those of a small company, recorded by the recorder where a program's
screen matters, and made up where time or damage does."""

import json
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from demo import scripted
from recorder.formats.message import Output
from recorder.keys.signing_key import SigningKey, write
from tests.audited import connected, executed, exited, touched
from tests.recorded import SESSREC, environment
from tests.recordings import ingested
from tests.sealing import messages, sealed, sealed_recording

HOUR, DAY = 3600, 86_400

ALICE = "a11ce00000000000000000000000aaaa-1-1"
BOB = "b0b0000000000000000000000000bbbb-2-2"
CAROL = "ca401000000000000000000000000ccc-3-3"
DAVE = "da7e0000000000000000000000000ddd-4-4"
ERIN = "e4140000000000000000000000000eee-5-5"
FRANK = "f4a0000000000000000000000000ffff-6-6"

LONG = 8 * HOUR
"""Seconds of frank's session."""


@dataclass
class Library:
    """The store, and who has what. `own` is the recording as the recorder left it, of whoever runs this."""

    home: Path
    store: Path
    own: str


def furnish(home, store):
    """Record, write and take in all of it. `home`: of the person who recorded `own`."""
    home.mkdir(parents=True, exist_ok=True)
    variables = environment(home, TERM="xterm-256color")
    del variables["HOME"]  # the script furnishes one
    # Older than all that it has signed.
    key = SigningKey(secrets.token_bytes(32), time.time() - 30 * DAY)
    write(home / "data" / "session-recording" / "key.pem", key.file_text(), 0o600, replace=False)
    scripted.drive([*SESSREC, "rec", "--input", "--", "bash"], variables, home / "work", lambda step: None)
    (file,) = (home / "data" / "session-recording" / "recordings").rglob("*.jsonl")
    own = [json.loads(line) for line in file.read_bytes().splitlines()]
    ingested(store, file)
    now = time.time()
    for name, lines in {
        "alice": alice(own, key, now - 2 * HOUR),
        "bob": sealed_recording(
            ["db1$ ", "psql orders\r\n", "orders=# ", "select count(*) from customers;\r\n", " 4711\r\n", "\\q\r\n"],
            key, rec=BOB, user="bob", host="db1.example.test", began=now - DAY - HOUR,
        ),
        "carol": sealed_recording(
            ["$ tail -f /var/log/messages\r\n", *(f"line {number}\r\n" for number in range(8))],
            key, rec=CAROL, user="carol", host="web2.example.test", began=now - 10 * DAY,
        )[:-3],
        "dave": dave(key, now - 2 * DAY),
        "erin": [
            json.dumps(each).encode() + b"\n"
            for each in messages(
                ["$ uname -a\r\n", "Linux web1\r\n"],
                rec=ERIN, user="erin", host="web1.example.test", began=now - 3 * DAY,
            )
        ],
        "frank": frank(key, now - 4 * DAY),
    }.items():  # fmt: skip
        path = home / "arrived" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(lines))
        ingested(store, path)
    return Library(home, store.path, own[0]["rec"])


def alice(own, key, began):
    """The recorder's own session as one of alice on web1, with what the kernel would have told of it."""

    def when(text):
        """The ms at which a text is on the terminal."""
        seen = ""
        for each in own:
            seen += each["out_txt"]
            if text in seen:
                return each["pos"]
        raise AssertionError(f"the session does not print {text}")

    deploy, count, end = when("web1: ") + 50, when(" /etc/passwd"), own[-1]["pos"]
    told = [
        executed(5, 100, 1, "bash"),
        executed(deploy - 40, 200, 100, "sh", "deploy", path="/usr/bin/sh"),
        connected(deploy - 20, "192.0.2.7", 443, pid=200, by="/usr/bin/sh"),
        executed(deploy + 10, 201, 200, "sleep", "2"),
        touched(deploy + 500, "file-create", "/srv/deploy/web3.lock", pid=200, by="/usr/bin/sh"),
        exited(deploy + 2010, 201, 0),
        executed(
            count + 10, 202, 100, "curl", "https://files.example.test/nodes.txt",
            urls=["https://files.example.test/nodes.txt"], hosts=["files.example.test"],
        ),
        executed(count + 30, 203, 100, "wc", "-l", "/etc/passwd"),
        exited(count + 60, 203, 0),
        touched(end - 300, "file-write", "/home/alice/notes.txt", pid=100, by="/usr/bin/bash"),
        executed(end - 200, 204, 100, "cat", "/etc/shadow", outcome="failure"),
    ]  # fmt: skip
    texts = {"timing": "", "in_txt": "", "in_bin": [], "out_txt": "", "out_bin": []}
    start, *between, last = own
    place = 0
    for fields in told:
        # A message begins when the one before it is over, so what the kernel tells may come late.
        at = fields["sessrec"]["at"] + 3
        while place < len(between) and between[place]["pos"] <= at:
            place += 1
        earlier = between[place - 1] if place else start
        between.insert(place, {**texts, **fields, "pos": max(at, ended(earlier))})
        place += 1
    same = {name: start[name] for name in ("ver", "term", "session")}
    same |= {"rec": ALICE, "user": "alice", "host": "web1.example.test"}
    made = [
        {**each, **same, "id": number, "time": round(began + each["pos"] / 1000, 3)}
        for number, each in enumerate([start, *between, last], 1)
    ]
    made[0]["sessrec"] = {**start["sessrec"], "key": key.key_id}
    return sealed(made, key)


def ended(message):
    """The ms at which the last of a message happened."""
    return message["pos"] + sum(map(int, re.findall(r"\+(\d+)", message["timing"])))


def dave(key, began):
    """Somebody has changed what it says."""
    lines = sealed_recording(
        ["$ cat payroll\r\n", "dave 1000\r\n", "erin 1000\r\n", "$ exit\r\n"],
        key, rec=DAVE, user="dave", host="db1.example.test", began=began,
    )  # fmt: skip
    return [line.replace(b"dave 1000", b"dave 9000") for line in lines]


def frank(key, began):
    """A working day: something is printed every ten seconds, but for an hour of lunch. At noon it says so."""
    packets = []
    for second in range(10, LONG, 10):
        if not 4.5 * HOUR < second < 5.5 * HOUR:
            text = f"\x1b[32mstep {second}\x1b[0m of the build\r\n"
            if second == LONG // 2:
                text = "half of the day is over\r\n"
            packets.append(Output(second * 1000, text.encode()))
    return sealed_recording(
        packets, key, sign_every=500, rec=FRANK, user="frank", host="build1.example.test", began=began
    )
