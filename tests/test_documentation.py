"""The documentation is true: its commands run and print what it shows, its links lead somewhere, and the settings,
verbs, fields and tests that it names are those that exist.

`python -m tests.test_documentation` prints the tables of settings for docs/administrator.md.
"""

import json
import re
import subprocess
import sys

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
from tests.pages import (
    DOCS,
    ROOT,
    blocks,
    commands,
    example,
    follow,
    page,
    prepare,
    prose,
    table_rows,
    understood,
)
from tests.peers import needs

ROLES = ("administrator", "auditor", "recorded-user", "integrator")
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("benchmarks/*.md")})


@pytest.mark.parametrize("name", ROLES)
def test_the_commands_of_a_page_do_what_it_shows(name, tmp_path):
    """`...` stands for any lines, `…` for any text within one. A status that is not 0 is shown by `echo $?`."""
    environment = prepare(tmp_path, name)
    steps = commands(page(name))
    assert any(command.startswith("sessrec ") for command, _ in steps)
    follow(steps, tmp_path, environment)


@pytest.mark.parametrize("name", ROLES)
def test_commands_for_root_are_understood(name):
    """Those behind `# ` need a machine of their own; their options are checked all the same."""
    understood(page(name))


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
