"""What a session did is found by what it ran, touched and connected to, as well as by what it showed."""

import sqlite3
from datetime import datetime

import pytest

from auditor.ingest.ingest import Ingest
from auditor.query.query import Selection, parse_query
from auditor.recordings.store import Event
from auditor.sqlite import schema
from auditor.sqlite.store import SqliteStore
from recorder.formats.message import Output
from tests.audited import a_session, audited, connected, executed, touched, write
from tests.recordings import found, ingested, messages, objects, recordings_of, sessrec, texts, write_objects
from tests.sealing import line_of


@pytest.fixture
def audited_store(store, tmp_path):
    write(tmp_path / "r", a_session(rec="r"))
    ingested(store, tmp_path / "r")
    return store


FOUND = [
    ("exec:curl", [520]),
    ('exec:"cat /etc/shadow"', [620]),
    ("exec:get.sh", [510]),
    ("exec:/usr/bin/sudo", [2000]),
    ("exec:shadow -exec:cat", []),
    ("exec:nonesuch", [2500]),
    ("file:/etc/shadow", [622]),
    ('file:"old data"', [612]),
    ("file:home/alice/data", [560, 612]),
    ("net:192.0.2.7", [530]),
    ("net:443", [530]),
    ("net:files.example", [520, 530]),
    ("net:db1", [3000]),
    ("url:files.example.test", [520]),
    ("event:privilege", [2010]),
    ("privilege", [2010]),
    ("event:failed", [622, 2500]),
    ("exec:cat file:shadow", [620, 622]),
    ("exec:cat file:nonesuch", []),
    ("shadow", [620, 622, 640]),
    ("denied", [640]),
    ("printed:shadow", [640]),
    ("cmd:curl", []),
]
"""Queries, and the moments that they find in the session."""


def test_events_are_found_by_their_fields_and_with_all_else_without_one(audited_store):
    # In one test: a store of its own for each query takes longer than all of the queries.
    for query, moments in FOUND:
        assert [at for _, _, at, _ in found(audited_store, query)] == moments, query


def test_hits_in_events_are_marked_and_have_the_moment_at_which_it_happened(audited_store):
    (hit,) = audited_store.search(parse_query("file:shadow", datetime.now().astimezone()), 10)
    assert (hit.kind, hit.at) == ("file", 622)
    assert [hit.text[start:end] for start, end in hit.spans] == ["shadow"]
    until = hit.facts.start + 0.621
    assert texts(audited_store, f"file:shadow until:@{until}") == []


def test_a_recording_without_the_event_is_not_taken_for_one_with_it(audited_store, tmp_path):
    write(tmp_path / "s", audited(executed(10, 5, 1, "vi", "/etc/shadow"), rec="s"))
    ingested(audited_store, tmp_path / "s")
    assert {rec for rec, *_ in found(audited_store, "exec:shadow")} == {"r", "s"}
    assert {rec for rec, *_ in found(audited_store, "exec:shadow file:shadow")} == {"r"}
    assert {rec for rec, *_ in found(audited_store, "exec:shadow -file:shadow")} == {"s"}


def test_the_command_of_a_session_without_a_terminal_is_found(store, tmp_path):
    built = messages(rec="r")
    built[0]["process"] = {"args": ["bash", "-c", "scp -t /srv/needle"], "executable": "/bin/bash", "pid": 5}
    write_objects(tmp_path / "r", built)
    write_objects(tmp_path / "other", messages(rec="o"))
    ingested(store, tmp_path / "r")
    ingested(store, tmp_path / "other")
    assert texts(store, "exec:needle") == ["session-start bash -c 'scp -t /srv/needle'"]
    assert texts(store, "exec:bash") == ["session-start bash -c 'scp -t /srv/needle'"]


def test_addresses_of_the_web_are_found_wherever_they_stand_once_a_minute(store, tmp_path):
    write(
        tmp_path / "r",
        audited(
            Output(1000, b"see https://a.example.test/x?y=1 (or <http://b.example.test>).\r\n"),
            Output(2000, b"again https://a.example.test/x?y=1.\r\n"),
            executed(3000, 1, 2, "wget", "http://c.example.test", urls=["http://c.example.test"]),
            Output(70_000, b"https://a.example.test/x?y=1\r\n"),
            rec="r",
        ),
    )
    ingested(store, tmp_path / "r")
    assert found(store, "url:example.test") == [
        ("r", "url", 1000, "https://a.example.test/x?y=1"),
        ("r", "url", 1000, "http://b.example.test"),
        ("r", "url", 3000, "http://c.example.test"),
        ("r", "url", 70_000, "https://a.example.test/x?y=1"),
    ]
    assert [kind for _, kind, _, _ in found(store, "c.example.test")] == ["exec"]


def test_an_address_has_the_name_that_the_session_showed_beside_it(store, tmp_path):
    write(
        tmp_path / "r",
        audited(
            Output(1000, b"Connected to db1.example.test (192.0.2.9) port 443\r\n"),
            connected(30_000, "192.0.2.9", 443, pid=5),
            connected(30_001, "192.0.2.10", 443, pid=5),
            executed(30_010, 6, 1, "ssh", "web2", hosts=["web2"]),
            connected(30_020, "192.0.2.53", 53, pid=6),
            connected(30_030, "192.0.2.11", 22, pid=6, by="/usr/bin/ssh"),
            Output(31_000, b"bye\r\n" * 30),
            rec="r",
        ),
    )
    ingested(store, tmp_path / "r")
    assert texts(store, "event:connect") == [
        "connect to 192.0.2.9:443 by /usr/bin/curl (db1.example.test)",
        "connect to 192.0.2.10:443 by /usr/bin/curl",
        "connect to 192.0.2.53:53 by /usr/bin/curl",
        "connect to 192.0.2.11:22 by /usr/bin/ssh (web2)",
    ]


