"""Recordings made to break the reader: refused or in quarantine with a reason, and the rest is there."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.ingest.file_source import catch_up, changed_files
from auditor.ingest.ingest import Ingest
from auditor.query.query import Selection
from auditor.sqlite.store import SqliteStore
from recorder.formats.message import MAX_LINE
from tests.fuzz import fuzz_message, run
from tests.recordings import (
    ingested,
    messages,
    name_of,
    objects,
    recordings_of,
    sessrec,
    stored_lines,
    texts,
    write_objects,
    write_recording,
)
from tests.sealing import line_of


def reasons(store):
    return [row.reason for row in store.quarantined()]


BROKEN = [
    (b"\n", None),
    (b"{\n", "not JSON"),
    (b'"text"\n', "not a JSON object"),
    (b"\xff\xfe\n", "not UTF-8"),
    (b"\0" * 100 + b"\n", "not JSON"),
    (b"[" * 100_000 + b"\n", "nested"),
    (b'{"a":' * 50_000 + b"\n", "nested"),
    (b'{"ver":"2.3","ver":"2.3"}\n', "twice"),
    (b"x" * (MAX_LINE + 10) + b"\n", "longer than"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN)
def test_a_broken_line_costs_only_itself(store, tmp_path, line, reason):
    good = [line_of(each) for each in messages(["before\r\n", "after\r\n"])]
    write_objects(tmp_path / "r", [*good[:2], line, *good[2:]])
    counts = ingested(store, tmp_path / "r")
    assert (counts.taken, counts.refused) == (4, int(reason is not None))
    assert texts(store, "before") == ["before"]
    assert texts(store, "after") == ["after"]
    assert [reason in said for said in reasons(store)] == ([True] if reason else [])


def changed(each, **fields):
    return each | fields


WRONG = [
    ({"user": 7}, "'user'"),
    ({"user": "u" * 300}, "longer than"),
    ({"host": "\ud800"}, "not Unicode"),
    ({"rec": ""}, "'rec'"),
    ({"rec": "a\x1b[31m"}, "'rec'"),
    ({"id": 0}, "'id'"),
    ({"id": "1"}, "'id'"),
    ({"id": True}, "'id'"),
    ({"id": 2**53 + 2}, "'id'"),
    ({"session": -1}, "'session'"),
    ({"pos": -1}, "'pos'"),
    ({"pos": 1e300}, "'pos'"),
    ({"time": "now"}, "'time'"),
    ({"time": 1e300}, "'time'"),
    ({"timing": ">999999"}, "timing"),
    ({"timing": "+" + "9" * 18 + "+" + "9" * 18}, "timing"),
    ({"timing": "=99999x1"}, "size"),
    ({"out_txt": None}, "'out_txt'"),
    ({"out_bin": [256], "out_txt": "\ufffd", "timing": "]1/1"}, "'out_bin'"),
    ({"out_txt": "x\ud800", "timing": ">2"}, "surrogate"),
    ({"ver": "3.0"}, "version"),
    ({"event": "start"}, "'event'"),
]


@pytest.mark.parametrize(("fields", "reason"), WRONG)
def test_a_field_of_the_wrong_type_or_range_is_refused(store, tmp_path, fields, reason):
    fields = {"timing": "", "out_txt": "", "out_bin": []} | fields
    # As JSON with escapes, which can say what no UTF-8 can.
    line = json.dumps(messages([])[0] | fields).encode() + b"\n"
    write_objects(tmp_path / "r", [line])
    assert ingested(store, tmp_path / "r").refused == 1
    assert len(reasons(store)) == 1
    assert reason in reasons(store)[0]
    assert list(store.recordings(Selection())) == []


EVENTS = [
    {"event": {}},
    {"event": {"action": 7}},
    {"event": {"action": "\ud800\x1b[2J" * 100}},
    {"event": {"action": "session-end"}, "process": [], "sessrec": 7},
    {"event": {"action": "session-end"}, "process": {"exit_code": 10**400}, "sessrec": {"reason": {}}},
    {"event": {"action": "session-end"}, "process": {"exit_code": True}, "sessrec": {"reason": "\ud800"}},
    {"event": {"action": "lost"}, "sessrec": {"lost_bytes": 10**400}},
    {"event": {"action": "lost"}, "sessrec": {"lost_bytes": -5, "x": ["y"] * 100_000}},
    {"event": {"action": "session-start"}, "sessrec": {"charset": 7}, "process": {"args": "bash", "pid": -1}},
    {
        "event": {"action": "session-start"},
        "sessrec": {"charset": "\ud800"},
        "process": {"args": [7, None, "\ud800"] * 500},
    },
    *[
        {"event": {"action": "session-start"}, "sessrec": {"charset": name}}
        for name in (
            "",
            "hex",
            "zlib",
            "rot13",
            "idna",
            "punycode",
            "unicode_escape",
            "undefined",
            "mbcs",
            "utf-16",
            "a\0",
        )
    ],
]


@pytest.mark.parametrize("fields", EVENTS)
def test_an_event_that_says_nonsense_breaks_nothing(store, tmp_path, fields):
    first, *rest = messages(["needle\r\n"] * 3)
    if fields["event"].get("action") == "session-start":
        first |= fields
    else:
        rest[1] |= fields | {"timing": "", "out_txt": ""}
    lines = [json.dumps(each).encode() + b"\n" for each in (first, *rest)]
    write_objects(tmp_path / "r", lines)
    ingested(store, tmp_path / "r")
    (facts,) = store.recordings(Selection())
    assert stored_lines(store, facts.rec)[:3] == lines[:3]
    assert facts.messages + len(reasons(store)) >= 4


def test_a_repeated_id_with_other_content_goes_into_quarantine(store, tmp_path):
    whole = messages(["original\r\n", "more\r\n"])
    forged = whole[1] | {"out_txt": "forged!!\r\n"}
    write_objects(tmp_path / "r", [*whole, forged])
    assert ingested(store, tmp_path / "r").refused == 1
    write_objects(tmp_path / "later", [forged])
    assert ingested(store, tmp_path / "later").refused == 1
    assert set(reasons(store)) == {"another message has the same id"}
    assert texts(store, "forged") == []
    assert texts(store, "original") == ["original"]


def test_nobody_slips_messages_into_anothers_recording(store, tmp_path):
    whole = messages(["mine\r\n"], rec="r")
    write_objects(tmp_path / "r", whole[:2])
    ingested(store, tmp_path / "r")
    write_objects(tmp_path / "forged", messages(["mine\r\n", "theirs\r\n"], rec="r", user="mallory")[2:])
    assert ingested(store, tmp_path / "forged").refused == 2
    assert texts(store, "theirs") == []


def test_a_refused_first_message_does_not_speak_for_those_that_follow(store):
    whole = messages(["mine\r\n"], rec="r")
    ingest = Ingest(store)
    ingest.take("source", None, [line_of(whole[0] | {"id": 2**53, "user": "mallory"})[:-1]])
    ingest.take("source", None, [line_of(each)[:-1] for each in whole])
    assert (ingest.counts.taken, ingest.counts.refused) == (3, 1)
    assert texts(store, "mine user:alice") == ["mine"]


def test_nothing_is_added_behind_the_end(store, tmp_path):
    whole = messages(["a\r\n"])
    write_objects(tmp_path / "r", [*whole, whole[1] | {"id": 4, "pos": 9000}])
    ingested(store, tmp_path / "r")
    assert reasons(store) == ["it comes after the end of the recording"]


def test_a_forged_huge_id_does_not_make_the_rest_late(store, tmp_path):
    whole = messages([f"line {number}\r\n" for number in range(5)])
    write_objects(tmp_path / "r", [*whole[:2], whole[2] | {"id": 2**53}, *whole[2:-1]])
    counts = ingested(store, tmp_path / "r")
    assert (counts.taken, counts.refused) == (6, 1)
    assert "message ids are missing before it" in reasons(store)[0]
    assert texts(store, "line") == [f"line {number}" for number in range(5)]


def test_time_that_jumps_is_shown_or_refused(store, tmp_path):
    whole = messages(["one\r\n", "two\r\n", "three\r\n", "four\r\n"])
    whole[2] |= {"pos": 2**52, "time": 253_402_300_799.0}
    write_objects(tmp_path / "r", whole)
    counts = ingested(store, tmp_path / "r")
    assert (counts.taken, counts.refused) == (3, 3)
    (facts,) = store.recordings(Selection())
    assert facts.length == 2**52
    done = sessrec(tmp_path, "list", "--store", name_of(store))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2)
    assert sessrec(tmp_path, "show", facts.rec, "--store", name_of(store)).returncode == 0
    assert sessrec(tmp_path, "search", "two", "--store", name_of(store)).returncode == 0
    assert objects(sessrec(tmp_path, "list", "--json", "--store", name_of(store)))[0]["length_ms"] == 2**52


def test_very_many_tiny_messages_are_taken(store, tmp_path):
    text = "".join(random.Random(1).choices("abc \n", k=4000))
    write_recording(tmp_path / "r", list(text))
    assert ingested(store, tmp_path / "r").taken == 4002


def test_garbage_is_refused_once_and_not_retried(store, tmp_path):
    (tmp_path / "garbage.jsonl").write_bytes(random.Random(1).randbytes(100_000))
    (tmp_path / "no-newline.jsonl").write_bytes(b"x" * (MAX_LINE + 5))
    catch_up(store, tmp_path)
    first = list(store.quarantined())
    assert first
    assert changed_files(store, [tmp_path]) == []
    catch_up(store, tmp_path)
    assert list(store.quarantined()) == first


def test_quarantine_is_bounded(store, tmp_path):
    write_objects(tmp_path / "r", [b"garbage\n"] * 20_000)
    assert ingested(store, tmp_path / "r").refused == 20_000
    (row,) = store.quarantined()
    assert row.lines == 20_000


def test_control_codes_never_reach_the_terminal(tmp_path):
    escape = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202eevil"
    recordings = recordings_of(tmp_path)
    write_recording(
        recordings / "a.jsonl", ["needle \x1b[31mred\u202e\x1b[0m\r\n"], rec="a", user=escape, host=escape
    )
    write_recording(recordings / f"b{escape.replace('/', '')}.jsonl", ["x"], rec="b", term=escape)
    broken = messages([], rec="c")[:1]
    broken[0] |= {"event": {"action": escape}, "extra": escape}
    write_objects(recordings / "c.jsonl", [*broken, escape.encode() + b"\n"])
    for argv in (
        ["list"],
        ["list", "--json"],
        ["list", "--quarantined"],
        ["list", "--quarantined", "--json"],
        ["show", "a"],
        ["show", "b"],
        ["show", "c"],
        ["show", "c", "--json"],
        ["search", "needle"],
        ["search", "needle", "--json"],
        ["show", escape],
        ["search", escape],
        ["search", "x", f"since:{escape}"],
        ["export", "a", "--as", "text"],
        ["ingest", recordings],
        ["ingest", f"/nowhere/{escape}"],
        ["delete", "--yes", "a", "b"],
    ):
        done = sessrec(tmp_path, *argv)
        shown = (done.stdout + done.stderr).replace("\n", "")
        assert shown, argv
        assert shown.isprintable(), (argv, shown)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    store = SqliteStore(tmp_path_factory.mktemp("shared") / "store.sqlite")
    yield store
    store.close()


WORDS = st.sampled_from(["user", "host", "id", "pos", "time", "timing", "out_txt", "session", "event", "process"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-1, 2**54), st.text(max_size=9), st.just([]), st.just({}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.one_of(st.binary(max_size=40), st.dictionaries(WORDS, VALUES)))),
    st.data(),
)
def test_prop_whatever_is_taken_in_can_be_read_again(shared_store, tmp_path, changes, data):
    rec = f"r{random.Random().getrandbits(64):x}"
    lines = [line_of(each) for each in messages(["a\r\n", "b", b"\xff", "c\r\n"], rec=rec)]
    for position, change in changes:
        if isinstance(change, bytes):
            lines.insert(position, change.replace(b"\n", b"") + b"\n")
        else:
            lines.insert(position, json.dumps(messages(["z"], rec=rec)[1] | change).encode() + b"\n")
    write_objects(tmp_path / "r", lines)
    counts = ingested(shared_store, tmp_path / "r")
    assert counts.taken + counts.known + counts.refused == len([line for line in lines if line != b"\n"])
    kept = stored_lines(shared_store, rec)
    ids = [json.loads(line)["id"] for line in kept]
    assert ids == sorted(set(ids))
    assert set(kept) <= set(lines)
    facts = shared_store.facts(rec)
    assert (facts.messages, facts.missing) == (len(ids), ids[-1] - len(ids))
    for kind in ("printed", "entered", "command"):
        list(shared_store.seen(rec, kind))
    again = ingested(shared_store, tmp_path / "r")
    assert (again.taken, again.refused) == (0, counts.refused)


def test_mutated_messages_are_messages_or_refused():
    assert run(fuzz_message.target, fuzz_message.SEEDS, runs=3000) > 10
