"""The ledger: what is changed in it or lost from it is told, and what cannot be recorded is not done."""

import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from auditor.ingest.journal import Journal
from auditor.ledger import chain
from auditor.ledger.entry import MAX_DETAIL, MAX_NAME, MAX_TEXT, Entry, Wanted
from auditor.ledger.journal_copy import MESSAGE_ID, noted
from auditor.ledger.ledger import Ledger
from auditor.ledger.schema import LedgerError
from recorder.formats.canonical import canonical
from tests.journald import running_journald
from tests.recordings import HERE


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db", "") as ledger:
        yield ledger


def fill(ledger, count=6):
    for number in range(count):
        ledger.record("otto", "watch", rec=f"r{number}", user="alice", host="web1", at=number, origin="192.0.2.7")


def search_much(ledger):
    for _ in range(1000):
        ledger.record("otto", "search", query="x" * 1000)


def tamper(path, *statements):
    """What somebody does to the file with SQLite's own shell."""
    with sqlite3.connect(path) as connection:
        for trigger in ("entries_stay", "entries_stay_so"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement, *values in statements:
            connection.execute(statement, values)


def test_what_was_done_is_read_back_the_newest_first(ledger):
    ledger.record("otto", "search", query='cmd:sudo "user:bob"', origin="2001:db8::7", detail={"hits": 3})
    ledger.record("rita", "export", rec="r1", user="alice", host="web1", detail={"format": "raw", "input": True})
    export, search = ledger.entries()
    assert (search.number, search.viewer, search.action, search.query) == (1, "otto", "search", 'cmd:sudo "user:bob"')
    assert (search.origin, search.detail, search.rec, search.at) == ("2001:db8::7", {"hits": 3}, "", None)
    assert (export.number, export.user, export.host, export.detail["input"]) == (2, "alice", "web1", True)
    assert export.fields()["event"] == {"action": "export", "outcome": "success"}
    assert export.fields()["user"] == {"name": "rita"}
    assert 0 <= export.time - search.time < 60


def test_entries_are_selected_by_who_what_about_whom_and_when(ledger):
    fill(ledger)
    ledger.record("rita", "export", rec="x[1]", user="bob", host="db1")
    late = ledger.record("OTTO", "list")

    def numbers(**wanted):
        return [entry.number for entry in ledger.entries(Wanted(**wanted))]

    assert numbers(viewers=("ot*",)) == [8, 6, 5, 4, 3, 2, 1]
    assert numbers(viewers=("rita", "nobody")) == [7]
    assert numbers(actions=("export", "list")) == [8, 7]
    assert numbers(rec="r3") == [4]
    assert numbers(rec="x[") == [7]
    assert numbers(users=("bo?",), hosts=("db*",)) == [7]
    assert numbers(since=late.time) == [entry.number for entry in ledger.entries() if entry.time >= late.time]
    assert numbers(until=0.0) == []
    assert numbers(since=1e300) == []


def test_a_long_listing_comes_whole(ledger):
    with ledger.writing() as writing:
        for number in range(1203):
            writing.append(Entry("otto", "watch", rec=f"r{number}"))
    assert [entry.number for entry in ledger.entries()] == list(range(1203, 0, -1))
    assert [entry.number for entry in ledger.entries(before=3)] == [2, 1]


def test_a_whole_ledger_is_called_so_and_names_its_head(ledger):
    assert chain.check(ledger) == (True, 0, "0 entries, head 0:", None)
    fill(ledger)
    found = chain.check(ledger)
    assert (found.whole, found.proven) == (True, 6)
    assert str(ledger.head()) in found.reason


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    Ledger(path, "").close()
    return path


def copy_of(path, tmp_path_factory):
    """To make a new file waits for the disk ten times."""
    return Path(shutil.copy(path, tmp_path_factory.mktemp("ledger") / "ledger.db"))


TEXT = st.text(max_size=20)


# Without shrinking, which makes a file for each of its attempts.
@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_prop_whatever_is_changed_removed_moved_or_added_is_told(empty, tmp_path_factory, data):
    path = copy_of(empty, tmp_path_factory)
    with Ledger(path, "") as ledger:
        ledger._connection.execute("PRAGMA synchronous = OFF")
        count = data.draw(st.integers(2, 8))
        for _ in range(count):
            ledger.record(data.draw(TEXT), "watch", rec=data.draw(TEXT), query=data.draw(TEXT))
        assert chain.check(ledger).whole
    one = data.draw(st.integers(1, count))
    other = data.draw(st.integers(1, count).filter(lambda number: number != one))
    column = data.draw(st.sampled_from(["fields", "value", "viewer", "rec", "time", "action", "user", "host"]))
    deed = data.draw(st.sampled_from(["change", "remove", "swap", "renumber", "add", "cut", "repeat", "rewrite"]))
    statements = {
        "change": [(f"UPDATE entries SET {column} = {column} || 'x' WHERE number = ?", one)],
        "remove": [("DELETE FROM entries WHERE number = ?", one)],
        "swap": [
            ("UPDATE entries SET number = -1 WHERE number = ?", one),
            ("UPDATE entries SET number = ? WHERE number = ?", one, other),
            ("UPDATE entries SET number = ? WHERE number = -1", other),
        ],
        "renumber": [("UPDATE entries SET number = number + 1 WHERE number = ?", count)],
        "add": [
            ("INSERT INTO entries SELECT ?, fields, value, time, viewer, action, rec, user, host FROM entries "
             "WHERE number = ?", count + 1, one),
        ],
        "cut": [("DELETE FROM entries WHERE number >= ?", one)],
        "repeat": [
            ("UPDATE entries SET fields = (SELECT fields FROM entries WHERE number = ?) "
             "WHERE number = ?", one, other),
        ],
    }  # fmt: skip
    tamper(path, *(rewritten(path, one) if deed == "rewrite" else statements[deed]))
    with Ledger(path, "") as ledger:
        found = chain.check(ledger)
    assert not found.whole, deed
    assert 1 <= found.at <= count + 1


def rewritten(path, number):
    """One entry with another viewer, and a value that fits it and those before it."""
    with Ledger(path, "") as ledger:
        values = dict(ledger.rows("SELECT number, value FROM entries"))
        fields = next(ledger.entries(before=number + 1)).fields() | {"user": {"name": "somebody else"}}
        text = canonical(fields)
        value = chain.advance(chain.Head(ledger.head().id, number - 1, values.get(number - 1, b"")), text)
    update = "UPDATE entries SET fields = ?, value = ?, viewer = 'somebody else' WHERE number = ?"
    return [(update, text.decode(), value, number)]


def test_a_field_that_is_changed_is_told_with_the_number_of_its_entry(ledger):
    fill(ledger)
    tamper(ledger.path, ("UPDATE entries SET fields = replace(fields, 'otto', 'rita') WHERE number = 4",))
    assert chain.check(ledger) == (False, 3, "entry 4 is not what was written", 4)


def test_entries_at_the_end_that_are_gone_are_missed(ledger):
    fill(ledger)
    tamper(ledger.path, ("DELETE FROM entries WHERE number > 4",))
    assert chain.check(ledger) == (False, 4, "entries from 5 on are missing", 5)


def test_a_ledger_that_was_written_anew_is_found_out_by_a_head_that_somebody_kept(ledger, tmp_path):
    fill(ledger)
    kept = {ledger.head().number: ledger.head().value.hex()}
    with Ledger(tmp_path / "forged.db", "") as forged:
        fill(forged, 5)
        forged.record("rita", "watch", rec="r5", user="alice", host="web1")
        assert chain.check(forged).whole
        assert chain.check(forged, kept).at == 6
    assert chain.check(ledger, kept).whole
    fill(ledger, 2)
    assert chain.check(ledger, kept).whole
    assert chain.check(ledger, {99: "0" * 64}).at == 9


def test_a_hold_that_was_removed_behind_the_trails_back_is_told(ledger):
    from auditor.ledger.holds import hold
    from auditor.recordings.store import Facts

    hold(ledger, Facts("r1", "web1", "alice", "", 1, 0.0), "otto", "case 1")
    assert chain.check(ledger).whole
    tamper(ledger.path, ("DELETE FROM holds",))
    assert "the hold of r1 is not what the entries up from 1 say" in chain.check(ledger).reason


def test_entries_cannot_be_changed_by_a_slip_of_ours(ledger):
    fill(ledger)
    for statement in ("DELETE FROM entries", "UPDATE entries SET viewer = 'x'"):
        with pytest.raises(LedgerError, match="entries of a ledger stay"), ledger.writing() as writing:
            writing.execute(statement)


def test_what_cannot_be_recorded_is_an_error_of_one_line(ledger):
    fill(ledger)
    ledger._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError, match=r"cannot be written: .*nothing is done that cannot be recorded"):
        ledger.record("otto", "watch", rec="secret")
    ledger._connection.execute("PRAGMA query_only = OFF")
    assert ledger.head().number == 6


