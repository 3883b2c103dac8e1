"""Searching: what is found, where it says it is, and that it is the same whether the index knows the words or not."""

import json
import os
import pty
import subprocess
import sys
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.query.query import parse_query
from auditor.recordings.store import Addition, Facts
from auditor.sqlite import search as sqlite_search
from auditor.sqlite import texts as sqlite_texts
from auditor.sqlite.store import SqliteStore
from auditor.transcript import Seen
from tests.recordings import (
    BEGAN,
    HERE,
    environment,
    found,
    ingested,
    objects,
    recordings_of,
    sessrec,
    texts,
    write_recording,
)


def add(store, rec, *seen, user="alice", host="web1", start=BEGAN, **more):
    """A recording of which just this was seen: (kind, at, text) or texts that were printed a second apart."""
    seen = [
        Seen("printed", number * 1000, each) if isinstance(each, str) else Seen(*each)
        for number, each in enumerate(seen)
    ]
    facts = Facts(rec, host, user, "xterm", 7, start, length=max((each.at for each in seen), default=0))
    store.add("test", None, [Addition(facts, seen=seen, **more)], [])


def recs(store, query):
    return [rec for rec, _, _, _ in found(store, query)]


def test_text_is_found_as_it_was_seen(store, tmp_path):
    write_recording(tmp_path / "r", ["\x1b[31mPermis", "sion\x1b[0m de", "nied\r\n"])
    ingested(store, tmp_path / "r")
    for query in ("permission", "ermissi", "PERMISSION DENIED", '"permission denied"', '"sion den"', "nied -granted"):
        assert texts(store, query) == ["Permission denied"], query
    for query in (
        "permissions",
        '"denied permission"',
        "permission granted",
        "permission -denied",
        '"permissionden"',
    ):
        assert texts(store, query) == [], query


def test_a_hit_has_its_moment_and_its_place_in_the_line(store):
    add(store, "r", ("printed", 500, "no"), ("command", 61_234, "İcat /etc/Passwd; ls   /ETC"))
    (hit,) = store.search(parse_query('/etc "passwd; ls /etc"', datetime.now().astimezone()), 10)
    assert (hit.facts.rec, hit.kind, hit.at) == ("r", "command", 61_234)
    assert [hit.text[start:end] for start, end in hit.spans] == ["/etc", "Passwd; ls   /ETC"]


def test_fields_are_looked_for_in_one_line_and_together_in_one_recording(store):
    add(store, "made", ("command", 1, "make test"), ("printed", 2, "error: no rule"), ("printed", 3, "make: failed"))
    add(store, "read", ("command", 1, "less error.log"), ("printed", 2, "make an error"))
    add(store, "typed", ("entered", 1, "make love"), ("printed", 2, "not war"))
    assert found(store, "cmd:make error") == [
        ("made", "command", 1, "make test"),
        ("made", "printed", 2, "error: no rule"),
    ]
    assert recs(store, "cmd:error") == ["read"]
    assert texts(store, "entered:make") == ["make love"]
    assert recs(store, "make error") == ["read"]
    assert recs(store, "screen:make -cmd:less") == ["made"]
    assert recs(store, "cmd:make -cmd:test") == []
    assert recs(store, "make -error") == ["typed", "made", "made"]
    assert recs(store, "cmd:make cmd:less") == []


def test_recordings_are_chosen_by_user_host_id_and_time(store):
    for number, (user, host) in enumerate([("alice", "web1"), ("bob", "web2"), ("Alan", "db1")]):
        add(store, f"r{number}", "needle", user=user, host=host, start=BEGAN + number * 100)
    assert recs(store, "needle") == ["r2", "r1", "r0"]
    assert recs(store, "needle user:al*") == ["r2", "r0"]
    assert recs(store, "needle user:al* host:web?") == ["r0"]
    assert recs(store, "needle -user:bob") == ["r2", "r0"]
    assert recs(store, "needle rec:r1") == ["r1"]
    assert recs(store, f"needle since:@{BEGAN + 50}") == ["r2", "r1"]
    assert recs(store, f"needle until:@{BEGAN + 50}") == ["r0"]


