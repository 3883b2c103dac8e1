"""Retention: what is due goes, what is held or goes on stays, and a mistake in the policies deletes nothing."""

import json
import os
import time
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.ledger import chain, holds, retention
from auditor.ledger.daily import DailyRetention, has_come
from auditor.ledger.deletion import LiveRecordingError, delete
from auditor.ledger.ledger import Ledger
from auditor.ledger.retention_policies import DAY, RetentionError, load, parse
from auditor.ledger.schema import LedgerError
from auditor.ledger.tombstones import tombstone
from auditor.ledger.verdicts import Verdicts
from auditor.query.query import Selection
from auditor.recordings.recording_state import _process_start
from auditor.recordings.store import Addition, Facts, StoreError
from auditor.web.stores import StorePool
from recorder.errors import SessrecError
from tests.recordings import ingested, new_store, objects, recordings_of, texts, write_recording

NOW = time.time()

POLICIES = parse(
    b"""
[[policy]]
name = "never"
users = ["ceo"]
keep = "forever"

[[policy]]
name = "contractors"
users = ["ext-*"]
not_hosts = ["lab*"]
keep = "2w"

[[policy]]
name = "servers"
hosts = ["web*", "db*"]
keep = "1y"
""",
    "test",
)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db", "") as ledger:
        yield ledger


@pytest.fixture
def own_store(tmp_path):
    """In SQLite only: what follows from a deletion is the same in both, and takes long in Elasticsearch."""
    store = new_store(tmp_path)
    yield store
    store.close()


def keep(store, rec, user, host, days, **more):
    """A recording of one second that ended so many days ago."""
    facts = Facts(rec, host, user, "xterm", 1, NOW - days * DAY - 1, length=1000, **{"ended": True, **more})
    store.add("test", None, [Addition(facts)], [])
    return replace(facts, revision=1)


def all_of(store):
    return sorted(facts.rec for facts in store.recordings(Selection()))


def test_what_is_due_is_deleted_with_a_tombstone_and_all_else_stays(store, ledger, tmp_path):
    keep(store, "ceo-old", "ceo", "web1", 5000)
    keep(store, "ext-old", "ext-eve", "web1", 15)
    keep(store, "ext-new", "ext-eve", "web1", 13)
    keep(store, "ext-lab", "ext-eve", "lab1", 5000)
    keep(store, "web-old", "alice", "web1", 366)
    keep(store, "web-new", "alice", "web1", 364)
    keep(store, "web-held", "alice", "web1", 400)
    holds.hold(ledger, store.facts("web-held"), "otto", "case 1")
    write_recording(tmp_path / "real", ["a needle\r\n"], rec="real", user="bob", host="db1", began=NOW - 400 * DAY)
    ingested(store, tmp_path / "real")
    assert texts(store, "needle") == ["a needle"]

    found = {each.facts.rec: (each.policy.name, each.kept) for each in retention.due(store, ledger, POLICIES)}
    assert found == {
        "ext-old": ("contractors", ""),
        "web-old": ("servers", ""),
        "web-held": ("servers", "on hold by otto: case 1"),
        "real": ("servers", ""),
    }
    verdicts = Verdicts(ledger, list)
    done = retention.run(store, ledger, POLICIES, verdict=lambda facts: str(verdicts.of(store, facts)))
    assert sorted(each.facts.rec for each in done.deleted) == ["ext-old", "real", "web-old"]
    assert [each.facts.rec for each in done.kept] == ["web-held"]
    assert all_of(store) == ["ceo-old", "ext-lab", "ext-new", "web-held", "web-new"]
    assert texts(store, "needle") == []
    assert store.is_deleted("real")

    stone = tombstone(ledger, "real")
    assert (stone.user, stone.host, stone.length, stone.messages) == ("bob", "db1", 1000, 3)
    assert (stone.viewer, stone.policy, stone.reason, stone.verdict) == (
        "retention",
        "servers",
        "kept for 1y",
        "unsigned",
    )
    assert tombstone(ledger, "web-held") is None
    again = retention.run(store, ledger, POLICIES)
    assert (again.deleted, [each.facts.rec for each in again.kept]) == ([], ["web-held"])
    assert chain.check(ledger).whole