def test_on_a_full_disk_nothing_is_half_written(ledger):
    fill(ledger)
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="disk is full"):
        search_much(ledger)
    ledger._connection.execute("PRAGMA max_page_count = 1073741823")
    ledger.record("otto", "list")
    assert chain.check(ledger).whole


def test_threads_and_processes_that_write_at_once_make_one_chain(tmp_path):
    path = tmp_path / "ledger.db"
    code = (
        "import sys; from pathlib import Path; from auditor.ledger.ledger import Ledger\n"
        "with Ledger(Path(sys.argv[1]), '') as ledger:\n"
        "    for number in range(40): ledger.record(sys.argv[2], 'watch', rec=str(number))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=HERE, stderr=subprocess.PIPE)
        for name in ("one", "two")
    ]
    with Ledger(path, "") as ledger:

        def write(name):
            for number in range(20):
                ledger.record(name, "watch", rec=str(number))

        threads = [threading.Thread(target=write, args=(f"thread{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 2
        found = chain.check(ledger)
        assert (found.whole, found.proven) == (True, 160)
        for name in ("one", "two"):
            wanted = Wanted(viewers=(name,))
            assert [entry.rec for entry in ledger.entries(wanted)] == [str(number) for number in range(39, -1, -1)]


HOSTILE = st.text(st.characters(), max_size=400) | st.just("\ud800\x1b[2J\0") | st.just("x" * 100_000)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    viewer=HOSTILE, rec=HOSTILE, query=HOSTILE, detail=st.dictionaries(TEXT, HOSTILE | st.floats() | st.integers())
)
def test_prop_any_text_is_an_entry_of_bounded_size(ledger, viewer, rec, query, detail):
    entry = ledger.record(viewer, "search", rec=rec, query=query, reason=query, detail=detail, at=10**30)
    (size,) = ledger.rows("SELECT length(CAST(fields AS BLOB)) FROM entries WHERE number = ?", (entry.number,))[0]
    assert size < 6 * (4 * MAX_NAME + 2 * MAX_TEXT) + 4 * MAX_DETAIL + 500
    assert next(ledger.entries()) == entry
    assert chain.check(ledger).whole


def test_nobody_else_can_read_it(tmp_path):
    with Ledger(tmp_path / "new" / "ledger.db", "") as ledger:
        fill(ledger, 1)
        for path in (tmp_path / "new").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_begins_in_the_directory_of_a_service_belongs_to_the_service(tmp_path):
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 65534, 65534)
    with Ledger(tmp_path / "ledger.db", "") as ledger:
        fill(ledger, 1)
        assert {path.stat().st_uid for path in tmp_path.iterdir()} == {65534}


def test_a_file_of_something_else_or_of_a_newer_program_is_left_alone(tmp_path):
    (tmp_path / "text").write_text("hello " * 100)
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE x (y)").connection.close()
    with Ledger(tmp_path / "newer", "") as ledger:
        ledger._connection.execute("PRAGMA user_version = 99")
    for name, message in (("text", "not a database"), ("other", "something else"), ("newer", "update sessrec")):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(LedgerError, match=message):
            Ledger(tmp_path / name, "")
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path / "text" / "ledger.db", "")


