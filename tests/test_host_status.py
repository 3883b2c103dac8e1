"""What `sessrec host status` makes of the responder's report, of files, and of sessions and their recorders."""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest

from host import proof_login, proof_sink, status, status_audit, status_report
from host.ask import AskError, ask
from host.commands import sessions as sessions_command
from host.config_example import config_example
from host.live_sessions import SILENT, LiveSessionError, find, live_sessions
from host.proof_error import ProofError
from host.proof_login import log_in
from recorder.configuration import config
from recorder.configuration.host_settings import HOST_TABLE, HostSettings
from tests.journald import running_journald

WELL = {
    "host": "client.lab.test",
    "directory": {"used": True, "server": "ldap://ipa.lab.test", "age": 2.4, "policies": 3, "error": ""},
    "local": {"file": "/etc/session-recording/policies.toml", "policies": 0, "error": ""},
    "unreadable": [],
    "identity": {"error": ""},
    "audit": {"trouble": "", "rules": 2, "users": {"1001": {}}, "unwatched": {}, "hiding": [], "lost": 0},
}


def checks(**changed):
    return [(check.name, check.level, check.text) for check in status_report.checks({**WELL, **changed})]


def worst(**changed):
    (found,) = [(name, level, text) for name, level, text in checks(**changed) if level != "ok"]
    return found


def test_a_host_that_is_well_says_so():
    assert checks() == [
        ("policies", "ok", "3 of FreeIPA's, as ldap://ipa.lab.test had them 2 seconds ago"),
        ("audit", "ok", "2 rules for 1 users"),
    ]


@pytest.fixture
def audit_service(tmp_path, monkeypatch):
    """A function that has something answer in the place of the audit service."""
    threads = []
    monkeypatch.setattr(status_audit, "RUN", tmp_path)

    def answers(**said):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind(str(tmp_path / "audit.socket"))
        listening.listen()

        def serve():
            connection, _ = listening.accept()
            with connection, listening:
                assert json.loads(connection.recv(1000)) == {"ask": "status"}
                connection.send(json.dumps(said).encode())

        threads.append(threading.Thread(target=serve))
        threads[-1].start()

    yield answers
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("said", "report", "level", "text"),
    [
        ({"source": "auditd", "recordings": 2}, WELL, "ok", "recorded by auditd's plugin, of 2 sessions now"),
        (
            {"source": "netlink", "background": 1},
            WELL,
            "ok",
            "recorded from the kernel, of 0 sessions now and 1 logins",
        ),
        (
            {"source": "", "problem": "this kernel has no audit"},
            WELL,
            "warning",
            "not recorded: this kernel has no audit",
        ),
        (
            {"source": "", "problem": "it has none"},
            {**WELL, "audit": {"users": {}}},
            "ok",
            "not recorded: it has none",
        ),
    ],
)
def test_where_audit_events_come_from_is_said_and_a_problem_only_where_somebody_is_audited(
    audit_service, said, report, level, text
):
    audit_service(**said)
    check = status_audit.check(report)
    assert (check.name, check.level) == ("events", level)
    assert text in check.text


def test_an_audit_service_that_is_not_there_is_a_warning(audit_service):
    check = status_audit.check(WELL)
    assert check.level == "warning"
    assert "nobody is at" in check.text
    assert status_audit.lost() == ""


def test_audit_records_that_were_lost_are_counted(audit_service):
    audit_service(lost=7)
    assert status_audit.lost() == "7 audit records since the audit service started"


def test_policies_that_were_never_read_are_critical():
    name, level, text = worst(directory={"used": True, "age": None, "error": "no server answers"})
    assert (name, level) == ("policies", "critical")
    assert "no server answers" in text


def test_policies_that_cannot_be_read_anew_are_a_warning_with_their_age():
    name, level, text = worst(directory={**WELL["directory"], "age": 7300.0, "error": "no server answers"})
    assert (name, level) == ("policies", "warning")
    assert text.endswith("2 hours ago; since then: no server answers")