def test_times_are_those_of_the_hit_not_of_the_recording(store):
    add(store, "long", ("printed", 0, "needle early"), ("printed", 3_600_000, "needle late"))
    assert texts(store, f"needle since:@{BEGAN + 1800}") == ["needle late"]
    assert texts(store, f"needle until:@{BEGAN + 1800}") == ["needle early"]


def test_one_recording_does_not_hide_the_others(store):
    add(store, "noisy", *["needle"] * 500, start=BEGAN + 10)
    add(store, "quiet", "needle")
    assert [rec for rec, _, _, _ in found(store, "needle", each=3)] == ["noisy"] * 3 + ["quiet"]


def test_one_and_two_letters_and_signs_are_found_too(store):
    add(store, "r", "vi /etc/hosts", "a -> b", "日本語を読む", "x")
    assert texts(store, "v") == ["vi /etc/hosts"]
    assert texts(store, '"->"') == ["a -> b"]
    assert texts(store, "本") == ["日本語を読む"]
    assert texts(store, "語を") == ["日本語を読む"]
    assert texts(store, "X") == ["x"]


def test_a_line_longer_than_a_block_is_found_whole(store):
    line = "x" * 3 * sqlite_texts.BLOCK + " needle"
    add(store, "r", "before", line, "after")
    assert texts(store, "needle") == [line]
    assert texts(store, "after") == ["after"]


def test_text_that_passed_is_replaced_when_more_comes(store):
    facts = Facts("r", "h", "u", "t", 1, BEGAN)
    passing = [Seen("printed", 1, "half a needle")]
    store.add("test", None, [Addition(facts, seen=[Seen("printed", 0, "first")], passing=passing)], [])
    assert texts(store, "needle") == ["half a needle"]
    facts.revision = 1
    store.add("test", None, [Addition(facts, seen=[Seen("printed", 1, "half a needle is no needle")])], [])
    assert texts(store, "needle") == ["half a needle is no needle"]


WORD = st.text("abcX日本é-/ ._", min_size=1, max_size=6)
LINES = st.lists(
    st.tuples(st.sampled_from(["printed", "command"]), st.lists(WORD, max_size=4).map(" ".join)), max_size=8
)


@settings(max_examples=80, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=4), st.data())
def test_prop_the_index_finds_what_reading_every_line_finds(tmp_path_factory, recordings, data):
    """With blocks so small and limits so low that every way through the search is taken."""
    line = data.draw(st.sampled_from([text for lines in recordings for _, text in lines] or ["a"]))
    start = data.draw(st.integers(0, len(line)))
    term = " ".join(line[start : data.draw(st.integers(start, len(line)))].split()) or "a"
    kind = data.draw(st.sampled_from(["", "cmd:", "printed:"]))
    store = SqliteStore(tmp_path_factory.mktemp("prop") / "s")
    before = sqlite_texts.BLOCK, sqlite_search.MAX_WORDS, sqlite_search.MAX_LINES
    sqlite_texts.BLOCK, sqlite_search.MAX_WORDS, sqlite_search.MAX_LINES = data.draw(
        st.tuples(
            st.sampled_from([8, 40, 9999]),
            st.sampled_from([0, 1, 400]),
            st.sampled_from([0, 2]),
        )
    )
    expected = []
    try:
        for number, lines in enumerate(recordings):
            # In two additions, so that the second continues blocks of the first.
            seen = [Seen(kind, at, text) for at, (kind, text) in enumerate(lines)]
            half = len(seen) // 2
            facts = Facts(f"r{number}", "h", "u", "t", 1, BEGAN)
            store.add("test", None, [Addition(facts, seen=seen[:half], passing=seen[half:])], [])
            facts.revision = 1
            store.add("test", None, [Addition(facts, seen=seen[half:])], [])
            expected += [
                (facts.rec, seen.kind, seen.at, seen.text)
                for seen in seen
                if term.lower() in " ".join(seen.text.split(" ")).lower()
                and kind in ("", {"command": "cmd:"}.get(seen.kind, "printed:"))
            ]
        assert sorted(found(store, f'{kind}"{term}"')) == sorted(expected)
    finally:
        sqlite_texts.BLOCK, sqlite_search.MAX_WORDS, sqlite_search.MAX_LINES = before
        store.close()


