"""What a session did, in lines and as a tree of processes, as `sessrec show` and `sessrec list` print it."""

import json

import pytest

from tests.audited import a_session, audited, executed, write
from tests.recorded import SESSREC, OnTerminal
from tests.recordings import objects, recordings_of, sessrec, write_recording


@pytest.fixture
def home(tmp_path):
    write(recordings_of(tmp_path) / "r.jsonl", a_session(rec="r"))
    return tmp_path


def test_events_are_shown_in_lines_in_the_order_in_which_they_happened(home):
    lines = sessrec(home, "show", "r").stdout.partition("Events:\n")[2].splitlines()
    assert lines[0] == "  0:00:00.000  session-start bash"
    assert lines[4] == "  0:00:00.530  connect to 192.0.2.7:443 by /usr/bin/curl (files.example.test)"
    assert "  0:00:00.622  read /etc/shadow by /usr/bin/cat (failed: EACCES)" in lines
    assert lines[-1] == "  0:00:03.000  session-end exit, status 0"
    assert not any("{" in line for line in lines)
    assert [line[:13] for line in lines] == sorted(line[:13] for line in lines)


def test_what_was_told_late_stands_where_it_happened(tmp_path):
    built = audited(executed(50, 5, 1, "second"), executed(60, 6, 1, "first"), rec="r")
    built[2]["sessrec"]["at"] = 40
    write(recordings_of(tmp_path) / "r.jsonl", built)
    shown = sessrec(tmp_path, "show", "r").stdout
    assert shown.index("0:00:00.040  run /usr/bin/first") < shown.index("0:00:00.050  run /usr/bin/second")


def test_a_name_that_the_session_showed_later_stands_beside_the_address_too(tmp_path):
    built = a_session(rec="r")
    for each in built:
        each.pop("out_bin")
        if "192.0.2.7" in json.dumps(each):
            each["destination"]["ip"] = "192.0.2.9"
            each["process"]["pid"] = 999
    write(recordings_of(tmp_path) / "r.jsonl", built)
    assert "connect to 192.0.2.9:443 by /usr/bin/curl (db1.example.test)" in sessrec(tmp_path, "show", "r").stdout


def test_json_has_all_of_an_event_however_long_it_is(tmp_path):
    arguments = [f"{number:04}" + "x" * 200 for number in range(1000)]
    write(recordings_of(tmp_path) / "r.jsonl", audited(executed(10, 5, 1, "echo", *arguments), rec="r"))
    (shown,) = objects(sessrec(tmp_path, "show", "r", "--json"))
    (event,) = [each for each in shown["events"] if each["action"] == "exec"]
    assert event["detail"]["process"]["args"] == ["echo", *arguments]
    assert (event["kind"], event["at_ms"]) == ("exec", 10)
    assert event["text"].startswith("/usr/bin/echo 0000xxx")


def test_the_tree_has_every_program_below_the_one_that_started_it(home):
    done = sessrec(home, "show", "r", "--tree")
    assert (done.returncode, done.stderr) == (0, "")
    title, *lines = done.stdout.splitlines()
    assert title == "alice@web1.example.test 2026-11-23 10:53:51 r"
    assert lines == [
        "└── 0:00:00.010  100  /usr/bin/bash (called -bash)",
        "    ├── 0:00:00.510  200  /usr/bin/dash ./get.sh (script /home/alice/get.sh)  [ended 0:00:00.650 with 1]",
        "    │   ├── 0:00:00.520  201  /usr/bin/curl -o data 'https://files.example.test/data?id=7'"
        "  [1 file event, 1 connection, ended 0:00:00.600 with 0]",
        "    │   ├── 0:00:00.610  202  /usr/bin/mv data 'old data'  [1 file event]",
        "    │   └── 0:00:00.620  203  /usr/bin/cat /etc/shadow  [1 file event, ended 0:00:00.630 with 1]",
        "    ├── 0:00:02.000  300  /usr/bin/sudo id",
        "    │   └── 0:00:02.020  300 then /usr/bin/id",
        "    └── 0:00:02.500  301  /home/alice/nonesuch (failed: ENOENT)",
    ]


def test_a_session_that_was_not_audited_has_no_tree(tmp_path):
    write_recording(recordings_of(tmp_path) / "r.jsonl", ["one\r\n"], rec="r")
    done = sessrec(tmp_path, "show", "--tree", "r")
    assert (done.returncode, done.stdout) == (0, "no processes: nothing tells which programs were run\n")
    assert sessrec(tmp_path, "show", "--tree", "--json", "r").returncode == 2


def test_10_000_processes_each_below_the_one_before_are_drawn(tmp_path):
    chain = [executed(at, 1000 + at, 999 + at, "true") for at in range(10_000)]
    write(recordings_of(tmp_path) / "r.jsonl", audited(*chain, rec="r"))
    done = sessrec(tmp_path, "show", "--tree", "r", timeout=60)
    assert len(done.stdout.splitlines()) == 10_001
    assert max(map(len, done.stdout.splitlines())) < 250


@pytest.mark.parametrize("columns", [8, 80])
def test_the_tree_fits_on_a_terminal(home, columns):
    terminal = OnTerminal([*SESSREC, "show", "--tree", "r"], home, size=(24, columns), XDG_DATA_HOME=str(home))
    assert terminal.finish() == 0
    assert b"nonesuch" in terminal.seen.replace(b"\r\n", b"") or columns == 8
    assert b"\x1b[31m/home/alice/nonesuch (failed: ENOENT)" in terminal.seen or columns == 8


def test_where_output_is_ascii_nothing_fails(home):
    done = sessrec(
        home, "show", "--tree", "r", env={"XDG_DATA_HOME": str(home), "PYTHONIOENCODING": "ascii", "TZ": "UTC"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "/usr/bin/sudo id" in done.stdout


def test_listing_counts_events_where_there_are_any(home):
    write_recording(recordings_of(home) / "s.jsonl", ["one\r\n"], rec="s")
    heading, *rows = [line.split() for line in sessrec(home, "list").stdout.splitlines()]
    assert heading == ["START", "USER", "HOST", "LENGTH", "EVENTS", "STATE", "ID"]
    assert [row[5:] for row in rows] == [["16", "ended", "r"], ["ended", "s"]]
    assert [each["audited"] for each in objects(sessrec(home, "list", "--json"))] == [16, 0]