def test_each_entry_is_sent_to_the_journal_too(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(path))
        with Ledger(tmp_path / "ledger.db", str(path)) as ledger:
            ledger.record("otto\nPRIORITY=0", "watch", rec="r1", user="al", host="web1", origin="192.0.2.7")
            entry = journald.recv(65_536)
            head = ledger.head()
    fields = dict(line.split(b"=", 1) for line in entry.split(b"\n") if b"=" in line)
    assert fields[b"SESSREC_TYPE"] == b"trail"
    assert fields[b"MESSAGE_ID"] == MESSAGE_ID.encode()
    assert fields[b"SESSREC_VALUE"] == head.value.hex().encode()
    assert (fields[b"SESSREC_NUMBER"], fields[b"SESSREC_LEDGER"]) == (b"1", head.id.encode())
    assert fields[b"MESSAGE"] == b"otto\\nPRIORITY=0 from 192.0.2.7: watch al@web1 r1"
    assert json.loads(fields[b"SESSREC_ENTRY"])["event"]["action"] == "watch"
    # The name is a field of its own, with its length: it adds no second PRIORITY.
    assert b"SESSREC_VIEWER\n" + (15).to_bytes(8, "little") + b"otto\nPRIORITY=0\n" in entry


def test_a_journald_that_takes_nothing_any_more_is_an_error_and_not_a_silence(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.ledger.journal_copy.JournalCopy.send.__defaults__", (0.1,))
    path = tmp_path / "socket"
    with Ledger(tmp_path / "ledger.db", str(path)) as ledger:
        ledger.record("otto", "watch")  # there is no journal here yet
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
            journald.bind(str(path))
            ledger.record("otto", "watch")
            with pytest.raises(LedgerError, match="the journal does not take what is recorded"):
                search_much(ledger)  # nobody reads
        path.unlink()
        with pytest.raises(LedgerError, match="the journal does not take"):
            ledger.record("otto", "watch")
        assert chain.check(ledger).whole


def test_what_a_real_journal_has_is_compared_with_the_ledger(tmp_path):
    with running_journald() as journald:
        with Ledger(tmp_path / "ledger.db", str(journald.runtime / "socket")) as ledger:
            fill(ledger, 3)
            journald.entries()  # waits until they are written
            found = noted(Journal(journald.namespace), ledger.head().id, {os.getuid()})
            assert sorted(found) == [1, 2, 3]
            assert noted(Journal(journald.namespace), ledger.head().id, {12345}) == {}
            assert noted(Journal(journald.namespace), "0" * 32, {os.getuid()}) == {}
            assert chain.check(ledger, found).whole
        shutil.copy(tmp_path / "ledger.db", tmp_path / "old.db")
        with Ledger(tmp_path / "old.db", "") as cut:
            tamper(cut.path, ("DELETE FROM entries WHERE number = 3",))
            value = cut.rows("SELECT value FROM entries WHERE number = 2")[0][0]
            tamper(cut.path, ("UPDATE head SET number = 2, value = ?", value))
            assert chain.check(cut).whole  # cut by somebody who knew how
            assert chain.check(cut, found).at == 3
