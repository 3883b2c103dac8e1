"""What there is: listing, showing and deleting recordings."""

import os
import subprocess
import sys
import time

import pytest

from auditor.query.query import Selection
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Facts
from tests.recorded import SESSREC, OnTerminal
from tests.recorded import environment as recorded_environment
from tests.recordings import (
    BEGAN,
    ingested,
    messages,
    new_store,
    objects,
    recordings_of,
    sessrec,
    texts,
    write_objects,
    write_recording,
)


@pytest.fixture
def home(tmp_path):
    """A person with three recordings."""
    for number, (user, host) in enumerate([("alice", "web1"), ("bob", "web2"), ("alan", "db1")]):
        write_recording(
            recordings_of(tmp_path) / f"rec{number}.jsonl",
            ["needle\r\n"] * (number + 1),
            rec=f"rec{number}",
            user=user,
            host=host,
            began=BEGAN + number * 86_400,
        )
    return tmp_path


def listed(home, *argv):
    return [each["rec"] for each in objects(sessrec(home, "list", "--json", *argv))]


def test_recordings_are_listed_by_their_start_the_latest_last(home):
    done = sessrec(home, "list")
    heading, *rows = [line.split() for line in done.stdout.splitlines()]
    assert heading == ["START", "USER", "HOST", "LENGTH", "STATE", "ID"]
    assert rows[0] == ["2026-11-23", "10:53:51", "alice", "web1", "0:00:01", "ended", "rec0"]
    assert [row[-1] for row in rows] == ["rec0", "rec1", "rec2"]
    assert listed(home, "--reverse") == ["rec2", "rec1", "rec0"]
    assert listed(home, "--limit", "2") == ["rec1", "rec2"]


def test_listing_is_filtered_by_user_host_and_time(home):
    assert listed(home, "--user", "al*") == ["rec0", "rec2"]
    assert listed(home, "--user", "al*", "--host", "web?") == ["rec0"]
    assert listed(home, "--user", "bob", "--user", "alan") == ["rec1", "rec2"]
    assert listed(home, "--since", "2026-11-24") == ["rec1", "rec2"]
    assert listed(home, "--since", "2026-11-24", "--until", "2026-11-25 00:00") == ["rec1"]
    done = sessrec(home, "list", "--since", "whenever")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'whenever' is not a point in time" in done.stderr


def test_json_has_the_facts(home):
    facts = objects(sessrec(home, "list", "--json", "--user", "bob"))[0]
    assert facts == {
        "rec": "rec1",
        "user": "bob",
        "host": "web2",
        "start": "2026-11-24T10:53:51.220+00:00",
        "end": "2026-11-24T10:53:53.220+00:00",
        "length_ms": 2000,
        "state": "ended",
        "messages": 4,
        "missing": 0,
        "output_bytes": 16,
        "input_bytes": 0,
        "exit_code": 0,
        "audited": 0,
        "command_lines": 0,
    }


def test_nothing_is_cut_off_in_a_pipe(tmp_path):
    rec, host = "r" * 200, "h" * 250
    write_recording(recordings_of(tmp_path) / "r.jsonl", [], rec=rec, host=host)
    assert sessrec(tmp_path, "list").stdout.splitlines()[1].split()[3::3] == [host, rec]


def test_an_empty_store_is_no_error(tmp_path):
    done = sessrec(tmp_path, "list")
    assert (done.returncode, done.stdout) == (0, "no recordings\n")


def test_states(tmp_path):
    now = time.time()
    me = os.uname().nodename
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def state(**more):
        return recording_state(
            Facts(**{"rec": "r", "host": me, "user": "u", "term": "t", "session": 1, "start": now} | more)
        )

    try:
        assert state(marked=True, pid=child.pid) is State.LIVE
        assert state(marked=True, pid=child.pid, start=now - 9999) is State.BROKEN
        assert state(marked=True, pid=child.pid, ended=True) is State.ENDED
    finally:
        child.communicate()
    assert state(marked=True, pid=child.pid, start=now - 30) is State.BROKEN
    assert state(marked=True, pid=child.pid, start=now - 30, missing=3) is State.INCOMPLETE
    assert state(marked=True, pid=1, host="elsewhere", start=now - 30) is State.LIVE
    assert state(start=now - 30) is State.LIVE
    assert state(start=now - 3000) is State.OPEN
    assert state(ended=True, missing=1) is State.INCOMPLETE


def test_a_recording_that_was_killed_is_listed_as_broken(tmp_path):
    write_objects(recordings_of(tmp_path) / "r.jsonl", messages(["needle\r\n"])[:2])
    (facts,) = objects(sessrec(tmp_path, "list", "--json"))
    assert (facts["state"], facts["messages"]) == ("broken end", 2)


def test_show_tells_all_that_is_known(home):
    shown = sessrec(home, "show", "rec1").stdout
    for line in (
        "User:        bob",
        "Host:        web2",
        "Exit status: 0 (exit)",
        "Messages:    4",
        "Output:      16 bytes",
    ):
        assert line in shown.splitlines()
    assert "session-start" in shown
    assert "session-end" in shown
    facts = objects(sessrec(home, "show", "rec1", "--json"))[0]
    assert (facts["rec"], facts["columns"], facts["rows"], facts["charset"]) == ("rec1", 80, 24, "UTF-8")
    assert [event["action"] for event in facts["events"]] == ["session-start", "session-end"]
    assert facts["events"][1]["detail"]["process"] == {"exit_code": 0}