def test_a_host_without_any_policy_is_a_warning():
    assert worst(directory={"used": False})[2].endswith("nobody is recorded")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"local": {"policies": 1, "error": "line 3: unknown"}}, "line 3: unknown"),
        ({"unreadable": ["policy x: unknown audit"]}, "policy x: unknown audit"),
        ({"identity": {"error": "SSSD is away"}}, "SSSD is away"),
        ({"audit": {"trouble": "-a task,never is set"}}, "-a task,never is set"),
        ({"audit": {**WELL["audit"], "unwatched": {"/srv": "no such directory"}}}, "/srv"),
        ({"audit": None}, "no audit rules"),
        ({"sessions": {"problem": "FreeIPA refuses"}}, "FreeIPA refuses"),
    ],
)
def test_what_the_responder_complains_of_is_a_warning(part, said):
    found = worst(**part)
    assert found[1] == "warning"
    assert said in found[2]


def test_locked_rules_are_a_warning_before_anybody_logs_in_whom_they_would_be_for():
    audit = {**WELL["audit"], "enabled": 2, "users": {}, "rules": 0}
    name, level, text = worst(audit=audit)
    assert (name, level) == ("audit", "warning")
    assert "`-e 2`" in text
    nobody = {"directory": {**WELL["directory"], "policies": 0}}
    assert ("audit", "ok", "0 rules for 0 users") in checks(audit=audit, **nobody)
    assert ("audit", "ok", "0 rules for 0 users") in checks(audit={**audit, "enabled": 1})