def test_a_session_that_goes_on_is_kept_however_old(own_store, ledger):
    store, me = own_store, os.uname().nodename
    policies = parse(b'[[policy]]\nname = "all"\nkeep = "1d"\n', "test")
    keep(store, "ended", "alice", "web1", 10)
    facts = Facts("live", me, "alice", "xterm", 1, _own_start(), marked=True, pid=os.getpid())
    store.add("test", None, [Addition(facts)], [])
    keep(store, "open-end", "alice", "web1", 20, ended=False, marked=True)
    keep(store, "long-gone", "alice", "web1", 32, ended=False, marked=True)
    keep(store, "tlogs", "alice", "web1", 3, ended=False)
    later = NOW + 5 * DAY
    assert {each.facts.rec: each.kept for each in retention.due(store, ledger, policies, later)} == {
        "ended": "",
        "long-gone": "",
        "tlogs": "",
    }
    much_later = NOW + 100 * DAY
    kept = {each.facts.rec: each.kept for each in retention.due(store, ledger, policies, much_later)}
    assert kept["live"] == "still being recorded"
    done = retention.run(store, ledger, policies, now=much_later)
    assert all_of(store) == ["live"]
    assert len(done.deleted) == 4
    with pytest.raises(LiveRecordingError):
        delete(store, ledger, [store.facts("live")], "otto")
    assert all_of(store) == ["live"]


def _own_start():
    """When this process began, as seconds since 1970."""
    return _process_start(os.getpid())


def test_a_hold_that_comes_while_retention_runs_wins_or_is_refused(own_store, ledger):
    store = own_store
    for number in range(3):
        keep(store, f"r{number}", "alice", "web1", 400)

    def verdict(facts):
        # Somebody is quick: what is due has been looked up by now.
        if facts.rec == "r1" and not holds.held(ledger, "r1"):
            holds.hold(ledger, facts, "otto", "case 1")
        return ""

    done = retention.run(store, ledger, POLICIES, verdict=verdict)
    assert all_of(store) == ["r1"]
    assert "is on hold" in done.kept[0].kept
    with pytest.raises(holds.HoldError, match="r0 is being deleted since"):
        holds.hold(ledger, Facts("r0", "web1", "alice", "", 1, 0.0), "otto", "too late")


