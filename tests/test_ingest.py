"""Recordings taken into the store: once, whole, whatever was there before and whoever else is at it."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from auditor.ingest.file_source import Mark, catch_up, changed_files, ingest_file
from auditor.ingest.ingest import Ingest
from auditor.query.query import Selection
from auditor.recordings.store import StoreError
from auditor.sqlite.store import SqliteStore
from recorder.formats.message import Output
from tests.peers import needs
from tests.recordings import (
    HERE,
    environment,
    found,
    ingested,
    messages,
    new_store,
    objects,
    sessrec,
    stored_lines,
    texts,
    write_objects,
    write_recording,
)
from tests.sealing import line_of


def counted(store, path):
    counts = ingested(store, path)
    return counts.taken, counts.known, counts.refused


def test_the_store_has_every_message_as_it_came(store, tmp_path):
    lines = write_recording(tmp_path / "r", ["one\r\n", b"\xff\xfe\r\n", "日本\r\n"])
    assert counted(store, tmp_path / "r") == (5, 0, 0)
    (facts,) = store.recordings(Selection())
    assert stored_lines(store, facts.rec) == lines
    assert (facts.user, facts.host, facts.length, facts.messages) == ("alice", "web1.example.test", 3000, 5)
    assert (facts.ended, facts.exit_code, facts.reason, facts.missing) == (True, 0, "exit", 0)
    assert (facts.printed, facts.columns, facts.rows, facts.charset) == (17, 80, 24, "UTF-8")


def test_nobody_else_can_read_the_store(tmp_path):
    store = new_store(tmp_path)
    write_recording(tmp_path / "r", ["secret\r\n"])
    ingested(store, tmp_path / "r")
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    for file in store.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    store.close()


def test_taking_a_recording_in_again_changes_nothing(store, tmp_path):
    write_recording(tmp_path / "r", ["needle\r\n"])
    assert counted(store, tmp_path / "r") == (3, 0, 0)
    assert counted(store, tmp_path / "r") == (0, 3, 0)
    os.link(tmp_path / "r", tmp_path / "copy")
    assert counted(store, tmp_path / "copy") == (0, 3, 0)
    assert len(texts(store, "needle")) == 1


def test_a_message_serialised_differently_on_another_way_is_the_same_message(store, tmp_path):
    lines = write_recording(tmp_path / "r", ["needle é\r\n"])
    ingested(store, tmp_path / "r")
    pretty = [json.dumps(json.loads(line), sort_keys=True).encode() + b"\n" for line in lines]
    write_objects(tmp_path / "other", pretty)
    assert counted(store, tmp_path / "other") == (0, 3, 0)


def test_a_growing_file_is_read_on_from_where_it_ended(store, tmp_path):
    lines = [line_of(each) for each in messages([f"line {number}\r\n" for number in range(20)])]
    for end in (1, 5, 6, len(lines)):
        with (tmp_path / "r.jsonl").open("ab") as file:
            done = file.tell()
            file.write(b"".join(lines)[done : len(b"".join(lines[:end]))])
        catch_up(store, tmp_path)
    assert changed_files(store, [tmp_path]) == []
    assert texts(store, "line") == [f"line {number}" for number in range(20)]


def test_a_running_recording_is_found_while_it_runs_and_only_once_afterwards(store, tmp_path):
    lines = [line_of(each) for each in messages(["first\r\n", "second without its ", "end\r\n", "third\r\n"])]
    file = tmp_path / "r.jsonl"
    for end in range(1, len(lines) + 1):
        file.write_bytes(b"".join(lines[:end]))
        catch_up(store, tmp_path)
        assert len(texts(store, "first")) == (end >= 2)
        assert len(texts(store, "second")) == (end >= 3)
    assert texts(store, "second") == ["second without its end"]


def test_a_file_that_another_one_replaced_is_read_from_its_beginning(store, tmp_path):
    file = tmp_path / "r.jsonl"
    write_recording(file, ["old\r\n"], rec="old")
    catch_up(store, tmp_path)
    file.unlink()
    write_recording(file, ["new and longer than the old one\r\n"] * 3, rec="new")
    catch_up(store, tmp_path)
    assert texts(store, "longer") == ["new and longer than the old one"] * 3


def test_one_file_may_hold_several_recordings_mixed(store, tmp_path):
    one = messages(["apple\r\n"] * 3, rec="one")
    two = messages(["pear\r\n"] * 3, rec="two", user="bob")
    mixed = [each for pair in zip(one, two, strict=True) for each in pair]
    write_objects(tmp_path / "mixed", mixed)
    assert counted(store, tmp_path / "mixed") == (10, 0, 0)
    assert texts(store, "apple rec:one") == ["apple"] * 3
    assert texts(store, "pear user:bob") == ["pear"] * 3
    assert texts(store, "pear rec:one") == []


def test_a_thousand_recordings_in_one_file_are_kept_apart(store, tmp_path):
    each = [messages([f"word{number}\r\n"], rec=f"r{number}") for number in range(200)]
    write_objects(tmp_path / "mixed", [message for parts in zip(*each, strict=True) for message in parts])
    assert counted(store, tmp_path / "mixed") == (600, 0, 0)
    assert [rec for rec, _, _, _ in found(store, "word77")] == ["r77"]
    assert all(facts.ended and not facts.missing for facts in store.recordings(Selection()))


def test_messages_out_of_order_are_put_in_order(store, tmp_path):
    whole = messages([f"line {number}\r\n" for number in range(30)])
    write_objects(tmp_path / "r", whole[::-1])
    assert counted(store, tmp_path / "r") == (32, 0, 0)
    assert texts(store, "line") == [f"line {number}" for number in range(30)]


def test_late_messages_take_their_place(store, tmp_path):
    whole = messages([f"line {number}\r\n" for number in range(10)])
    write_objects(tmp_path / "1", whole[:3] + whole[6:])
    assert counted(store, tmp_path / "1") == (9, 0, 0)
    (facts,) = store.recordings(Selection())
    assert (facts.missing, facts.ended) == (3, True)
    write_objects(tmp_path / "2", whole[3:6])
    assert counted(store, tmp_path / "2") == (3, 0, 0)
    (facts,) = store.recordings(Selection())
    assert (facts.missing, facts.ended, facts.late, facts.messages, facts.printed) == (0, True, False, 12, 80)
    assert texts(store, "line") == [f"line {number}" for number in range(10)]
    assert stored_lines(store, facts.rec) == [line_of(each) for each in whole]
    assert [event.action for event in store.events(facts.rec)] == ["session-start", "session-end"]


def test_what_follows_a_gap_is_not_lost(store, tmp_path):
    whole = messages([f"line {number}\r\n" for number in range(10)])
    write_objects(tmp_path / "r", whole[2:4] + whole[7:])
    ingested(store, tmp_path / "r")
    (facts,) = store.recordings(Selection())
    assert (facts.missing, facts.messages) == (5, 7)
    assert texts(store, "line") == [f"line {number}" for number in (1, 2, 6, 7, 8, 9)]


def test_text_is_in_the_characters_of_the_session(store, tmp_path):
    write_recording(tmp_path / "r", ["grüße\r\n".encode("latin-1")], charset="ISO-8859-1")
    ingested(store, tmp_path / "r")
    assert texts(store, "GRÜßE") == ["grüße"]


@pytest.mark.parametrize("charset", ["EUC-JP", "GB18030", "SHIFT_JIS", "KOI8-R", "UTF-8"])
def test_a_running_session_in_any_character_set_is_found(store, tmp_path, charset):
    text = "привет" if charset == "KOI8-R" else "日本語"
    data = text.encode(charset)
    whole = messages([data[:3], data[3:], b" end\r\n"], charset=charset)
    for end in range(2, len(whole)):
        write_objects(tmp_path / "r.jsonl", whole[:end])
        catch_up(store, tmp_path)
    assert texts(store, text[1:]) == [f"{text} end"]


@needs("tlog-rec")
def test_a_recording_of_tlog_is_taken_in(store, tmp_path):
    file = tmp_path / "tlog.log"
    script = r"printf 'one \033[31mneed''le\033[0m\n'; printf 'b\377\346\227\n'; seq 3000"
    command = ["tlog-rec", "--writer=file", f"--file-path={file}", "sh", "-c", script]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=60)
    assert ingested(store, file).refused == 0
    (facts,) = store.recordings(Selection())
    assert stored_lines(store, facts.rec) == file.read_bytes().splitlines(keepends=True)
    assert (facts.marked, facts.missing) == (False, 0)
    assert texts(store, "needle") == ["one needle"]
    assert [text.strip() for text in texts(store, "2718")] == ["2718"]


KILLED = """
import os, sys
from pathlib import Path
from auditor.sqlite import store as sqlite_store
store = sqlite_store.SqliteStore(Path(sys.argv[1]))
left = int(sys.argv[3])
def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
store._connection.set_trace_callback(count)
from auditor.ingest.file_source import catch_up
catch_up(store, Path(sys.argv[2]))
"""


def test_a_run_killed_anywhere_is_continued_without_loss_or_doubling(tmp_path, monkeypatch):
    recordings = tmp_path / "recordings"
    lines = {}
    for rec in ("a", "b"):
        lines[rec] = write_recording(
            recordings / f"{rec}.jsonl", [f"needle {number} {rec}\r\n" for number in range(30)], rec=rec
        )
    kills = 0
    for at in [*range(0, 60, 7), 63, 75, 90, 110, 140]:
        path = tmp_path / f"store{at}.sqlite"
        command = [sys.executable, "-c", KILLED, str(path), str(recordings), str(at)]
        killed = subprocess.run(command, cwd=HERE, check=False, timeout=60)
        kills += killed.returncode == -9
        store = SqliteStore(path)
        catch_up(store, recordings)
        for rec, whole in lines.items():
            facts = store.facts(rec)
            assert (facts.messages, facts.missing, facts.settled) == (32, 0, True)
            assert stored_lines(store, rec) == whole
            assert texts(store, f"needle rec:{rec}") == [f"needle {number} {rec}" for number in range(30)]
        assert list(store.quarantined()) == []
        assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store.close()
    assert kills > 5


def test_a_store_of_a_newer_program_is_left_alone(tmp_path):
    path = tmp_path / "store.sqlite"
    SqliteStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="written by a newer sessrec"):
        SqliteStore(path)


def test_what_is_no_store_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a database, but long enough to be looked at\n" * 40)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other") as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreError, match="a database of something else"):
        SqliteStore(tmp_path / "other")


def test_the_verb_says_what_it_did_and_follows_what_grows(tmp_path):
    lines = [line_of(each) for each in messages(["needle one\r\n", "needle two\r\n"])]
    file = tmp_path / "r.jsonl"
    file.write_bytes(b"".join(lines[:2]))
    done = sessrec(tmp_path, "ingest", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 recordings, 2 new messages\n", "")
    assert sessrec(tmp_path, "ingest", "--quiet", file).stdout == ""
    command = [sys.executable, "-m", "sessrec", "ingest", "--follow", str(tmp_path)]
    follower = subprocess.Popen(
        command, cwd=HERE, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        with file.open("ab") as more:
            more.write(b"".join(lines[2:]))
        write_recording(tmp_path / "new.jsonl", ["needle three\r\n"], rec="new")
        deadline = time.monotonic() + 60
        search = ("search", "needle", "--store", tmp_path / "session-recording" / "store.sqlite", "--json")
        while len(objects(sessrec(tmp_path, *search))) < 3:
            assert time.monotonic() < deadline
        follower.send_signal(2)
        output, errors = follower.communicate(timeout=30)
    finally:
        follower.kill()
    assert (follower.returncode, output, errors) == (0, b"2 recordings, 5 new messages\n", b"")


def test_the_verb_says_what_it_cannot_read(tmp_path):
    assert sessrec(tmp_path, "ingest").returncode == 2
    done = sessrec(tmp_path, "ingest", tmp_path / "missing")
    assert (done.returncode, done.stderr) == (1, f"sessrec: {tmp_path}/missing does not exist\n")


def test_the_state_of_the_screen_is_kept_between_runs(store, tmp_path):
    """A line edited over two runs is found as it stood in the end."""
    lines = [line_of(each) for each in messages(["abc", "\rxyz needle\r\n", Output(3000, b"last\r\n")])]
    file = tmp_path / "r.jsonl"
    for end in range(1, len(lines) + 1):
        file.write_bytes(b"".join(lines[:end]))
        ingest_file(Ingest(store), file, Mark.read(store.marks("file:").get(f"file:{file}")))
    assert texts(store, "needle") == ["xyz needle"]
