"""The list of sessions: what it shows, filters, pages, groups, and filters that are kept."""

import html
import re
import time
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.ledger.verdicts import Verdicts
from auditor.query.query import Selection
from auditor.recordings.store import Addition, Facts
from auditor.web.access.scope import Scope
from auditor.web.access.viewer import Right, Viewer
from auditor.web.session_filter import RANGES, read_filter
from tests.recordings import ingested, name_of, new_store
from tests.sealing import key_of, messages, sealed
from tests.web.sites import client_of, site_of

DAY = 86_400


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()


def add(store, *recordings):
    store.add("test", None, [Addition(facts) for facts in recordings], [])


def facts(rec, user="alice", host="web1", start=None, **more):
    start = time.time() - 1000 if start is None else start
    return Facts(rec, host, user, "xterm", 1, start, **({"ended": True, "marked": True} | more))


def shown(page):
    """Ids of the sessions in a page's table, in order."""
    return re.findall(r'<a href="/watch/([^"]+)">', page.text)


def cells(page):
    """The text of each row's cells."""
    rows = re.findall(r"<tr>\n(.*?)\n</tr>", page.text, re.DOTALL)
    strip = lambda cell: html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()  # noqa: E731
    return [[strip(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def link(page, text):
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>{text}</a>', page.text)
    return html.unescape(found[1]) if found else None


def test_a_session_is_shown_with_what_is_known_of_it(store):
    add(store, facts("r", start=1_764_000_000.0, length=3_725_000, commands=12, events=3456))
    (row,) = cells(client_of(site_of(name_of(store))).get("/sessions"))
    start = datetime.fromtimestamp(1_764_000_000).strftime("%Y-%m-%d %H:%M:%S")
    assert row == [start, "alice", "web1", "1:02:05", "12", "3\u202f456", "not verified yet"]


def test_the_state_says_what_the_seal_proves_once_it_is_known(store, tmp_path):
    key = key_of("web1")
    built = {rec: sealed(messages(["$ ls\r\n"] * 5, rec=rec), key) for rec in ("complete", "truncated", "tampered")}
    built["truncated"] = built["truncated"][:-1]
    built["tampered"][3] = built["tampered"][3].replace(b"$ ls", b"$ rm")
    built["unsigned"] = sealed(messages(["$ ls\r\n"], rec="unsigned"), None)
    for rec, lines in built.items():
        (tmp_path / f"{rec}.jsonl").write_bytes(b"".join(lines))
        ingested(store, tmp_path / f"{rec}.jsonl")
    add(store, facts("live", start=time.time() - 5, length=5000, ended=False))
    site = site_of(name_of(store))
    site.verdicts = Verdicts(site.ledger, keys=lambda: [key.public])
    client = client_of(site)
    page = client.get("/sessions")
    states = dict(zip(shown(page), [row[6] for row in cells(page)], strict=True))
    assert states["live"] == "live"
    assert all(states[rec].startswith("not verified yet") for rec in built)
    assert sorted(shown(client.get("/sessions?state=unverified"))) == sorted(built)
    for rec in built:
        site.verdicts.of(store, store.facts(rec))
    page = client.get("/sessions")
    states = dict(zip(shown(page), [row[6] for row in cells(page)], strict=True))
    for rec in built:
        assert states[rec].startswith(rec)
        assert shown(client.get(f"/sessions?state={rec}")) == [rec]
    assert re.match(r"tampered at \d+", states["tampered"])
    assert shown(client.get("/sessions?state=live")) == ["live"]
    assert shown(client.get("/sessions?state=unverified")) == []
    assert shown(client.get("/sessions?state=tampered&user=nobody")) == []


def test_filters_by_user_host_time_and_state(store):
    noon = datetime.now().replace(hour=12, minute=0, second=0, microsecond=0).timestamp()
    add(
        store,
        facts("a", start=noon - 3 * DAY),
        facts("b", user="Bob", host="db1", start=noon - 3 * DAY + 60),
        facts("c", user="carol", host="web2", start=noon - 3 * DAY + 119, missing=1),
    )
    client = client_of(site_of(name_of(store)))
    minute = lambda at: datetime.fromtimestamp(at).strftime("%Y-%m-%dT%H:%M")  # noqa: E731
    for query, expected in {
        "": "cba",
        "user=b*": "b",
        "user=b*,carol": "cb",
        "user=-bob": "ca",
        "user=b*&user=carol": "cb",
        "host=web%3F": "ca",
        "host=WEB1 web2&user=-carol": "a",
        "state=incomplete": "c",
        "rec=b": "b",
        f"since={minute(noon - 3 * DAY + 60)}": "cb",
        f"until={minute(noon - 3 * DAY + 60)}": "a",
        f"since={minute(noon - 3 * DAY + 60)}&until={minute(noon - 3 * DAY + 120)}": "cb",
        "range=week": "cba",
        "range=day": "",
        "range=week&until=2 days ago": "cba",
    }.items():
        assert "".join(shown(client.get(f"/sessions?{query}"))) == expected, query


def test_ranges_are_those_of_the_moment_when_they_are_looked_at():
    now = datetime(2026, 3, 4, 15, 30).astimezone()
    day = lambda number: datetime(2026, 3, number).astimezone().timestamp()  # noqa: E731

    def bounds(name):
        selection = read_filter([("range", name)], now).selection
        return selection.since, selection.until

    assert bounds("today") == (day(4), None)
    assert bounds("yesterday") == (day(3), day(4))
    assert bounds("hour") == ((now - timedelta(hours=1)).timestamp(), None)
    assert bounds("week") == ((now - timedelta(days=7)).timestamp(), None)
    assert all(bounds(name)[0] for name in RANGES)


def test_what_is_wrong_with_a_filter_is_said_beside_it_and_the_form_keeps_it(store):
    add(store, facts("a"))
    client = client_of(site_of(name_of(store)))
    for query, told in {
        "since=sometime&user=alice": "'sometime' is not a point in time",
        "state=fine&user=alice": "no state 'fine'",
        "range=century&user=alice": "no range 'century'",
        "group=colour&user=alice": "not grouped by 'colour'",
        "group=user&state=tampered&user=alice": "are not grouped",
        "before=x&user=alice": "begin at its first one",
        "user=" + "alice," * 90: "longer than 500 characters",
    }.items():
        page = client.get(f"/sessions?{query}")
        assert page.status_code == 400
        assert told in html.unescape(re.search(r'role="alert">(.*?)</p>', page.text)[1])
        assert re.search(r'name="user" value="alice', page.text)
        assert shown(page) == []


def test_older_sessions_are_on_the_next_page_and_none_is_left_out(store):
    add(store, *[facts(f"r{number:03}", start=1_764_000_000.0 + number // 4) for number in range(120)])
    client = client_of(site_of(name_of(store)))
    page, found = client.get("/sessions?user=al*"), []
    while True:
        found += shown(page)
        following = link(page, "Older")
        if following is None:
            break
        assert parse_qs(urlsplit(following).query)["user"] == ["al*"]
        page = client.get(following)
        assert link(page, "Latest") == "/sessions?user=al%2A"
    assert found == [each.rec for each in store.recordings(Selection())]


def test_groups_lead_to_their_sessions(store):
    add(
        store,
        facts("a", start=1_764_000_000.0, length=60_000, events=2),
        facts("b", start=1_764_000_000.0 + 2 * DAY, host="web2"),
        facts("c", user="bob & co", start=1_764_000_000.0 + 2 * DAY, host="web2"),
    )
    client = client_of(site_of(name_of(store)))
    page = client.get("/sessions?group=user&range=")
    assert [row[:4] for row in cells(page)] == [["alice", "2", "0:01:00", "2"], ["bob & co", "1", "0:00:00", "0"]]
    assert shown(client.get(link(page, "alice"))) == ["b", "a"]
    page = client.get("/sessions?group=host&user=alice")
    assert [row[0] for row in cells(page)] == ["web1", "web2"]
    assert shown(client.get(link(page, "web2"))) == ["b"]
    page = client.get("/sessions?group=day")
    assert [row[1] for row in cells(page)] == ["2", "1"]
    assert sorted(shown(client.get(link(page, cells(page)[0][0])))) == ["b", "c"]


def test_a_filter_is_kept_under_a_name_for_whoever_saved_it(store):
    site = site_of(name_of(store))
    client = client_of(site)
    saved = client.post(
        "/filters", data={"csrf": client.csrf, "name": " Night  shift ", "query": "range=today&user=n*"}
    )
    assert saved.url.query == b"user=n%2A&range=today" or saved.url.query == b"range=today&user=n%2A"
    assert "The filter Night shift is saved." in saved.text
    assert "is saved" not in client.get("/sessions").text
    assert parse_qs(urlsplit(link(client.get("/sessions"), "Night shift")).query) == {
        "range": ["today"],
        "user": ["n*"],
    }
    other = client_of(site, Viewer("other", Scope.of(), frozenset(Right)))
    assert "Night shift" not in other.get("/sessions").text
    for name, told in (("", "a filter has a name"), ("x" * 100, "at most 80")):
        answer = client.post("/filters", data={"csrf": client.csrf, "name": name, "query": "user=x"})
        assert told in html.unescape(answer.text)
    # Only a filter is kept, whatever is sent.
    client.post(
        "/filters", data={"csrf": client.csrf, "name": "odd", "query": "//evil.test?user=a&x=javascript:1&before=9"}
    )
    assert link(client.get("/sessions"), "odd") == "/sessions?"
    client.post("/filters/remove", data={"csrf": client.csrf, "name": "Night shift"})
    assert "Night shift" not in client.get("/sessions").text


def test_a_viewer_sees_the_sessions_of_his_scope_and_counts_of_these(store):
    add(store, facts("a"), facts("b", user="bob"), facts("c", user="bob", host="db1"))
    site = site_of(name_of(store))
    client = client_of(site, Viewer("bob", Scope.own("bob"), frozenset({Right.WATCH})))
    assert sorted(shown(client.get("/sessions"))) == ["b", "c"]
    assert [row[0] for row in cells(client.get("/sessions?group=user"))] == ["bob"]
    # Of somebody else's sessions is told as little as of those that do not exist.
    pages = [client.get(f"/sessions?user={name}").text.replace("alice", "zzzzz") for name in ("alice", "zzzzz")]
    assert pages[0] == pages[1]
    nobody = client_of(site, Viewer("eve", Scope(), frozenset({Right.WATCH})))
    assert shown(nobody.get("/sessions")) == []
    assert client_of(site, Viewer("eve", Scope.of(), frozenset())).get("/sessions").status_code == 403


def test_that_the_list_was_looked_at_is_recorded(store):
    site = site_of(name_of(store))
    client_of(site).get("/sessions?user=alice")
    (entry,) = site.ledger.entries()
    assert (entry.viewer, entry.action, entry.query) == ("auditor", "list", "user=alice")


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "\u202egnp",
    "a\x1b[31mb",
    "' OR 1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_shown_and_never_obeyed(store, text):
    add(store, facts("r" + text, user=text, host=text))
    client = client_of(site_of(name_of(store)))
    for path in ("/sessions", "/sessions?group=user", "/sessions?group=host"):
        page = client.get(path)
        assert page.status_code == 200
        assert not re.search(r"<script(?! type=\"module\" src=\"/static/sessions.js\">)|<img|\x1b|\u202e", page.text)
        assert "49" not in re.sub(r'csrf[^>]*|value="[^"]*"', "", page.text) or text != "{{ 7 * 7 }}"
    assert client.get("/sessions", params={"user": text}).status_code == 200


@given(st.lists(st.tuples(st.sampled_from(["user", "host", "range", "since", "until", "state", "group", "rec", "before", "x"]), st.text(max_size=20)), max_size=8))  # fmt: skip  # noqa: E501
def test_prop_any_filter_is_understood_or_complained_of_and_its_url_says_the_same(parameters):
    now = datetime.now().astimezone()
    wanted = read_filter(parameters, now)
    again = read_filter([(name, value) for name, (value,) in parse_qs(urlsplit(wanted.url()).query).items()], now)
    assert again.fields == wanted.fields
    if not wanted.complaint:
        assert again.selection == wanted.selection


def test_a_list_of_live_sessions_that_keeps_itself_up_to_date_is_nobody_s_deed(store):
    """Else it would fill the trail, and keep a viewer signed in who has gone."""
    add(store, facts("r", start=time.time() - 5, length=5000, ended=False))
    site = site_of(name_of(store))
    clock = site.sessions.clock = lambda: clock.now
    clock.now = 0.0
    client = client_of(site)
    assert "data-refresh" in client.get("/sessions?state=live").text
    assert "data-refresh" not in client.get("/sessions").text
    for _ in range(10):
        clock.now += 600
        answer = client.get("/sessions?state=live", headers={"X-Refresh": "1"})
    assert answer.status_code == 401
    assert len(list(site.ledger.entries())) == 2


def test_programs_get_the_same_list(store):
    add(store, *[facts(f"r{number:03}", start=1_764_000_000.0 + number, commands=3) for number in range(70)])
    client = client_of(site_of(name_of(store)))
    first = client.get("/api/recordings?user=al*").json()
    assert first["recordings"][0]["rec"] == "r069"
    assert (first["recordings"][0]["command_lines"], first["recordings"][0]["verdict"]) == (3, None)
    second = client.get(first["next"]).json()
    assert [each["rec"] for each in second["recordings"]][-1] == "r000"
    assert (len(first["recordings"]) + len(second["recordings"]), second["next"]) == (70, None)
    refused = client.get("/api/recordings?since=sometime")
    assert refused.status_code == 400
    assert "not a point in time" in refused.json()["error"]
