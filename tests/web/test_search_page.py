"""The page of searches: hits by session, each a moment of the player, within what the viewer may see."""

import html
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.recordings.store import Addition, Facts, Hit
from auditor.transcript import Seen
from auditor.web.access.scope import ALL, Scope
from auditor.web.access.viewer import Right, Viewer
from auditor.web.pages.search import EACH, PAGE, pieces
from tests.audited import a_session
from tests.recordings import ingested, name_of, new_store, write_objects
from tests.web.sites import client_of, site_of

BEGAN = 1_764_000_000.0


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def client(store):
    return client_of(site_of(name_of(store)))


def add(store, rec, *seen, user="alice", host="web1", start=BEGAN):
    facts = Facts(rec, host, user, "xterm", 1, start, length=60_000, ended=True)
    store.add("test", None, [Addition(facts, seen=seen)], [])


def sessions(page):
    """Of each session shown: its id, and its hits as (kind, moment in the URL, text with what is marked in [])."""
    found = []
    for section in re.findall(r'<section class="hits".*?</section>', page.text, re.DOTALL):
        hits = []
        for url, kind, text in re.findall(
            r'<li><a href="([^"]*)">.*?<span class="kind">(.*?)</span> <span class="[^"]* line">(.*?)</span></li>',
            section,
            re.DOTALL,
        ):
            query = parse_qs(urlsplit(html.unescape(url)).query)
            marked = text.replace("<mark>", "[").replace("</mark>", "]")
            hits.append((kind, query["t"][0], html.unescape(marked)))
        rec = re.search(r'<h2><a href="/watch/([^"?]*)\?', section)[1]
        found.append((rec, hits))
    return found


def test_hits_stand_by_session_with_what_was_found_marked(store, client):
    add(
        store,
        "old",
        Seen("printed", 28_812_345, "an Error occurred: error 5"),
        Seen("command", 3000, "grep error log"),
    )
    add(store, "new", Seen("exec", 7, "/usr/bin/errors"), user="bob", start=BEGAN + 5)
    page = client.get("/search?q=error")
    assert sessions(page) == [
        ("new", [("program", "0.007", "/usr/bin/[error]s")]),
        ("old", [("command", "3", "grep [error] log"), ("screen", "28812.345", "an [Error] occurred: [error] 5")]),
    ]
    assert 'value="error"' in page.text
    url = html.unescape(re.search(r'href="(/watch/old\?t=[^"]*)"', page.text)[1])
    assert parse_qs(urlsplit(url).query) == {"t": ["3"], "q": ["error"]}


def test_every_field_can_be_asked(store, client, tmp_path):
    write_objects(tmp_path / "a.jsonl", a_session(rec="r"))
    ingested(store, tmp_path / "a.jsonl")
    kinds = {
        query: {kind for _, hits in sessions(client.get("/search", params={"q": query})) for kind, _, _ in hits}
        for query in ("exec:curl", "file:/etc", "net:192.0.2", "url:example", "event:curl")
    }
    assert kinds["exec:curl"] == {"program"}
    assert kinds["file:/etc"] == {"file"}
    assert kinds["net:192.0.2"] <= {"network", "host"}
    assert kinds["url:example"] == {"address"}
    assert all(kinds.values())


def test_fields_below_the_box_narrow_the_search(store, client):
    for number, (user, host) in enumerate([("alice", "web1"), ("bob", "web1"), ("bob", "db1")]):
        add(store, f"r{number}", Seen("printed", 1000, "needle"), user=user, host=host, start=BEGAN + number * 3600)

    def found(query):
        return "".join(rec[1] for rec, _ in sessions(client.get("/search?q=needle" + query)))

    assert found("") == "210"
    assert found("&user=bob&host=web*") == "1"
    assert found(" user:bob&host=web*") == "1"
    assert found("&user=-bob") == "0"
    assert found(f"&since=@{BEGAN + 3600:.0f}") == "21"
    assert found("&range=hour") == ""
    assert found("&state=live") == ""
    both = client.get("/search?q=needle user:bob&user=alice")
    assert both.status_code == 400
    assert "use one of them" in both.text