def test_what_was_lost_is_looked_for_where_recordings_go():
    with running_journald() as journald:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(journald.runtime / "socket"))
            sender.send(
                b"MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\n"
                b"MESSAGE=Suppressed 7 messages from session-recorder.service\n"
            )
        journald.entries()
        found = status.lost({}, HostSettings({"journal_namespace": journald.namespace}))
        assert (found.level, found.text) == ("warning", "journald dropped messages of the recorder, 1 times")
        assert status.lost({}, HostSettings()).level == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_root_is_told_in_one_line_and_monitoring_that_nobody_knows():
    # Imported before, since a checkout may be where only root can read.
    code = """
import importlib, os, pkgutil, sys, host, host.commands.status, sessrec
for module in pkgutil.iter_modules(host.__path__, "host."):
    importlib.import_module(module.name)
os.setuid(65534)
sys.exit(sessrec.main(["host", "status"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "sessrec: must be run as root\n")


def test_every_setting_of_the_example_can_be_written_as_it_stands_there():
    lines = config_example().splitlines()
    plain = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in lines]
    given = tomllib.loads("\n".join(plain))["host"]
    assert list(given) == [setting.name for setting in HOST_TABLE.values() if setting.in_file]
    assert config.parse(config_example().encode(), "example", config.HOST_SECTION, HOST_TABLE) == {}
    for name, value in given.items():
        if HOST_TABLE[name].default_text():
            assert config.parse(
                f"[host]\n{name} = {json.dumps(value)}\n".encode(), "example", config.HOST_SECTION, HOST_TABLE
            ) == {name: HOST_TABLE[name].default}


class Recorder:
    """The side of a session that its worker is, with a real socket."""

    def __init__(self, directory, rec, state="running", started=1000.0):
        description = {
            "rec": rec, "user": "alice", "terminal": "pts/3", "from": "192.0.2.7", "started": started,
            "command": ["vi", "a b"], "policies": ["contractors"],
        }  # fmt: skip
        (directory / f"{rec}.json").write_text(json.dumps(description))
        self.state, self.asked = state, []
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(str(directory / f"{rec}.socket"))
        self.listening.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listening.accept()[0]
            except OSError:
                return
            with connection:
                self.asked.append(json.loads(connection.recv(65536)))
                connection.send(json.dumps({"state": self.state}).encode())


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "s"
    made.mkdir()
    return made


def test_sessions_are_listed_the_oldest_first_with_their_states(directory):
    Recorder(directory, "younger", "suspended", started=2000.0)
    older = Recorder(directory, "older", started=1000.0)
    found = [(one.session.rec, one.session.user, one.state) for one in live_sessions(directory)]
    assert found == [("older", "alice", "running"), ("younger", "alice", "suspended")]
    assert older.asked[0]["ask"] == "describe"
    assert os.uname().nodename in older.asked[0]["by"]


def test_json_calls_everything_as_the_description_of_a_session_does(directory, monkeypatch, capsys):
    Recorder(directory, "one", "suspended")
    monkeypatch.setattr(live_sessions, "__defaults__", (directory,))
    assert sessions_command.run(argparse.Namespace(json=True)) == 0
    said = json.loads(capsys.readouterr().out)
    description = json.loads((directory / "one.json").read_text())
    assert {name: said[name] for name in description} == description
    assert set(said) - set(description) == {"state", "uid", "auid", "session", "pty", "leader", "worker", "kind"}
    assert said["state"] == "suspended"


def test_a_session_that_has_just_ended_is_not_listed(directory):
    (directory / "gone.json").write_text(json.dumps({"rec": "gone", "user": "alice"}))
    assert live_sessions(directory) == []


def test_a_recorder_that_hangs_is_silent(directory):
    (directory / "hung.json").write_text(json.dumps({"rec": "hung", "user": "alice"}))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(directory / "hung.socket"))
        listening.listen()
        assert [one.state for one in live_sessions(directory)] == [SILENT]


def test_no_sessions_where_there_is_no_directory(directory):
    assert live_sessions(directory / "none") == []


def test_a_session_is_found_by_the_beginning_of_its_id(directory):
    for rec in ("abc1", "abd2", "abd"):
        (directory / f"{rec}.json").write_text("{}")
    assert find("abc", directory) == "abc1"
    assert find("abd", directory) == "abd"
    with pytest.raises(LiveSessionError, match="3 sessions begin with 'ab'"):
        find("ab", directory)
    with pytest.raises(LiveSessionError, match=r"no session 'x'.*sessrec host sessions"):
        find("x", directory)


def test_a_service_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(AskError, match=r"nobody is at .*No such file"):
        ask(tmp_path / "none.socket", {"ask": "status"})


def test_a_service_that_hangs_is_waited_for_no_longer_than_said(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "hung"))
        listening.listen()
        begun = time.monotonic()
        with pytest.raises(AskError, match=r"does not answer within 0.2 s"):
            ask(tmp_path / "hung", {"ask": "status"}, timeout=0.2)
        assert time.monotonic() - begun < 2


def test_a_proof_looks_at_the_session_while_it_lasts():
    seen = []

    def look(terminal):
        seen.append((terminal, Path(f"/dev/{terminal}").exists()))

    log_in("-i", "0123456789abcdef", look, ("sh",))
    assert seen[0][1]


def test_a_proof_is_not_satisfied_by_the_echo_of_what_it_types(monkeypatch):
    monkeypatch.setattr(proof_login, "WITHIN", 2.0)
    with pytest.raises(ProofError, match="does not come to a prompt; it says"):
        log_in("-", "0123456789abcdef", lambda terminal: None, ("cat",))


def test_a_login_that_is_refused_is_shown_with_what_it_says(monkeypatch, tmp_path):
    program = tmp_path / "refuse"
    program.write_text("#!/bin/sh\necho this host is closed; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ProofError, match="this host is closed"):
        log_in("alice", "0123456789abcdef", lambda terminal: None, ("refuse",))


def test_a_recording_in_a_file_is_found_by_its_id(tmp_path):
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026/abc123.jsonl").write_text('{"a":1}\n{"b":2}\n')
    place, lines = proof_sink.reader(HostSettings({"sink": "file", "directory": str(tmp_path)}))
    assert place == str(tmp_path)
    assert lines("abc123") == [b'{"a":1}', b'{"b":2}']
    assert lines("other") == []


def test_a_sink_that_cannot_be_read_here_is_named():
    with pytest.raises(ProofError, match="go to syslog"):
        proof_sink.reader(HostSettings({"sink": "syslog"}))


def test_only_the_verb_that_was_typed_is_imported():
    code = (
        "import sys, sessrec\n"
        "try: sessrec.main(['host', 'sessions', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('host.commands.')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    assert done.stderr == "['host.commands.sessions']\n"
    assert "usage: sessrec host sessions" in done.stdout