class Failing:
    """A store whose disk is full."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def delete(self, recs):
        raise StoreError("no space left")


def test_a_deletion_that_fails_is_in_the_trail_as_such(own_store, ledger):
    store = own_store
    facts = keep(store, "r", "alice", "web1", 400)
    with pytest.raises(StoreError, match="no space left"):
        delete(Failing(store), ledger, [facts], "otto", reason="old")
    assert all_of(store) == ["r"]
    failed, tried = ledger.entries()
    assert (tried.outcome, failed.outcome, failed.reason) == ("success", "failure", "it failed: no space left")
    delete(store, ledger, [facts], "otto", reason="old")
    assert all_of(store) == []
    assert tombstone(ledger, "r").reason == "old"


def test_nothing_is_deleted_that_cannot_be_recorded(own_store, ledger):
    store = own_store
    keep(store, "r", "alice", "web1", 400)
    ledger._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerError, match="nothing is done that cannot be recorded"):
        retention.run(store, ledger, POLICIES)
    assert all_of(store) == ["r"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[policy]]\nkeep = '1d'\n", "f:1: policy.0: write a name"),
        ("[[policy]]\nname = 'a'\n", "f:1: policy.0.keep: keep is missing"),
        ("[[policy]]\nname = 'a'\nkeep = '90'\n", "f:3: policy.0.keep: \"90\" is no time to keep"),
        ("[[policy]]\nname = 'a'\nkeep = 90\n", "f:3: policy.0.keep: 90 is no time"),
        ("[[policy]]\nname = 'a'\nkeep = '0d'\n", "f:3: policy.0.keep"),
        ("[[policy]]\nname = 'a'\nkeep = '1d'\nuser = ['x']\n", "f:4: policy.0.user: unknown; did you mean 'users'?"),
        ("[[policy]]\nname = 'a'\nkeep = '1d'\nusers = []\n", "f:4: policy.0.users: "),
        ("[[policy]]\nname = 'a'\nkeep = '1d'\nusers = 'x'\n", "f:4: policy.0.users: \"x\" is not a list"),
        ("[[policy]]\nname='a'\nkeep='1d'\n[[policy]]\nname='a'\nkeep='1d'\n",
         "f:5: policy.1.name: \"a\" is there twice"),
        ("daily = '25:00'\n", "f:1: daily: \"25:00\" is not a time of day"),
        ("[policy]\nname = 'a'\n", "f:1: policy: is not a list of tables"),
        ("policies = 1\n", "f:1: policies: unknown"),
        ("x = \n", "f:1: not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_to_write(text, message):
    with pytest.raises(RetentionError) as told:
        parse(text.encode(), "f")
    assert str(told.value).startswith(message)
    assert "\n" not in str(told.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_prop_any_bytes_are_policies_or_an_error_of_one_line(data):
    message = ""
    try:
        parse(data, "f")
    except SessrecError as error:
        message = str(error)
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RetentionError, match="cannot be read: No such file"):
        load(tmp_path / "retention.toml")
    (tmp_path / "retention.toml").write_bytes(b"#" * 300_000)
    with pytest.raises(RetentionError, match="longer than"):
        load(tmp_path / "retention.toml")


def test_the_time_of_day_comes_once_a_day():
    def at(day, hour, minute=0):
        return datetime(2026, 3, day, hour, minute)

    assert has_come(210, at(1, 3), at(1, 3, 30))
    assert not has_come(210, at(1, 3, 30), at(1, 3, 31))
    assert not has_come(210, at(1, 3, 31), at(2, 3, 29))
    assert has_come(210, at(1, 3, 31), at(2, 3, 31))
    assert has_come(1439, at(1, 23, 58), at(2, 0, 1))  # missed by a look that came late


def test_the_page_deletes_daily_what_its_file_says_and_survives_a_mistake_in_it(tmp_path, ledger):
    store = new_store(tmp_path)
    keep(store, "old", "alice", "web1", 400)
    file, said = tmp_path / "retention.toml", []
    pool = StorePool(lambda: new_store(tmp_path))
    daily = DailyRetention(ledger, Verdicts(ledger, list), pool.borrow, file, said.append)
    before, after = datetime(2026, 3, 1, 3, 29, 50), datetime(2026, 3, 1, 3, 30, 20)
    file.write_text("daily = '3:30'\n")
    daily.look(before, after)
    daily.look(before, after)
    file.write_text("[[policy]]\nname = 'all'\nkeep = '1y'\n")
    assert not daily.look(before, after)  # it does not say when
    file.write_text("daily = '03:30'\n[[policy]]\nname = 'all'\nkeep = '1y'\n")
    assert not daily.look(after, datetime(2026, 3, 1, 4))
    assert all_of(store) == ["old"]
    assert daily.look(before, after)
    assert all_of(store) == []
    assert len(said) == 2
    assert '"3:30" is not a time of day' in said[0]
    assert said[1] == "retention: 1 recordings deleted, 0 kept though due"
    daily.start()
    daily.stop()
    store.close()
    pool.close()


def test_the_verb_shows_first_and_deletes_then(sessrec, tmp_path):
    for number, (user, days) in enumerate([("alice", 400), ("alice", 3), ("bob", 400), ("ceo", 400)]):
        write_recording(
            recordings_of(tmp_path) / f"r{number}.jsonl", [], rec=f"r{number}", user=user, began=NOW - days * DAY
        )
    file = tmp_path / "retention.toml"
    ceo = '[[policy]]\nname = "ceo"\nusers = ["ceo"]\nkeep = "forever"\n'
    file.write_text(ceo + '[[policy]]\nname = "all"\nkeep = "1y"\n')
    sessrec(tmp_path, "list")
    assert sessrec(tmp_path, "hold", "r2", "--reason", "case").returncode == 0
    policies = ("--policies", file)
    checked = sessrec(tmp_path, "retention", "check", *policies).stdout.splitlines()
    assert [line.split() for line in checked] == [
        ["POLICY", "KEEP", "RECORDINGS"],
        ["ceo", "forever", "1"],
        ["all", "1y", "3"],
        ["(none)", "forever", "0"],
    ]
    listed = objects(sessrec(tmp_path, "retention", "list", "--json", *policies))
    assert [(each["rec"], each["policy"], each["kept"]) for each in listed] == [
        ("r0", "all", ""),
        ("r2", "all", listed[1]["kept"]),
    ]
    assert listed[1]["kept"].startswith("on hold by ")
    dry = sessrec(tmp_path, "retention", "run", "--dry-run", *policies)
    assert "r0" in dry.stdout
    assert len(objects(sessrec(tmp_path, "list", "--json"))) == 4
    done = sessrec(tmp_path, "retention", "run", *policies)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "deleted r0, by policy all"
    assert done.stdout.splitlines()[1].startswith("kept r2: on hold by ")
    assert {each["rec"] for each in objects(sessrec(tmp_path, "list", "--json"))} == {"r3", "r2", "r1"}
    assert not (recordings_of(tmp_path) / "r0.jsonl").exists()
    assert json.loads(sessrec(tmp_path, "retention", "run", "--json", *policies).stdout)["rec"] == "r2"
    file.write_text("[[policy]]\n")
    for verb in ("check", "list", "run"):
        refused = sessrec(tmp_path, "retention", verb, *policies)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
