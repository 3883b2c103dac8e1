"""`sessrec rules`, and what `sessrec ingest` says of rules, as a person runs them."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from tests.recorded import SESSREC, record
from tests.recordings import HERE, environment, objects, sessrec, write_recording

DRAFT = """[[rule]]
name = "deploy"
description = "Somebody deployed by hand"
severity = "medium"
when = [{ command = '^deploy\\b' }]
match = [{ command = "deploy shop" }]
no_match = [{ command = "man deploy" }]
"""


@pytest.fixture
def rules(tmp_path):
    """A directory of rules with one file."""
    directory = tmp_path / "rules.d"
    directory.mkdir()
    (directory / "own.toml").write_text(DRAFT)
    return directory


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "logs" / "x.jsonl"
    texts = ["$ ", "deploy shop\r\ndone\r\n$ ", "sudo -i\r\n# ", "history -c\r\n# ", "exit\r\n"]
    write_recording(path, texts, rec="7f3c01")
    return path


def test_rules_that_are_right_are_said_to_be(tmp_path, rules):
    done = sessrec(tmp_path, "rules", "check", rules / "own.toml")
    assert (done.returncode, done.stdout) == (0, "1 rules, 2 examples: nothing is wrong\n")


def test_every_mistake_is_one_line_with_file_line_and_rule(tmp_path, rules):
    draft = rules / "own.toml"
    draft.write_text(DRAFT.replace("medium", "mild").replace("^deploy", "(deploy"))
    done = sessrec(tmp_path, "rules", "check", draft, tmp_path / "missing.toml")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f'sessrec: {draft}:4: rule "deploy": severity: "mild" is no severity; write one of')
    assert lines[1].startswith(f'sessrec: {draft}:5: rule "deploy": when 1: command: ')
    assert lines[2] == f"sessrec: {tmp_path}/missing.toml: cannot be read: No such file or directory"
    assert len(lines) == 3


def test_an_example_that_does_not_hold_is_a_mistake(tmp_path, rules):
    (rules / "own.toml").write_text(DRAFT.replace("^deploy", "deploy"))
    done = sessrec(tmp_path, "rules", "check", rules / "own.toml")
    assert done.returncode == 1
    assert 'no_match: must not match, but does: command "man deploy"; correct the rule, or the example' in done.stderr


def test_the_shipped_rules_are_listed(tmp_path):
    listed = {rule["name"]: rule for rule in objects(sessrec(tmp_path, "rules", "list", "--json"))}
    assert listed["history-tampering"]["severity"] == 73
    assert len(listed) > 8


def test_a_rule_is_tried_on_a_file_and_on_recordings_of_the_store(tmp_path, rules, recording):
    store = tmp_path / "s.sqlite"
    sessrec(tmp_path, "ingest", "-q", "--no-rules", "--store", store, recording)
    for where in ([recording], ["7f3c"], []):
        done = sessrec(tmp_path, "rules", "test", "--store", store, rules / "own.toml", *where)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[1:] == ["  0:00:02.000  deploy  command  deploy shop"]
    found = objects(sessrec(tmp_path, "rules", "test", "--store", store, "--json", "root-shell", "7f3c"))
    assert [(each["rule"], each["at_ms"], each["matched"]) for each in found] == [("root-shell", 3000, "sudo -i")]
    assert (
        objects(sessrec(tmp_path, "show", "--json", "--store", store, "7f3c"))[0]["events"][-1]["action"] != "alert"
    )


def test_what_programs_get_is_what_the_documentation_says(tmp_path, recording):
    (found,) = objects(sessrec(tmp_path, "rules", "test", "--json", "root-shell", recording))
    section = (HERE / "docs" / "integrator.md").read_text().partition("### sessrec rules test --json")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    assert list(found) == re.findall(r"^\| `(\w+)`", table, re.MULTILINE)


def test_a_rule_that_nothing_fits_to_says_so(tmp_path, recording):
    done = sessrec(tmp_path, "rules", "test", "logs-deleted", recording)
    assert (done.returncode, done.stdout) == (1, "no alerts\n")


def test_a_rule_that_is_not_there_is_one_line(tmp_path, recording):
    done = sessrec(tmp_path, "rules", "test", "root-shel", recording)
    assert done.returncode == 1
    assert done.stderr == "sessrec: there is no rule 'root-shel': `sessrec rules list` shows those that there are\n"


def test_ingest_tells_of_alerts_and_show_and_search_have_them(tmp_path, rules, recording):
    store = tmp_path / "s.sqlite"
    done = sessrec(tmp_path, "ingest", "--store", store, "--rules", rules, recording)
    assert done.stdout == "1 recordings, 7 new messages, 3 alerts (see `sessrec search alert`)\n"
    (shown,) = objects(sessrec(tmp_path, "show", "--json", "--store", store, "7f3c"))
    alerts = [event for event in shown["events"] if event["action"] == "alert"]
    assert [event["detail"]["rule"]["name"] for event in alerts] == ["deploy", "root-shell", "history-tampering"]
    hits = objects(sessrec(tmp_path, "search", "--json", "--store", store, "alert deploy"))
    assert [hit["at_ms"] for hit in hits] == [2000]
    again = sessrec(tmp_path, "ingest", "--store", store, "--rules", rules, recording)
    assert "alerts" not in again.stdout + again.stderr


def test_a_rule_of_the_same_name_replaces_a_shipped_one(tmp_path, rules, recording):
    (rules / "off.toml").write_text('[[rule]]\nname = "root-shell"\nenabled = false\n')
    done = sessrec(tmp_path, "ingest", "--store", tmp_path / "s.sqlite", "--rules", rules, recording)
    assert "2 alerts" in done.stdout


def test_an_ingest_with_a_wrong_rule_says_which_and_takes_nothing_in(tmp_path, rules, recording):
    (rules / "own.toml").write_text(DRAFT.replace("when", "whn"))
    done = sessrec(tmp_path, "ingest", "--store", tmp_path / "s.sqlite", "--rules", rules, recording)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sessrec: {rules}/own.toml:")
    assert "more: `sessrec rules check` shows all" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sessrec(tmp_path, "list", "--store", tmp_path / "s.sqlite").stdout == "no recordings\n"


def test_rules_that_others_may_write_are_not_followed(tmp_path, rules, recording):
    """They say what is run."""
    (rules / "own.toml").chmod(0o666)
    done = sessrec(tmp_path, "ingest", "--store", tmp_path / "s.sqlite", "--rules", rules, recording)
    assert done.returncode == 1
    assert "others than its owner or root may write it; chown root and chmod 0644 it" in done.stderr
    if os.geteuid() == 0:
        (rules / "own.toml").chmod(0o644)
        os.chown(rules / "own.toml", 65534, 65534)
        assert (
            sessrec(tmp_path, "ingest", "--store", tmp_path / "s.sqlite", "--rules", rules, recording).returncode == 1
        )


def test_a_command_of_a_rule_runs_while_ingest_goes_on(tmp_path, rules):
    out = tmp_path / "out"
    program = tmp_path / "page"
    program.write_text(f"#!/bin/sh\ncat > {out}\n")
    program.chmod(0o755)
    (rules / "own.toml").write_text(DRAFT + f'actions = {{ run = ["{program}"] }}\n')
    path = tmp_path / "logs" / "now.jsonl"
    write_recording(path, ["$ ", "deploy shop\r\n$ "], rec="now", began=time.time() - 5)
    done = sessrec(tmp_path, "ingest", "--store", tmp_path / "s.sqlite", "--rules", rules, path)
    assert done.returncode == 0
    assert json.loads(out.read_text())["rule"] == "deploy"


def test_a_running_session_raises_an_alert_within_seconds(tmp_path, rules):
    """As it is recorded, followed, and acted on: three processes and a shell."""
    out = tmp_path / "out"
    program = tmp_path / "page"
    program.write_text(f"#!/bin/sh\ncat > {out}.new && mv {out}.new {out}\n")
    program.chmod(0o755)
    (rules / "own.toml").write_text(DRAFT + f'actions = {{ run = ["{program}"] }}\n')
    session = record(tmp_path, "bash", "--norc", "--noprofile", PS1="$ ")
    session.until(b"$ ")
    follow = [
        *SESSREC,
        "ingest",
        "-q",
        "-f",
        "--store",
        tmp_path / "s.sqlite",
        "--rules",
        rules,
        tmp_path / "rec.jsonl",
    ]
    with subprocess.Popen(follow, cwd=HERE, env=environment(tmp_path), stderr=subprocess.DEVNULL) as following:
        try:
            time.sleep(1)
            session.send(b"deploy shop\r")
            entered = time.monotonic()
            while not out.exists():
                assert time.monotonic() - entered < 20, "no alert"
                time.sleep(0.02)
            assert time.monotonic() - entered < 5
        finally:
            session.send(b"\rexit\r")
            session.finish()
            following.send_signal(signal.SIGINT)
    assert json.loads(out.read_text())["matched"] == "deploy shop"
