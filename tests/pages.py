"""Pages of the documentation as tests read them: their blocks and tables, and their commands, which are run."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import sessrec
from recorder.formats.message import Output, parse
from tests.audited import audited, connected, event, executed, touched
from tests.sealing import key_of, sealed

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

BOB = "5f21c0a94e7d83b6a1f2"
BOB_KEY = key_of("bob", created=1_795_000_000.0)


class Block(NamedTuple):
    """A fenced block of a page: what stands behind its fence, and its text."""

    info: str
    text: str


def page(name):
    return (DOCS / f"{name}.md").read_text()


def blocks(text, *languages):
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(info, body) for info, body in found if info in languages]


def prose(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def table_rows(text, heading):
    """The cells of the first table below a heading."""
    section = text.partition(f"{heading}\n")[2]
    assert section, f"no heading {heading!r}"
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def example():
    """The recorded lines of docs/format.md, and the public key beside them."""
    text = page("format")
    (lines,) = blocks(text, "jsonl")
    (key,) = [block.text for block in blocks(text, "text") if "PUBLIC KEY" in block.text]
    return lines.text.encode().splitlines(keepends=True), key


def bobs_session():
    """A second recording: a command that is not allowed, and the same with sudo; on a host that audits."""
    printed = (
        (1000, "$ "),
        (3000, "make install\r\n"),
        (3200, "cp: cannot create regular file '/usr/local/bin/report': Permission denied\r\n"),
        (3300, "make: *** [Makefile:4: install] Error 1\r\n$ "),
        (9000, "sudo make install\r\n"),
        (9050, "[sudo] password for bob: "),
        (12_000, "\r\ninstall report /usr/local/bin\r\n$ "),
        (15_000, "exit\r\n"),
    )
    packets = [Output(at, text.encode()) for at, text in printed]
    began = 1_795_169_700.0  # 2026-11-20 10:15 UTC
    report = "/usr/local/bin/report"
    url = "https://builds.example.test/report.sig"
    happened = (
        executed(10, 400, 1, "-bash", path="/usr/bin/bash"),
        executed(3010, 501, 400, "make", "install"),
        executed(3100, 502, 501, "cp", "report", "/usr/local/bin"),
        touched(3110, "file-create", report, pid=502, by="/usr/bin/cp", outcome="failure", error="EACCES"),
        executed(9010, 510, 400, "sudo", "make", "install"),
        event(
            11_900,
            "privilege",
            process={"pid": 510, "executable": "/usr/bin/sudo", "user": {"id": "0", "name": "root"}},
            ours={"syscall": "setuid"},
        ),
        executed(11_910, 511, 510, "make", "install"),
        executed(11_920, 512, 511, "curl", "-sO", url, urls=[url], hosts=["builds.example.test"]),
        connected(11_930, "192.0.2.80", 443, pid=512),
        executed(11_980, 513, 511, "install", "report", "/usr/local/bin"),
        touched(11_990, "file-create", report, pid=513, by="/usr/bin/install"),
    )
    built = audited(*packets, *happened, key=BOB_KEY, rec=BOB, user="bob", host="db1.example.test", began=began)
    return sealed(built, BOB_KEY)


def prepare(home, name):
    """The home directory that the commands of a page are run in."""
    lines, key = example()
    own = home / ".local/share/session-recording"
    for directory in (own / "recordings", own / "keys", home / "logs", home / "bin"):
        directory.mkdir(parents=True)
    (home / "bin/sessrec").write_text(f'#!/bin/sh\nexec {sys.executable} -m sessrec "$@"\n')
    (home / "bin/sessrec").chmod(0o755)
    rec = parse(lines[0]).rec
    if name == "auditor":
        (home / f"logs/{rec}.jsonl").write_bytes(b"".join(lines))
        (home / f"logs/{BOB}.jsonl").write_bytes(b"".join(bobs_session()))
        (home / "alice.pub").write_text(key)
        (home / "bob.pub").write_bytes(BOB_KEY.public.file_text())
    else:
        (own / f"recordings/{rec}.jsonl").write_bytes(b"".join(lines))
        (own / "keys/c9f636e8d29c45b3.pub").write_text(key)
    return {
        "HOME": str(home),
        "PATH": f"{home / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "TZ": "UTC",
    }


def commands(text, language="console"):
    """(command, output shown below it) of a page's console blocks, in order."""
    found = []
    for block in blocks(text, language):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and not line.startswith("# "):
                found[-1][1].append(line)
    return found


def understood(text):
    """Each `# sessrec` line of a page, which root types and no test runs, is one that the command line takes."""
    for block in blocks(text, "console", "text"):
        for line in re.findall(r"^# sessrec (.*)$", block.text, re.MULTILINE):
            verb, *arguments = line.split()
            sessrec.parser(verb, sessrec.load(verb)).parse_args(arguments)


def follow(steps, directory, environment):
    """Run commands in their order, and compare what each prints with what is shown below it."""
    script = "".join(
        f"echo '@@{number}'\n(exit ${{status:-0}})\n{command}\nstatus=$?\nprintf '\\n@@status %d\\n' $status\n"
        for number, (command, _) in enumerate(steps)
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=240,
        check=False,
    )
    parts = re.split(r"^@@\d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(parts) == len(steps), done.stdout
    for number, ((command, shown), part) in enumerate(zip(steps, parts, strict=True)):
        printed, _, status = part.rpartition("\n@@status ")
        told = number + 1 < len(steps) and steps[number + 1][0] == "echo $?"
        assert told or int(status) == 0, f"{command}\n{printed}"
        if shown:
            assert re.fullmatch(as_pattern(shown), printed.replace("\r", "").rstrip("\n")), f"{command}\n{printed}"


def as_pattern(shown):
    pattern = "\n".join(".*" if line == "..." else re.escape(line).replace("…", "[^\n]*") for line in shown)
    return re.compile(pattern.rstrip("\n"), re.DOTALL)