def test_the_search_goes_on_with_older_sessions(store, client):
    store.add(
        "test",
        None,
        [
            Addition(
                Facts(f"r{number:02}", "web1", "alice", "xterm", 1, BEGAN + number // 3, ended=True),
                seen=[Seen("printed", at, f"needle {at}") for at in range(8)],
            )
            for number in range(2 * PAGE + 3)
        ],
        [],
    )
    page, found = client.get("/search?q=needle&user=al*"), []
    while True:
        found += sessions(page)
        further = re.search(r'<a rel="next" href="([^"]*)"', page.text)
        if further is None:
            break
        assert len(sessions(page)) == PAGE
        page = client.get(html.unescape(further[1]))
        assert "First page" in page.text
    assert [rec for rec, _ in found] == [f"r{number:02}" for number in reversed(range(2 * PAGE + 3))]
    assert all(len(hits) == EACH for _, hits in found)
    assert "All hits in this session" in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('"open', "a phrase is not closed"),
        ("-only", "nothing to look for"),
        ("user:alice", "nothing to look for"),
        ("since:never x", "is not a point in time"),
        ("a " * 60, "more than 50 words"),
        ("x" * 1001, "longer than 1000 characters"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_beside_it(client, query, told):
    page = client.get("/search", params={"q": query})
    assert page.status_code == 400
    assert told in html.unescape(page.text)
    assert html.escape(query.strip(), quote=False)[:50] in html.unescape(page.text)


def test_a_search_finds_what_exists_for_the_viewer_and_nothing_that_was_typed_unless_he_may_see_it(store):
    add(store, "a", Seen("printed", 1, "needle"), Seen("entered", 2, "needle typed"))
    add(store, "b", Seen("printed", 1, "needle"), user="bob")
    site = site_of(name_of(store))

    def found(viewer, query="needle"):
        return sessions(client_of(site, viewer).get("/search", params={"q": query}))

    watch = frozenset({Right.WATCH})
    assert [rec for rec, _ in found(Viewer("bob", Scope.own("bob"), watch))] == ["b"]
    for query in ("needle user:*", "needle rec:a", "needle -nothing", "printed:needle user:alice"):
        assert [rec for rec, _ in found(Viewer("bob", Scope.own("bob"), watch), query) if rec != "b"] == []
    assert dict(found(Viewer("eve", ALL, watch)))["a"] == [("screen", "0.001", "[needle]")]
    assert ("typed", "0.002", "[needle] typed") in dict(found(Viewer("eve", ALL, watch | {Right.INPUT})))["a"]
    refused = client_of(site, Viewer("eve", ALL, watch)).get("/search?q=entered:needle")
    assert (refused.status_code, "you may not see what was typed" in refused.text) == (400, True)


def test_what_was_searched_for_is_recorded(store):
    site = site_of(name_of(store))
    client = client_of(site)
    client.get("/search")
    client.get("/search?q=hunter2&user=a*")
    assert [(entry.action, entry.query) for entry in site.ledger.entries()] == [("search", "hunter2 [user=a%2A]")]


def test_what_is_found_is_shown_and_never_obeyed(store, client):
    hostile = "<script>alert(1)</script> needle \u202egnp \x1b]0;x\x07 {{ 7 * 7 }}"
    add(store, "r", Seen("printed", 1, hostile), user="<b>u</b>", host='"><img src=x>')
    page = client.get("/search?q=needle")
    assert "&lt;script&gt;" in page.text
    assert not re.search(r"<script|<img|<b>|\x1b|\x07|\u202e", page.text)
    assert "{{ 7 * 7 }}" in page.text


def test_a_search_that_finds_nothing_says_so_at_once(store, client):
    for number in range(300):
        add(store, f"r{number}", Seen("printed", 1, f"line {number} of many words"))
    for query in ("absent", "zq", "cmd:line"):
        started = time.perf_counter()
        assert "Nothing was found." in client.get("/search", params={"q": query}).text
        assert time.perf_counter() - started < 10


@given(st.text(max_size=300), st.data())
def test_prop_the_context_has_what_was_found_marked_and_is_short(text, data):
    spans = []
    position = 0
    while position < len(text) and data.draw(st.booleans()):
        left = data.draw(st.integers(position, len(text) - 1))
        position = data.draw(st.integers(left + 1, len(text)))
        spans.append((left, position))
    cut = pieces(Hit(Facts("r", "h", "u", "t", 1, 0.0), "printed", 0, text, tuple(spans)), 40)
    shown = "".join(piece.text for piece in cut)
    assert len(shown) <= 42
    assert shown.removeprefix("…").removesuffix("…") in text or "…" in text
    if spans:
        first = next(piece.text for piece in cut if piece.marked)
        assert text[slice(*spans[0])].startswith(first)


def test_a_search_that_takes_too_long_says_how_far_it_came_and_goes_on_from_there(store, client, monkeypatch):
    add(store, "new", Seen("printed", 1, "needle"), start=BEGAN + 60)
    add(store, "old", Seen("printed", 1, "needle"))
    monkeypatch.setattr("auditor.web.pages.search.PATIENCE", 0.0)
    page = client.get("/search?q=needle")
    assert [rec for rec, _ in sessions(page)] == ["new"]
    assert "looked through back to" in page.text
    further = html.unescape(re.search(r'<a rel="next" href="([^"]*)"', page.text)[1])
    assert [rec for rec, _ in sessions(client.get(further))] == ["old"]
    assert "Nothing was found" not in client.get(further).text
