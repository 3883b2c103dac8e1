"""What lies outside of a viewer's scope is seen by no way that there is."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.query.query import Grant, QueryError, Selection, parse_query
from auditor.recordings.store import Addition, Event, Facts, Position, Refusal
from auditor.transcript import Seen
from auditor.web.access.scope import ALL, NOTHING, Scope
from auditor.web.access.scoped_store import ScopedStore
from tests.recordings import new_store
from tests.sealing import line_of, messages

BEGAN = 1_764_000_000.0
KINDS = ("printed", "entered", "command", "exec", "file", "network", "other", "url", "host")
USERS = ("alice", "Alice", "bob", "a*", "élan")
HOSTS = ("web1", "WEB2", "db[1]", "?")
SIDES = st.lists(st.sampled_from([*USERS, *HOSTS, "*", "a*", "w?b*", "db[1]"]), max_size=2).map(tuple)
SCOPES = st.builds(
    Scope,
    st.lists(
        st.one_of(st.builds(Grant, SIDES, SIDES), st.builds(Grant, user=st.sampled_from(USERS))), max_size=2
    ).map(tuple),
)


def now():
    return datetime.now().astimezone()


def add(store):
    """One recording of each user on each host, each with a line of each kind."""
    seen = [Seen(kind, 1, f"needle https://{kind}.test") for kind in KINDS]
    additions = []
    for user in USERS:
        for host in HOSTS:
            rec, start = f"{len(additions):02}", BEGAN + len(additions)
            facts = Facts(rec, host, user, "xterm", 1, start, next_id=2, messages=1, ended=True)
            line = line_of(messages(["x"], rec=rec, user=user, host=host)[0])[:-1]
            additions.append(Addition(facts, [(1, line)], seen, events=[Event(1, 0, "exec", "{}")]))
    store.add("test", None, additions, [Refusal("why", "00", "a secret line")])
    return [addition.facts for addition in additions]


@pytest.fixture
def filled(store):
    return store, add(store)


@pytest.fixture(scope="module")
def sqlite_filled(tmp_path_factory):
    store = new_store(tmp_path_factory.mktemp("scope"))
    yield store, add(store)
    store.close()


def check(store, made, scope, each=1):
    scoped = ScopedStore(store, scope, typed=True)
    taken = {facts.rec for facts in made if scope.takes(facts)}
    assert {facts.rec for facts in scoped.recordings(Selection())} == taken
    assert {facts.rec for facts in scoped.recordings(Selection(), oldest_first=True, after=Position(0, "x"))} == taken
    assert {facts.rec for facts in scoped.beginning_with("", 1000)} == taken
    assert {facts.rec for prefix in "01" for facts in scoped.beginning_with(prefix, 1000)} == taken
    for by in ("user", "host", "day"):
        assert sum(group.recordings for group in scoped.groups(Selection(), by)) == len(taken)
    assert {group.key for group in scoped.groups(Selection(), "user")} == {
        facts.user for facts in made if facts.rec in taken
    }
    for text in (
        "needle",
        "event:needle",
        "url:needle",
        "net:needle",
        "needle -cmd:x",
        "needle rec:0",
        "needle host:*",
    ):
        expected = {rec for rec in taken if rec.startswith("0")} if "rec:" in text else taken
        assert {hit.facts.rec for hit in scoped.search(parse_query(text, now()), 20)} == expected
    for facts in made[::each]:
        known = facts.rec in taken
        assert (scoped.facts(facts.rec) is not None) == known
        assert bool(list(scoped.lines(facts.rec))) == known
        assert (scoped.line(facts.rec, 1) is not None) == known
        assert all(bool(list(scoped.seen(facts.rec, kind))) == known for kind in KINDS)
        assert bool(list(scoped.events(facts.rec))) == known
    assert bool(list(scoped.quarantined())) == scope.everything


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SCOPES)
def test_prop_nothing_outside_of_a_scope_is_ever_seen(sqlite_filled, scope):
    check(*sqlite_filled, scope)


def test_nothing_outside_of_a_scope_is_ever_seen_in_either_store(filled):
    for scope in (
        ALL,
        NOTHING,
        Scope.own("alice"),
        Scope.of(hosts=("web*", "?")),
        Scope.of(users=("a*",), hosts=("db[1]",)) | Scope.own("bob"),
        Scope.of(hosts=()),
    ):
        check(*filled, scope, each=6)


def test_a_side_without_patterns_takes_nothing():
    """A group without members, a host group without hosts."""
    facts = Facts("r", "web1", "alice", "xterm", 1, BEGAN)
    assert not Scope.of(hosts=()).takes(facts)
    assert not Scope.of(users=()).takes(facts)
    assert Scope.of().takes(facts)


def test_own_recordings_are_those_of_the_exact_name():
    made = [Facts(user, "h", user, "xterm", 1, BEGAN) for user in USERS]
    assert [facts.user for facts in made if Scope.own("alice").takes(facts)] == ["alice"]
    assert [facts.user for facts in made if Scope.own("a*").takes(facts)] == ["a*"]


def test_who_may_not_see_what_was_typed_does_not_find_it(store):
    store.add("t", None, [Addition(Facts("typed", "h", "u", "t", 1, BEGAN), seen=[
        Seen("entered", 1, "hunter2"), Seen("command", 2, "ls"), Seen("printed", 3, "total 4"),
    ])], [])  # fmt: skip
    for typed, expected in ((True, ["entered"]), (False, [])):
        scoped = ScopedStore(store, ALL, typed=typed)
        assert [hit.kind for hit in scoped.search(parse_query("hunter2", now()), 5)] == expected
        # Nor by what stands beside it in the same recording.
        found = [hit.kind for hit in scoped.search(parse_query("hunter2 cmd:ls", now()), 5)]
        assert found == ([*expected, "command"] if expected else [])
        found = [hit.text for hit in scoped.search(parse_query("total -cmd:x", now()), 5)]
        assert found == ["total 4"]
        assert [seen.text for seen in scoped.seen("typed", "entered")] == (["hunter2"] if typed else [])
    with pytest.raises(QueryError, match="may not see what was typed"):
        list(ScopedStore(store, ALL, typed=False).search(parse_query("entered:hunter2", now()), 5))
    # Words that are excluded tell nothing either.
    scoped = ScopedStore(store, ALL, typed=False)
    with pytest.raises(QueryError):
        list(scoped.search(parse_query("total -entered:hunter2", now()), 5))
    assert [hit.text for hit in scoped.search(parse_query("cmd:ls -hunter2", now()), 5)] == ["ls"]
