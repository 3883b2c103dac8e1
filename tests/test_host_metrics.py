"""What a host tells Prometheus: what was recorded, lost and refused, and no more than it knows; promtool reads it."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, strategies
from prometheus_client.parser import text_string_to_metric_families

import sessrec
from host import metrics, metrics_traffic
from host.metrics_sessions import Sessions, is_asleep, sessions
from host.metrics_traffic import Traffic, traffic
from host.status_check import Check
from recorder.capture.session import VERSION
from recorder.configuration.host_settings import HostSettings
from recorder.logins import tally
from sssd_responder.sessions import session_control
from tests.journald import running_journald
from tests.logins import Login, made
from tests.peers import needs

REPORT = {
    "directory": {"used": True, "policies": 3, "age": 2.5},
    "local": {"policies": 1},
    "unreadable": ["policy x: unknown audit"],
    "audit": {"rules": 4, "users": {"1001": {}}},
}
FOUND = metrics.Found(
    checks=[Check("service", "ok", ""), Check("service", "critical", ""), Check("audit", "warning", "")],
    sessions=Sessions(Counter(terminal=2, command=1, bytes=0), silent=1, waiting=4096),
    tally={"recorded": 7, "failed": 1, "refused": 2, "unrecorded": 3},
    traffic=Traffic(Counter(io=10, event=5), 12_345, Counter(exit=4), 99, 2, 1),
    report=REPORT,
    audit={"waiting": 6, "lost": 8},
)


def samples(found):
    """Values by name and labels, as Prometheus sees them."""
    families = text_string_to_metric_families(metrics.text(found).decode())
    return {
        (sample.name.removeprefix("session_recording_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_numbers_are_those_that_were_found():
    told = samples(FOUND)
    assert told.pop(("collected_timestamp_seconds",)) > 1_700_000_000
    assert told == {
        ("info", VERSION): 1,
        ("check", "service"): 2,
        ("check", "audit"): 1,
        ("sessions", "terminal"): 2,
        ("sessions", "command"): 1,
        ("sessions", "bytes"): 0,
        ("sessions_silent",): 1,
        ("waiting_bytes",): 4096,
        ("sessions_begun_total",): 7,
        ("sessions_failed_total",): 1,
        ("logins_refused_total",): 2,
        ("logins_unrecorded_total",): 3,
        ("messages_total", "io"): 10,
        ("messages_total", "event"): 5,
        ("message_bytes_total",): 12_345,
        ("sessions_ended_total", "exit"): 4,
        ("lost_bytes_total",): 99,
        ("lost_messages_total",): 2,
        ("lost_events_total",): 1,
        ("policies", "freeipa"): 3,
        ("policies", "local"): 1,
        ("policies", "unreadable"): 1,
        ("policies_age_seconds",): 2.5,
        ("audit_rules",): 4,
        ("audit_users",): 1,
        ("audit_waiting_events",): 6,
        ("audit_lost_total",): 8,
    }


def test_what_is_not_known_is_not_told():
    bare = metrics.Found([], Sessions(), dict.fromkeys(tally.COUNTED, 0), None)
    names = {name for name, *_ in samples(bare)}
    assert not names & {"lost_bytes_total", "messages_total", "policies", "policies_age_seconds", "audit_rules"}


@needs("promtool")
def test_promtool_finds_nothing_wrong():
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics.text(FOUND), capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_sessions_are_counted_and_those_that_sleep_are_left_asleep():
    with made(more="idle = 0.5\nlatency = 0.1\nsign_interval = 0.2") as host:
        host.start()
        login = Login(host)
        login.until("$ ")
        assert sessions(host.sessions).kinds == Counter(terminal=1, command=0, bytes=0)
        [live] = host.live()
        session = session_control.read(host.sessions, live["rec"])
        host.until(lambda: is_asleep(session), "the session sleeps")
        assert sessions(host.sessions).kinds["terminal"] == 1
        assert is_asleep(session)
        login.send("exit\n")
        assert login.finish() == 0
        host.ended()
        assert sessions(host.sessions).kinds["terminal"] == 0


def test_what_waits_for_a_sink_that_fails_is_counted():
    with made('sink = "syslog"\nsyslog_path = "{run}"\nspool = "1M"', policies=FULL) as host:
        path = host.base / "log"
        host.config.write_text(host.config.read_text().replace("{run}", str(path)))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(path))
            path.chmod(0o666)
            host.start()
            login = Login(host)
            login.until("$ ")
            assert sessions(host.sessions).waiting == 0
            path.unlink()
        login.run("head -c 200000 /dev/zero | tr '\\0' x")
        host.until(lambda: sessions(host.sessions).waiting > 100_000, "it waits")


FULL = """
[[policy]]
name = "all"
action = "record"
users = ["recorded"]
audit = ["none"]
on_failure = "allow"
"""


def test_messages_of_files_are_counted_once_from_the_first_look_on(tmp_path):
    recordings, state = tmp_path / "recordings", tmp_path / "state"
    recordings.mkdir()
    state.mkdir()
    settings = HostSettings({"sink": "file", "directory": str(recordings)})
    (recordings / "before.jsonl").write_bytes(line("io"))
    assert traffic(settings, state).messages.total() == 0
    with (recordings / "before.jsonl").open("ab") as file:
        file.write(line("io") + line("session-end", reason="hangup") + b'{"half')
    (recordings / "new.jsonl").write_bytes(line("lost", lost_bytes=70, lost_messages=2) + line("lost", lost_events=5))
    for _ in range(2):
        found = traffic(settings, state)
        assert found.messages == Counter(io=1, event=3)
        assert (found.lost_bytes, found.lost_messages, found.lost_events) == (70, 2, 5)
        assert (found.ended["hangup"], found.ended.total()) == (1, 1)
    size = sum(path.stat().st_size for path in recordings.iterdir())
    assert found.message_bytes == size - len(b'{"half') - 4 - len(line("io"))
    with (recordings / "before.jsonl").open("ab") as file:
        file.write(b'-written"}\n')
    assert traffic(settings, state).messages == Counter(io=2, event=3)
    assert (state / metrics_traffic.NAME).stat().st_mode & 0o777 == 0o600


def test_real_recordings_are_counted_to_the_byte():
    with made() as host:
        settings = HostSettings({"sink": "file", "directory": str(host.recordings)})
        traffic(settings, host.state)
        host.start()
        assert Login(host, "-c", "echo hello").finish() == 0
        host.ended()
        found = traffic(settings, host.state)
        lines = host.recording().read_bytes().splitlines()
        assert found.message_bytes == sum(map(len, lines))
        assert found.messages.total() == len(lines)
        assert found.ended["exit"] == 1


def test_messages_of_the_journal_are_counted_once_from_the_first_look_on(tmp_path):
    with running_journald() as journald:
        settings = HostSettings({"journal_namespace": journald.namespace})

        def send(*lines):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.connect(str(journald.runtime / "socket"))
                for each in lines:
                    kind = b"event" if b'"event":{' in each else b"io"
                    sender.send(b"SYSLOG_IDENTIFIER=sessrec\nSESSREC_TYPE=%s\nMESSAGE=%s" % (kind, each))
            journald.entries()

        send(line("io"))
        assert traffic(settings, tmp_path, units=()).messages.total() == 0
        send(line("io"), line("lost", lost_bytes=7), line("io", text="\u009b"))
        for _ in range(2):
            found = traffic(settings, tmp_path, units=())
            assert (found.messages, found.lost_bytes) == (Counter(io=2, event=1), 7)
        send(line("session-end", reason="exit"))
        assert traffic(settings, tmp_path, units=()).ended["exit"] == 1
        # Nobody else's unit counts.
        send(line("io"))
        assert traffic(settings, tmp_path).messages == Counter(io=2, event=2)


def test_a_sink_that_cannot_be_read_here_is_not_counted(tmp_path):
    assert traffic(HostSettings({"sink": "syslog"}), tmp_path) is None


@given(strategies.binary())
def test_prop_no_line_stops_the_counting(data):
    counted = Traffic()
    counted.take(data)
    counted.take(b'{"event":{' + data)
    assert counted.messages.total() == 2


@pytest.mark.parametrize("stored", ["", "[]", '{"messages": 3}', '{"messages": {"io": "x"}}', '{"lost_bytes": null}'])
def test_numbers_that_cannot_be_read_begin_anew(tmp_path, stored):
    (tmp_path / metrics_traffic.NAME).write_text(stored)
    settings = HostSettings({"sink": "file", "directory": str(tmp_path)})
    assert traffic(settings, tmp_path) == Traffic(source=f"file:{tmp_path}", place={})


def test_a_text_file_is_replaced_at_once_and_can_be_read_by_others(tmp_path):
    path = tmp_path / "session-recording.prom"
    path.write_text("before")
    metrics.write(path, b"after")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"after", 0o644)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_directory_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(metrics.MetricsError, match="cannot be written: No such file or directory; name another"):
        metrics.write(tmp_path / "none/session-recording.prom", b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_root_is_told_so_in_one_line():
    code = """
import os, sys, host.commands.metrics, host.status_check, sessrec
os.setuid(65534)
sys.exit(sessrec.main(["host", "metrics"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "sessrec: must be run as root\n")


def test_without_prometheus_library_the_line_says_which_package(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    for name in ("host.metrics", "host.metrics_found"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert sessrec.main(["host", "metrics"]) == 3
    assert "apt-get install python3-prometheus-client" in capsys.readouterr().err


def line(kind, text="hello", **ours):
    """A message of this type, "io" or an action."""
    message = {"rec": "r", "out_txt": text}
    if kind != "io":
        message |= {"event": {"action": kind}, "sessrec": ours}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