def test_late_and_repeated_messages_leave_each_event_once(store, tmp_path):
    lines = write_objects(tmp_path / "r", a_session(rec="r"))
    ingest = Ingest(store)
    order = [*range(5, len(lines)), *range(5), *range(len(lines))]
    for number in order:
        ingest.take("s", None, [lines[number].rstrip(b"\n")])
    ingest.settle("s")
    assert [at for _, _, at, _ in found(store, "exec:curl")] == [520]
    assert [event.action for event in store.events("r")].count("exec") == 8
    assert store.facts("r").events == 16


class Guard:
    """Tells of every use of curl, and twice of every line with a denial."""

    def watch(self, facts):
        return self

    def event(self, event, fields):
        if event.action == "exec" and "curl" in event.detail:
            yield Event(event.id, event.at, "alert", '{"rule": {"name": "downloads"}}')

    def seen(self, seen):
        for name in ("one", "two") if seen.kind == "printed" and "denied" in seen.text else ():
            yield Event(0, seen.at, "alert", f'{{"rule": {{"name": "{name}"}}}}')

    def stored(self, facts, events):
        pass


@pytest.mark.parametrize("late", [(), (8,), (3,)])
def test_alerts_of_who_watches_are_events_of_the_recording_and_are_found(store, late):
    lines = [line_of(each).rstrip(b"\n") for each in a_session(rec="r")]
    ingest = Ingest(store, Guard())
    ingest.take("s", None, [line for number, line in enumerate(lines) if number not in late])
    ingest.take("s", None, [lines[number] for number in late])
    ingest.settle("s")
    assert texts(store, "event:alert") == ["alert downloads", "alert one", "alert two"]
    alerts = [event for event in store.events("r") if event.action == "alert"]
    assert [(event.at, event.part > 0) for event in alerts] == [(520, True), (640, True), (640, True)]
    assert store.facts("r").events == 16


def test_a_store_of_the_version_before_is_made_one_of_this(tmp_path):
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path)
    write(tmp_path / "r", a_session(rec="r"))
    ingested(store, tmp_path / "r")
    before = list(store.events("r"))
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE events RENAME TO newer")
        connection.execute(
            "CREATE TABLE events (recording INTEGER NOT NULL, id INTEGER NOT NULL, at INTEGER NOT NULL, "
            "action TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (recording, id)) WITHOUT ROWID"
        )
        connection.execute("INSERT INTO events SELECT recording, id, at, action, detail FROM newer")
        connection.execute("DROP TABLE newer")
        connection.execute("DROP INDEX recordings_listed")
        for column in ("ended", "marked", "missing", "events"):
            connection.execute(f"ALTER TABLE recordings DROP COLUMN {column}")
        connection.execute("CREATE INDEX recordings_start ON recordings(start)")
        connection.execute("PRAGMA user_version = 1")
    store = SqliteStore(path)
    assert list(store.events("r")) == before
    assert texts(store, "file:shadow") != []
    (group,) = store.groups(Selection(states=("ended",)), "user")
    assert (group.recordings, group.events) == (1, store.facts("r").events)
    assert store._connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    store.close()


def test_deleting_a_recording_takes_its_events_along(audited_store):
    audited_store.delete(["r"])
    assert found(audited_store, "shadow") == []
    assert list(audited_store.events("r")) == []


def test_the_verb_shows_events_with_their_moment_and_kind(tmp_path):
    write(recordings_of(tmp_path) / "r.jsonl", a_session(rec="r"))
    done = sessrec(tmp_path, "search", "--color", "always", "event:shadow")
    assert "0:00:00.622  file     read /etc/\x1b[1;31mshadow\x1b[0m by /usr/bin/cat (failed: EACCES)" in done.stdout
    assert "sessrec play r --goto 0:00:00.620" in done.stdout
    hits = objects(sessrec(tmp_path, "search", "--json", "url:files"))
    assert [(hit["kind"], hit["at_ms"], hit["text"]) for hit in hits] == [
        ("url", 520, "https://files.example.test/data?id=7")
    ]


def test_hostile_arguments_are_shown_and_not_obeyed(tmp_path):
    hostile = executed(10, 5, 1, "echo", "needle\x1b[2J\nsecond \u202eline \ud800")
    write(recordings_of(tmp_path) / "r.jsonl", audited(hostile, rec="r"))
    for verb in (["search", "needle"], ["show", "r"], ["show", "--tree", "r"]):
        done = sessrec(tmp_path, *verb)
        assert done.returncode == 0, done.stderr
        assert "needle\\x1b[2J\\nsecond \\u202eline " in done.stdout


def test_events_out_of_order_are_searched_by_the_time_at_which_they_happened(store, tmp_path):
    late = touched(100, "file-write", "/srv/one")
    built = audited(touched(50, "file-write", "/srv/two"), late, rec="r")
    built[1]["sessrec"]["at"], built[2]["sessrec"]["at"] = 52, 7
    write(tmp_path / "r", built)
    ingested(store, tmp_path / "r")
    assert [(at, text.split()[1]) for _, _, at, text in found(store, "file:srv")] == [
        (7, "/srv/one"),
        (52, "/srv/two"),
    ]
