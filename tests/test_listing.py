"""Lists of recordings: page by page, limited to what somebody may know of, and counted; in either kind of store."""

import time
from datetime import datetime
from itertools import islice, pairwise, repeat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.query.query import Grant, Selection, parse_query
from auditor.recordings.recording_state import recording_state
from auditor.recordings.store import Addition, Facts, Position, RecordingGroup, SearchPausedError
from auditor.transcript import Seen
from tests.recordings import new_store

DAY = 86_400
BEGAN = 1_764_000_000.0  # 2025-11-24 16:00 UTC


def add(store, *recordings):
    store.add("test", None, [Addition(facts, seen=[Seen("printed", 1, "needle")]) for facts in recordings], [])


def facts(rec, user="alice", host="web1", start=BEGAN, **more):
    return Facts(rec, host, user, "xterm", 1, start, **({"ended": True, "marked": True} | more))


def recs(found):
    return [each.rec for each in found]


def paged(store, selection, size, *, oldest_first=False):
    found, after = [], None
    while page := list(islice(store.recordings(selection, oldest_first=oldest_first, after=after), size)):
        found += page
        after = Position(page[-1].start, page[-1].rec)
    return found


def test_page_by_page_no_recording_is_left_out_or_shown_twice(store):
    """Many of them began at the same moment."""
    add(store, *[facts(f"r{number:03}", start=BEGAN + number // 10) for number in range(45)])
    whole = list(store.recordings(Selection()))
    assert len(whole) == 45
    assert all(newer.start >= older.start for newer, older in pairwise(whole))
    for size in (1, 7, 45):
        assert paged(store, Selection(), size) == whole
    assert paged(store, Selection(), 7, oldest_first=True) == whole[::-1]


def test_a_page_goes_on_where_a_recording_was_deleted(store):
    add(store, *[facts(f"r{number}", start=BEGAN + number) for number in range(6)])
    store.delete(["r3"])
    assert recs(store.recordings(Selection(), after=Position(BEGAN + 3, "r3"))) == ["r2", "r1", "r0"]


def test_a_search_goes_on_behind_a_recording(store):
    add(store, *[facts(f"r{number}", start=BEGAN + number // 2) for number in range(6)])
    query = parse_query("needle", datetime.now().astimezone())
    whole = [hit.facts for hit in store.search(query, 5)]
    for place, each in enumerate(whole):
        after = Position(each.start, each.rec)
        assert [hit.facts for hit in store.search(query, 5, after=after)] == whole[place + 1 :]


def test_recordings_are_counted_by_user_host_and_day(store):
    add(
        store,
        facts("a", length=1000, events=2),
        facts("b", host="web2", start=BEGAN + 60, length=500, events=1),
        facts("c", user="bob", start=BEGAN + 3 * DAY, length=10),
    )
    assert store.groups(Selection(), "user") == [
        RecordingGroup("alice", 2, 1500, 3, BEGAN + 60),
        RecordingGroup("bob", 1, 10, 0, BEGAN + 3 * DAY),
    ]
    assert [group.key for group in store.groups(Selection(), "host")] == ["web1", "web2"]
    days = [datetime.fromtimestamp(when).strftime("%Y-%m-%d") for when in (BEGAN + 3 * DAY, BEGAN)]
    assert [(group.key, group.recordings) for group in store.groups(Selection(), "day")] == [
        (days[0], 1),
        (days[1], 2),
    ]
    assert recs(store.recordings(Selection(users=("AL*",), hosts=("web2",)))) == ["b"]
    assert [group.recordings for group in store.groups(Selection(users=("AL*",), until=BEGAN + 60), "user")] == [1]
    assert store.groups(Selection(within=()), "user") == []


def test_recordings_are_selected_by_their_state(store):
    now = time.time()
    made = [
        facts("ended"),
        facts("open", ended=False, marked=False),
        facts("broken", ended=False),
        facts("incomplete", missing=2),
        facts("live", ended=False, start=now - 30, length=30_000),
    ]
    add(store, *made)
    for each in made:
        assert recs(store.recordings(Selection(states=(recording_state(each),)))) == [each.rec]
    assert len(recs(store.recordings(Selection(states=("ended", "live"))))) == 2


@pytest.fixture
def sqlite_store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()


NAMES = st.sampled_from(
    ["alice", "Alice", "al%ce", "al_ce", "ALI\\CE", "élan", "ÉLAN", "bob", "a[b]", "b*b", "K", "k", "K"]
)
PATTERNS = st.one_of(NAMES, st.text("abekKéÉ*?%_[]\\", max_size=4))
SIDES = st.lists(PATTERNS, max_size=2).map(tuple)
GRANTS = st.builds(Grant, users=SIDES, hosts=SIDES, user=st.one_of(st.none(), NAMES))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(NAMES, NAMES), max_size=5),
    st.builds(
        Selection,
        users=SIDES,
        hosts=SIDES,
        not_users=SIDES,
        not_hosts=SIDES,
        within=st.one_of(st.none(), st.lists(GRANTS, max_size=2).map(tuple)),
    ),
)
def test_prop_what_is_listed_and_counted_is_what_the_selection_takes(sqlite_store, names, selection):
    """What the index is asked for leaves nothing out, and what it does not know exactly is decided afterwards."""
    sqlite_store.delete(recs(sqlite_store.recordings(Selection())))
    test_prop_what_is_listed_and_counted_is_what_the_selection_takes.round = number = (
        getattr(test_prop_what_is_listed_and_counted_is_what_the_selection_takes, "round", 0) + 1
    )
    made = [facts(f"{number}-{place}", user, host) for place, (user, host) in enumerate(names)]
    add(sqlite_store, *made)
    taken = {each.rec for each in made if selection.takes(each.rec, each.user, each.host)}
    assert set(recs(sqlite_store.recordings(selection))) == taken
    for by in ("user", "host", "day"):
        assert sum(group.recordings for group in sqlite_store.groups(selection, by)) == len(taken)


def test_a_search_that_takes_too_long_stops_and_goes_on_where_it_was(store):
    """A page of candidates of the one store, a recording of the other, is looked through in any case."""
    made = [facts(f"r{number:04}", start=BEGAN + number // 7) for number in range(400)]
    # For the index a few more have it: signs between words are no part of it.
    texts = ["nee-dle" if number % 5 else "nee dle" for number in range(400)]
    seen = [[Seen("printed", at, text) for at in range(3)] for text in texts]
    store.add("test", None, [Addition(*each) for each in zip(made, repeat(()), seen)], [])
    query = parse_query("nee-dle", datetime.now().astimezone())
    whole = [hit.facts.rec for hit in store.search(query, 5)]
    assert len(whole) == 3 * 320
    found, after, pauses, more = [], None, 0, True
    while more:
        more = False
        try:
            for hit in store.search(query, 5, after=after, patience=0):
                found.append(hit.facts.rec)
        except SearchPausedError as paused:
            after, pauses, more = paused.position, pauses + 1, True
    assert found == whole
    assert pauses > 1