def test_commands_are_shown_with_their_times(tmp_path):
    content = ["$ ", "l", "s", "x\b \b", " -l\r\n", "total 0\r\n$ ", "exit\r\n"]
    write_recording(recordings_of(tmp_path) / "r.jsonl", content, rec="r")
    commands = objects(sessrec(tmp_path, "show", "r", "--json"))[0]["commands"]
    assert [command["text"] for command in commands] == ["ls -l", "exit"]
    assert "0:00:0" in sessrec(tmp_path, "show", "r").stdout


def test_a_beginning_of_an_id_is_enough_where_it_is_the_only_one(home):
    write_recording(recordings_of(home) / "other.jsonl", [], rec="other")
    assert sessrec(home, "show", "o").returncode == 0
    done = sessrec(home, "show", "rec")
    assert (done.returncode, done.stdout) == (1, "")
    assert "begins more than one" in done.stderr
    assert "`sessrec list` shows what there is" in sessrec(home, "show", "nix").stderr
    assert sessrec(home, "show", "").returncode == 1


def test_a_deleted_recording_is_gone_and_does_not_come_back(home):
    file = recordings_of(home) / "rec1.jsonl"
    copy = home / "copy.jsonl"
    copy.write_bytes(file.read_bytes())
    assert sessrec(home, "search", "needle", "user:bob").returncode == 0
    done = sessrec(home, "delete", "rec1", "--yes")
    assert (done.returncode, done.stdout) == (0, "deleted rec1\n")
    assert not file.exists()
    assert listed(home) == ["rec0", "rec2"]
    assert sessrec(home, "ingest", copy).stdout == "0 recordings, 0 new messages, 4 of deleted recordings\n"
    assert listed(home) == ["rec0", "rec2"]
    assert sessrec(home, "search", "needle", "user:bob").returncode == 1


def test_a_session_that_goes_on_is_not_deleted(tmp_path):
    session = OnTerminal([*SESSREC, "rec", "--", "sh", "-c", "echo ready; read x"], tmp_path)
    session.until(b"ready")
    directory = tmp_path / "data" / "session-recording" / "recordings"
    (recording,) = directory.iterdir()
    argv = [*SESSREC, "delete", "--yes", recording.stem]
    done = subprocess.run(argv, env=recorded_environment(tmp_path), capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"is still being recorded" in done.stderr
    assert recording.exists()
    session.send(b"\r")
    assert session.finish() == 0


def test_deleting_asks_first_and_needs_all_to_be_there(home):
    done = sessrec(home, "delete", "rec1")
    assert (done.returncode, done.stderr) == (
        1,
        "sessrec: nothing was deleted: say --yes where nobody can be asked\n",
    )
    assert sessrec(home, "delete", "--yes", "rec1", "nix").returncode == 1
    assert listed(home) == ["rec0", "rec1", "rec2"]


def test_a_file_outside_of_the_recordings_directory_is_left_alone(home):
    file = home / "mine.jsonl"
    write_recording(file, ["needle\r\n"], rec="mine")
    sessrec(home, "ingest", file)
    assert sessrec(home, "delete", "--yes", "mine").returncode == 0
    assert file.exists()


def test_nothing_of_a_deleted_recording_stays_in_the_file(tmp_path):
    store = new_store(tmp_path)
    write_recording(tmp_path / "keep", ["common words\r\n"] * 9, rec="keep")
    write_recording(
        tmp_path / "r", ["common words\r\n", "the Hunter2secret password\r\n"] * 9, rec="gone", user="spyuser"
    )
    for name in ("keep", "r"):
        ingested(store, tmp_path / name)
    assert len(texts(store, "hunter2secret")) == 9
    store.delete(["gone"])
    assert texts(store, "common") == ["common words"] * 9
    assert texts(store, "unter2se") == []
    assert [facts.rec for facts in store.recordings(Selection())] == ["keep"]
    store.close()
    left = b"".join(file.read_bytes().lower() for file in store.path.parent.iterdir())
    for secret in (b"hunter2", b"spyuser", b"password"):
        assert secret not in left


def test_words_that_a_deleted_recording_shared_are_still_found(tmp_path):
    store = new_store(tmp_path)
    for rec in ("one", "two"):
        write_recording(tmp_path / rec, [f"shared needle\r\n only{rec}\r\n"], rec=rec)
        ingested(store, tmp_path / rec)
    store.delete(["one"])
    assert texts(store, "onlyone") == []
    write_recording(tmp_path / "three", ["shared needle onlyone\r\n"], rec="three")
    ingested(store, tmp_path / "three")
    assert [rec for rec in ("two", "three") if texts(store, f"shared rec:{rec}")] == ["two", "three"]
    assert texts(store, "onlyone") == ["shared needle onlyone"]
    store.close()


def test_a_store_elsewhere_is_not_mixed_with_ones_own(home):
    other = home / "other.sqlite"
    write_recording(home / "x" / "elsewhere.jsonl", ["needle\r\n"], rec="elsewhere")
    assert sessrec(home, "ingest", home / "x", "--store", other).returncode == 0
    assert listed(home, "--store", str(other)) == ["elsewhere"]
    assert "elsewhere" not in listed(home)
