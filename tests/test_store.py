"""What is true of every store, whoever else is using it: SQLite in one file, Elasticsearch on a real node."""

import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.ingest.ingest import Ingest
from auditor.query.query import Selection
from auditor.recordings.store import Addition, ConflictError, Event, Facts, Refusal
from auditor.recordings.store_name import open_named, store_name
from auditor.transcript import Seen
from tests.recordings import (
    BEGAN,
    HERE,
    environment,
    found,
    messages,
    name_of,
    recordings_of,
    stored_lines,
    texts,
    write_recording,
)
from tests.sealing import line_of


@pytest.fixture
def opened(store):
    """Opens the same store again, as another process would."""
    others = []

    def open_again():
        others.append(open_named(store_name(str(name_of(store)))))
        return others[-1]

    yield open_again
    for other in others:
        other.close()


def test_two_processes_at_once_double_nothing(store, tmp_path):
    recordings = recordings_of(tmp_path)
    for number in range(12):
        write_recording(recordings / f"r{number}.jsonl", [f"needle {number}\r\n"] * 40, rec=f"r{number}")
    command = [sys.executable, "-m", "sessrec", "ingest", str(recordings), "--store", str(name_of(store))]
    both = [
        subprocess.Popen(command, cwd=HERE, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [(process.communicate()[1], process.returncode) for process in both] == [(b"", 0)] * 2
    assert len(list(store.recordings(Selection()))) == 12
    assert len(texts(store, "needle")) == 12 * 40
    for facts in store.recordings(Selection()):
        assert facts.messages == 42
        assert b"".join(stored_lines(store, facts.rec)) == (recordings / f"{facts.rec}.jsonl").read_bytes()
    assert list(store.quarantined()) == []


def test_two_writers_of_one_recording_agree(store):
    """Threads with a store each, so that they meet within one recording again and again."""
    whole = [line_of(each) for each in messages([f"needle {number}\r\n" for number in range(60)])]
    failures = []

    def take(step):
        # SQLite wants to be opened by the thread that uses it.
        store = open_named(store_name(str(name_of(store_of_all))))
        try:
            ingest = Ingest(store)
            for start in range(0, len(whole), step):
                ingest.take(f"source {step}", None, [line.rstrip(b"\n") for line in whole[start : start + step]])
            ingest.settle(f"source {step}")
        except Exception as error:
            failures.append(error)
        finally:
            store.close()

    store_of_all = store
    threads = [threading.Thread(target=take, args=(step,)) for step in (2, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    (facts,) = store.recordings(Selection())
    assert (facts.messages, facts.missing, facts.ended) == (62, 0, True)
    assert stored_lines(store, facts.rec) == whole
    assert texts(store, "needle") == [f"needle {number}" for number in range(60)]


def test_a_process_that_was_overtaken_goes_on_from_what_is_there(opened):
    whole = [line_of(each)[:-1] for each in messages([f"needle {number}\r\n" for number in range(9)])]
    stores = [opened() for _ in range(2)]
    slow, fast = map(Ingest, stores)
    slow.take("slow", "1", whole[:3])
    fast.take("fast", "1", whole[:6])
    fast.settle("fast")
    slow.take("slow", "2", whole[3:8])
    assert (slow.counts.taken, slow.counts.known) == (5, 3)
    fast.take("fast", "2", whole)
    slow.settle("slow", "3")
    assert (fast.counts.taken, fast.counts.known) == (6, 11)
    for store in stores:
        (facts,) = store.recordings(Selection())
        assert (facts.messages, facts.missing, facts.ended, facts.settled) == (11, 0, True, True)
        assert [line[:-1] for line in stored_lines(store, facts.rec)] == whole
        assert texts(store, "needle") == [f"needle {number}" for number in range(9)]


def test_a_recording_deleted_while_it_is_taken_in_stays_deleted(opened):
    whole = [line_of(each)[:-1] for each in messages(["needle\r\n"] * 9, rec="r")]
    taking, deleting = opened(), opened()
    ingest = Ingest(taking)
    ingest.take("source", "1", whole[:5])
    deleting.delete(["r"])
    ingest.take("source", "2", whole[5:])
    ingest.settle("source")
    assert ingest.counts.deleted == 6
    assert list(taking.recordings(Selection())) == []
    assert texts(taking, "needle") == []


def test_an_addition_that_was_computed_from_something_else_leaves_nothing(store):
    facts = Facts("r", "h", "u", "t", 1, BEGAN, next_id=2, messages=1)
    first = messages(["one\r\n"], rec="r")
    store.add("a", "1", [Addition(facts, [(1, line_of(first[0])[:-1])], [Seen("printed", 0, "kept")])], [])
    stale = Addition(
        replace(facts, next_id=3),
        [(2, line_of(first[1])[:-1])],
        [Seen("printed", 1, "stale")],
        events=[Event(2, 5, "stale", "{}")],
    )
    with pytest.raises(ConflictError, match="r was added to by another process"):
        store.add("a", "2", [stale], [Refusal("why", "r", "x")])
    assert (texts(store, "stale"), texts(store, "kept"), list(store.events("r"))) == ([], ["kept"], [])
    assert stored_lines(store, "r") == [line_of(first[0])]
    assert store.line("r", 2) is None
    assert (dict(store.marks("")), list(store.quarantined())) == ({"a": "1"}, [])


def test_refused_lines_are_counted_by_source_recording_and_reason(store):
    store.add("a", "1", [], [Refusal("why", "r", "first"), Refusal("why", "r", "second"), Refusal("else", "", "x")])
    store.add("b", None, [], [Refusal("why", "r", "other")])
    rows = {(row.source, row.rec, row.reason): (row.excerpt, row.lines) for row in store.quarantined()}
    assert rows == {
        ("a", "r", "why"): ("first", 2),
        ("a", "", "else"): ("x", 1),
        ("b", "r", "why"): ("other", 1),
    }
    assert dict(store.marks("")) == {"a": "1"}


def test_marks_are_those_of_sources_that_begin_so(store):
    for source in ("file:/a", "file:/a/b", "file:/b", "journal:*"):
        store.add(source, f"at {source}", (), ())
    store.add("file:/a", "further", (), ())
    assert store.marks("file:/a") == {"file:/a": "further", "file:/a/b": "at file:/a/b"}
    assert store.marks("journal:*") == {"journal:*": "at journal:*"}


def test_recordings_are_found_by_the_beginning_of_their_ids(store):
    for rec in ("abc", "abd", "b*c", "日本" * 100, "日本" * 90):
        store.add("a", None, [Addition(Facts(rec, "h", "u", "t", 1, BEGAN))], [])
    assert [facts.rec for facts in store.beginning_with("ab", 3)] == ["abc", "abd"]
    assert [facts.rec for facts in store.beginning_with("", 2)] == ["abc", "abd"]
    assert [facts.rec for facts in store.beginning_with("b*", 3)] == ["b*c"]
    assert len(store.beginning_with("日", 3)) == 2
    assert store.beginning_with("*", 3) == []


def test_texts_and_events_are_replaced_when_they_are_made_anew(store):
    facts = Facts("r", "h", "u", "t", 1, BEGAN)
    old = [Seen("printed", 1, "old needle"), Seen("command", 2, "old")]
    store.add("a", None, [Addition(facts, seen=old, events=[Event(1, 0, "old", "{}")])], [])
    new = [Seen("printed", 1, "new needle")]
    events = [Event(1, 0, "new", "{}"), Event(1, 9, "alert", '{"a":1}', 1), Event(2, 3, "other", "{}")]
    store.add("a", None, [Addition(replace(facts, revision=1), seen=new, events=events[::-1], anew=True)], [])
    assert texts(store, "needle") == ["new needle"]
    assert list(store.seen("r", "printed")) == new
    assert list(store.seen("r", "command")) == []
    assert list(store.events("r")) == events
    assert list(store.events("r", 1)) == events[2:]
    assert list(store.events("r", 2)) == []


def test_a_recording_of_more_messages_than_one_answer_has_comes_whole(store):
    facts = Facts("r", "h", "u", "t", 1, BEGAN)
    count, lines = 12_345, []
    template = messages(["x\r\n"], rec="r")[1]
    for id in range(1, count + 1):
        lines.append((id, line_of(template | {"id": id, "pos": id})[:-1]))
    seen = [Seen("printed", id, f"line {id}") for id in range(1, count + 1)]
    store.add("a", None, [Addition(replace(facts, next_id=count + 1, messages=count), lines, seen)], [])
    assert [line for batch in store.lines("r") for line in batch] == [line for _, line in lines]
    assert [line for batch in store.lines("r", 12_000) for line in batch] == [line for _, line in lines[12_000:]]
    assert list(store.seen("r", "printed")) == seen
    assert texts(store, "line") == [f"line {id}" for id in range(1, 10_001)]
    assert [text for _, _, _, text in found(store, "12345")] == ["line 12345"]


WORD = st.text("abcX日本é-/ ._*\\", min_size=1, max_size=6)
LONG = st.builds(lambda word, count: word * count, st.sampled_from(["abc", "日é", "x."]), st.integers(60, 500))
LINES = st.lists(
    st.tuples(
        st.sampled_from(["printed", "command", "exec"]),
        st.lists(st.one_of(WORD, WORD, LONG), max_size=4).map(" ".join),
    ),
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, min_size=1, max_size=3), st.data())
def test_prop_a_store_finds_what_reading_every_line_finds(store, recordings, data):
    line = data.draw(st.sampled_from([text for lines in recordings for _, text in lines] or ["a"]))
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    term = " ".join(line[start:end].split()) or "a"
    kind = data.draw(st.sampled_from(["", "cmd:", "printed:"]))
    recs = [f"r{number}" for number in range(len(recordings))]
    test_prop_a_store_finds_what_reading_every_line_finds.round = number = (
        getattr(test_prop_a_store_finds_what_reading_every_line_finds, "round", 0) + 1
    )
    expected = []
    for rec, lines in zip(recs, recordings, strict=True):
        # Ids of their own each time: to delete what the last example left takes longer than the example.
        facts = Facts(f"{number}-{rec}", "h", f"u{number}", "t", 1, BEGAN)
        seen = [Seen(kind, at, text) for at, (kind, text) in enumerate(lines)]
        half = len(seen) // 2
        store.add("test", None, [Addition(facts, seen=seen[:half], passing=seen[half:])], [])
        store.add("test", None, [Addition(replace(facts, revision=1), seen=seen[half:])], [])
        expected += [
            (facts.rec, each.kind, each.at, each.text)
            for each in seen
            if term.lower() in each.text.lower()
            and (not kind or each.kind == {"cmd:": "command", "printed:": "printed"}[kind])
        ]
    quoted = term.replace("\\", "\\\\").replace('"', '\\"')
    assert sorted(found(store, f'{kind}"{quoted}" user:u{number}')) == sorted(expected)