def test_the_verb_shows_each_hit_with_the_command_that_plays_it(tmp_path):
    write_recording(recordings_of(tmp_path) / "r.jsonl", ["one \x1b[1mneed", "le\x1b[0m two\r\n"], rec="r")
    done = sessrec(tmp_path, "search", "needle")
    assert (done.returncode, done.stderr) == (0, "")
    title, hit, play = done.stdout.splitlines()
    assert title.split() == ["2026-11-23", "10:53:51", "alice@web1.example.test", "r"]
    assert hit.split()[1:] == ["printed", "one", "needle", "two"]
    assert play.strip() == f"sessrec play r --goto {hit.split()[0]}"
    marked = sessrec(tmp_path, "search", "--color", "always", "needle").stdout
    assert "one \x1b[1;31mneedle\x1b[0m two" in marked


def test_the_verb_gives_a_json_object_for_each_hit(tmp_path):
    write_recording(recordings_of(tmp_path) / "r.jsonl", ["one\r\n", "é needle\r\n"], rec="r")
    (hit,) = objects(sessrec(tmp_path, "search", "needle", "--json"))
    assert hit.pop("at_ms") == 2000
    assert hit == {
        "rec": "r",
        "user": "alice",
        "host": "web1.example.test",
        "time": "2026-11-23T10:53:53.220+00:00",
        "kind": "printed",
        "text": "é needle",
        "highlight": [[2, 8]],
    }


def test_the_verb_says_when_nothing_is_found_and_what_is_wrong_with_a_query(tmp_path):
    done = sessrec(tmp_path, "search", "needle")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "nothing found\n")
    done = sessrec(tmp_path, "search", '"needle')
    assert (done.returncode, done.stderr) == (2, 'sessrec: a phrase is not closed: add a " at its end\n')


def test_limits_of_the_verb(tmp_path):
    for rec in ("a", "b"):
        write_recording(recordings_of(tmp_path) / f"{rec}.jsonl", ["needle\r\n"] * 5, rec=rec)
    assert len(objects(sessrec(tmp_path, "search", "needle", "--json", "--limit", "7"))) == 7
    assert [hit["rec"] for hit in objects(sessrec(tmp_path, "search", "needle", "--json", "--each", "1"))] == [
        "b",
        "a",
    ]


def test_hits_are_marked_on_a_terminal_only(tmp_path):
    write_recording(recordings_of(tmp_path) / "r.jsonl", ["one needle two" + " more" * 60 + "\r\n"], rec="r")
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "sessrec", "search", "needle"]
    environ = environment(tmp_path) | {"COLUMNS": "80"}
    process = subprocess.Popen(command, cwd=HERE, env=environ, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            shown += os.read(controller, 4096)
        except OSError:
            break
    process.wait(30)
    os.close(controller)
    assert b"\x1b[1;31mneedle\x1b[0m" in shown
    assert all(len(line) < 130 for line in shown.splitlines())
    assert "\x1b" not in sessrec(tmp_path, "search", "needle").stdout


def test_json_of_a_hit_has_no_control_characters(tmp_path):
    write_recording(recordings_of(tmp_path) / "r.jsonl", ["needle \u009b31m \u202e\r\n"], rec="r")
    done = sessrec(tmp_path, "search", "needle", "--json")
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["text"].startswith("needle")
