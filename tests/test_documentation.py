"""The documentation is true: its commands run and print what it shows, its links lead somewhere, and the settings,
verbs, fields and tests that it names are those that exist.

`python -m tests.test_documentation` prints the tables of settings for docs/administrator.md.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import sessrec
from auditor.recordings.store import Store
from auditor.verify import Verdict, verify
from host.live_sessions import LiveSession
from ipa_plugin.policy import Action
from recorder.capture.masking import DEFAULT_PROMPT
from recorder.configuration import config
from recorder.configuration.host_settings import HOST_TABLE
from recorder.configuration.setting_kinds import (
    Choice,
    File,
    Flag,
    Number,
    Pattern,
    Programs,
    Seconds,
    Size,
    size_text,
)
from recorder.configuration.settings import TABLE
from recorder.formats.message import Input, Output, Resize, parse
from recorder.keys.signing_key import load_public
from sssd_responder.decisions import local_policies
from sssd_responder.sessions.session_control import Session
from tests.audited import audited, connected, event, executed, touched
from tests.peers import needs
from tests.sealing import key_of, sealed

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ROLES = ("administrator", "auditor", "recorded-user", "integrator")
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("benchmarks/*.md")})

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


@pytest.mark.parametrize("name", ROLES)
def test_the_commands_of_a_page_do_what_it_shows(name, tmp_path):
    """`...` stands for any lines, `…` for any text within one. A status that is not 0 is shown by `echo $?`."""
    environment = prepare(tmp_path, name)
    steps = commands(page(name))
    assert any(command.startswith("sessrec ") for command, _ in steps)
    follow(steps, tmp_path, environment)


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


@pytest.mark.parametrize("name", ROLES)
def test_commands_for_root_are_understood(name):
    """Those behind `# ` need a machine of their own; their options are checked all the same."""
    for block in blocks(page(name), "console", "text"):
        for line in re.findall(r"^# sessrec (.*)$", block.text, re.MULTILINE):
            verb, *arguments = line.split()
            sessrec.parser(verb, sessrec.load(verb)).parse_args(arguments)


def test_python_in_the_pages_runs(tmp_path):
    environment = prepare(tmp_path, "integrator")
    examples = blocks(page("integrator"), "python")
    assert examples
    for block in examples:
        done = subprocess.run(
            [sys.executable, "-c", block.text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), block.text


def anchors(text):
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text()), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_test_that_a_page_names_exists(path):
    sources = [file.read_text() for tests in ("tests", "integration") for file in (ROOT / tests).rglob("*.py")]
    for name in re.findall(r"`(test_\w+)`", path.read_text()):
        assert any(f"def {name}(" in source for source in sources), name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_file_that_a_page_names_exists(path):
    for name in re.findall(
        r"`((?:recorder|sssd_responder|host|auditor|tests|benchmarks|docs|bin)/[\w./]+)`", path.read_text()
    ):
        assert (ROOT / name).exists() or (path.parent / name).exists(), name


def test_every_verb_is_described():
    pages = "".join(page(name) for name in ROLES)
    for verb in sessrec.VERBS:
        assert f"sessrec {verb}" in pages


def settings_table(table):
    """One row for each setting, from the definition of the settings."""
    return [
        f"| `{setting.name}` | {_default(setting)} | {_values(setting)} | {setting.help} |"
        for setting in table.values()
        if setting.in_file
    ]


def _default(setting):
    if isinstance(setting, Pattern):
        return "see [below](#masked-input)"
    text = setting.default_text()
    return f"`{text}`" if text else ""


def _values(setting):
    if isinstance(setting, Choice):
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    if isinstance(setting, Seconds):
        return f"{setting.low:g} to {setting.high:g} s"
    if isinstance(setting, Size):
        return f"{size_text(setting.low)} to {size_text(setting.high)} bytes"
    if isinstance(setting, Flag):
        return "`true`, `false`"
    if isinstance(setting, Number):
        return f"{setting.low} to {setting.high}"
    if isinstance(setting, Programs):
        return "absolute paths by user"
    return "absolute path" if isinstance(setting, File) else setting.metavar.lower()


@pytest.mark.parametrize(("heading", "table"), [("## Settings", TABLE), ("### Settings of a host", HOST_TABLE)])
def test_every_setting_is_in_the_table(heading, table):
    shown = [
        f"| {' | '.join(cells)} |".replace("|  |", "|  |") for cells in table_rows(page("administrator"), heading)
    ]
    assert shown == settings_table(table)


def test_examples_of_the_configuration_file_are_valid():
    read = set()
    for block in blocks(page("administrator"), "toml"):
        data = block.text.encode()
        for section, table in ((config.SECTION, TABLE), (config.HOST_SECTION, HOST_TABLE)):
            if f"[{section}]" in block.text:
                assert config.parse(data, "example", section, table)
                read.add(section)
        if "[[policy]]" in block.text:
            policies = local_policies.parse(data, "example").policies
            assert [policy.action for policy in policies] == [Action.RECORD, Action.EXEMPT]
            read.add("policies")
    assert read == {"rec", "host", "policies"}


def test_every_key_of_local_policies_is_described():
    rows = table_rows(page("administrator"), "### Local policies")
    described = {key for cells in rows for key in re.findall(r"`(\w+)(?: = true)?`", cells[0] + cells[2])}
    assert set(local_policies.KEYS) <= described


def test_the_pattern_for_prompts_is_shown_as_it_is():
    (block,) = blocks(page("administrator"), "regex")
    assert block.text.replace("\n", "") == DEFAULT_PROMPT


@needs("rsyslogd")
def test_the_configuration_of_rsyslog_is_valid(tmp_path):
    (block,) = blocks(page("administrator"), "rsyslog")
    text = block.text.replace("/var/log/", f"{tmp_path}/").replace("/run/session-recording/", f"{tmp_path}/")
    (tmp_path / "rsyslog.conf").write_text(f'module(load="imuxsock" SysSock.Use="off")\n{text}')
    subprocess.run(["rsyslogd", "-N1", "-f", str(tmp_path / "rsyslog.conf")], check=True, capture_output=True)


def test_the_example_of_the_format_is_a_recording_as_described(tmp_path):
    lines, key = example()
    messages = [parse(line) for line in lines]
    packets = [packet for message in messages for packet in message.packets]
    printed = b"".join(packet.data for packet in packets if isinstance(packet, Output))
    assert b"caf\xc3\xa9 \xff\r\n" in printed
    assert b"".join(packet.data for packet in packets if isinstance(packet, Input)).endswith(b"echo\r*\rexit 3\r")
    assert [packet[1:] for packet in packets if isinstance(packet, Resize)][-1] == (100, 30)
    assert [(message.event or {}).get("action") for message in messages] == [
        "session-start", None, None, "resize", None, None, "session-end"
    ]  # fmt: skip
    (tmp_path / "key.pub").write_text(key)
    found = verify(lines, [load_public(tmp_path / "key.pub")])
    assert found.verdict is Verdict.COMPLETE


def test_every_field_of_a_message_is_described():
    text = page("format")
    recorded = [*example()[0], *(ROOT / "tests/golden/recording.jsonl").read_bytes().splitlines()]
    for line in recorded:
        for name, value in json.loads(line).items():
            assert f"`{name}`" in text
            for field in value if isinstance(value, dict) else ():
                assert f"`{name}.{field}" in text, f"{name}.{field}"


JSON_OUTPUTS = {
    "sessrec list --json": ["list", "--json"],
    "sessrec show --json": ["show", "--json", "8cddd"],
    "sessrec search --json": ["search", "--json", "café"],
    "sessrec verify --json": ["verify", "--json", "8cddd"],
    "sessrec list --quarantined --json": ["list", "--quarantined", "--json"],
    "sessrec key show --json": ["key", "show", "--json"],
}


@pytest.mark.parametrize("heading", JSON_OUTPUTS)
def test_the_fields_of_json_are_those_that_are_described(heading, tmp_path):
    environment = prepare(tmp_path, "integrator")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "sessrec", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        ).stdout

    run("key", "create")
    (tmp_path / "broken.jsonl").write_text("{\n")
    run("ingest", str(tmp_path / "broken.jsonl"))
    printed = json.loads(run(*JSON_OUTPUTS[heading]).splitlines()[0])
    described = [name.strip("`") for name, *_ in table_rows(page("integrator"), f"### {heading}")]
    if heading == "sessrec show --json":
        described = [
            name.strip("`") for name, *_ in table_rows(page("integrator"), "### sessrec list --json")
        ] + described
    assert described == list(printed)


def test_the_fields_of_a_live_session_are_described():
    """Of what `sessrec host sessions --json` prints, which needs a session."""
    described = [name.strip("`") for name, *_ in table_rows(page("integrator"), "### sessrec host sessions --json")]
    assert described == list(LiveSession(Session("rec", "user"), "running").described())


def test_the_methods_of_a_store_are_described():
    methods = {name for name, value in vars(Store).items() if callable(value) and not name.startswith("_")}
    described = {name.strip("`").partition("(")[0] for name, *_ in table_rows(page("integrator"), "## The store")}
    assert described == methods


if __name__ == "__main__":
    print("\n".join([*settings_table(TABLE), "", *settings_table(HOST_TABLE)]))
