"""Who gets in, for how long, and how often he may ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.web.access.authenticator import Admission, Refusal
from auditor.web.access.cookies import MAX_SESSIONS_EACH, Sessions
from auditor.web.access.local_token import LIFETIME, LocalTokens
from auditor.web.access.rate_limit import RateLimit
from auditor.web.access.scope import ALL
from auditor.web.access.viewer import Right, Viewer
from auditor.web.settings import WebSettings
from tests.recordings import name_of, new_store
from tests.web.sites import AUDITOR, BASE, client_of, site_of


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_site(tmp_path):
    store = new_store(tmp_path)
    yield lambda **parts: site_of(name_of(store), **parts)
    store.close()


def test_an_address_is_good_once_and_for_ten_minutes(clock):
    tokens = LocalTokens(clock)
    first, late = tokens.give(), tokens.give()
    assert len(first) == 43
    assert not tokens.take("")
    assert not tokens.take(first[:-1])
    assert tokens.take(first)
    assert not tokens.take(first)
    clock.now += LIFETIME + 1
    assert not tokens.take(late)


def test_addresses_that_nobody_opens_are_not_kept_for_ever(clock):
    tokens = LocalTokens(clock)
    first = tokens.give()
    last = [tokens.give() for _ in range(100)][-1]
    assert not tokens.take(first)
    assert tokens.take(last)


def test_a_viewer_is_signed_out_after_a_while_without_a_request_and_in_any_case_at_last(clock):
    sessions = Sessions(idle=60, longest=300, clock=clock)
    idle, _ = sessions.begin(AUDITOR)
    busy, session = sessions.begin(AUDITOR)
    for _ in range(6):
        clock.now += 49
        assert sessions.find(busy) is session
    assert sessions.find(idle) is None
    clock.now += 10
    assert sessions.find(busy) is None


def test_one_viewer_s_sessions_do_not_put_out_those_of_others(clock):
    sessions = Sessions(clock=clock)
    other, _ = sessions.begin(Viewer("other", ALL, frozenset()))
    values = [sessions.begin(AUDITOR)[0] for _ in range(MAX_SESSIONS_EACH + 5)]
    assert sessions.find(other) is not None
    assert [sessions.find(value) is not None for value in values] == [False] * 5 + [True] * MAX_SESSIONS_EACH


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 30)), max_size=60))
def test_prop_nobody_gets_more_answers_than_the_rate_allows(steps):
    clock = Clock()
    limit = RateLimit(each_second=1.0, at_once=5.0, clock=clock, keys=3)
    answered = {key: [] for key in range(4)}
    for key, pause in steps:
        clock.now += pause
        wait = limit.wait(key)
        if wait:
            assert 0 < wait <= 1.0
        else:
            answered[key].append(clock.now)
        assert len(limit._left) <= 3
    for times in answered.values():
        if len(steps) and len({key for key, _ in steps}) <= 3:  # else somebody was forgotten
            for place, begin in enumerate(times):
                within = [each for each in times[place:] if each - begin < 3]
                assert len(within) <= 5 + 3


def test_whoever_waits_is_answered_again(clock):
    limit = RateLimit(each_second=2.0, at_once=1.0, clock=clock)
    assert limit.wait("a") == 0
    assert limit.wait("a") == 0.5
    assert limit.wait("b") == 0
    clock.now += 0.5
    assert limit.wait("a") == 0


def test_a_viewer_who_asks_too_often_is_told_to_wait_and_others_are_answered(make_site):
    site = make_site(settings=WebSettings({"requests_per_second": 1}))
    client = client_of(site)
    statuses = [client.get("/search").status_code for _ in range(14)]
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429
    refused = client.get("/search")
    assert "too many requests" in refused.text
    assert int(refused.headers["retry-after"]) >= 1
    assert client.get("/api/recordings/x").json() == {"error": "There were too many requests: wait a moment."}
    other = Viewer("other", ALL, frozenset(Right))
    value, _ = site.sessions.begin(other)
    client.cookies.set(site.cookie_name, value)
    assert client.get("/search").status_code == 200


class Knock:
    """Lets in whoever says the word, and changes his mind when told so."""

    def __init__(self):
        self.viewer = Viewer("alice", ALL, frozenset({Right.WATCH}))
        self.asked = 0

    def authenticate(self, request):
        self.asked += 1
        said = request.headers.get("authorization", "")
        if said == "Knock please":
            return Admission(self.viewer, {"WWW-Authenticate": "Knock welcome"})
        return Refusal("Knock.", name="mallory" if said else "", headers={"WWW-Authenticate": "Knock"})

    def refreshed(self, viewer):
        return self.viewer


@pytest.fixture
def knocking(make_site, clock):
    knock = Knock()
    site = make_site(authenticators=[knock], sessions=Sessions(clock=clock), tokens=None, local_viewer=None)
    return site, knock, client_of(site, None, follow_redirects=False)


def test_whoever_shows_who_he_is_is_asked_once(knocking):
    site, knock, client = knocking
    first = client.get("/sessions")
    assert (first.status_code, first.headers["www-authenticate"]) == (401, "Knock")
    answer = client.get("/sessions", headers={"Authorization": "Knock please"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (200, "Knock welcome")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert client.get("/sessions").status_code == 200
    assert knock.asked == 2
    done = [(entry.viewer, entry.action) for entry in site.ledger.entries()]
    assert done[::-1] == [("alice", "sign-in"), ("alice", "list"), ("alice", "list")]


def test_attempts_to_sign_in_are_limited_and_kept(knocking):
    site, _, client = knocking
    answers = [client.get("/", headers={"Authorization": "Knock wrong"}).status_code for _ in range(25)]
    assert answers[:20] == [401] * 20
    assert answers[-1] == 429
    assert ("mallory", "sign-in-refused") in [(entry.viewer, entry.action) for entry in site.ledger.entries()]


def test_rights_that_were_taken_away_are_gone_soon(knocking, clock):
    _, knock, client = knocking
    client.get("/sessions", headers={"Authorization": "Knock please"})
    knock.viewer = Viewer("alice", ALL, frozenset())
    assert client.get("/sessions").status_code == 200
    clock.now += 300
    assert client.get("/sessions").status_code == 403
    knock.viewer = None
    clock.now += 300
    assert client.get("/sessions").status_code == 401


def test_a_post_needs_the_token_of_the_page_and_must_come_from_there(make_site):
    site = make_site()
    client = client_of(site, follow_redirects=False)
    form = {"query": "user=alice", "name": "alice"}
    assert client.post("/filters", data=form).status_code == 403
    assert client.post("/filters", data={**form, "csrf": "x" * 43}).status_code == 403
    good = {**form, "csrf": client.csrf}
    assert client.post("/filters", data=good, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/filters", data=good, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert client.post("/filters", data=form, headers={"X-CSRF-Token": client.csrf}).status_code == 303


def test_every_answer_has_the_headers_also_those_of_faults(make_site):
    site = make_site()
    client = client_of(site, raise_server_exceptions=False)
    site.templates = None  # a fault of ours
    fault = client.get("/api/recordings/none", headers={"Host": "elsewhere"})
    assert fault.status_code == 400
    for answer in (fault, client.get("/static/base.css"), client.get("/api/recordings/none")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"]


def test_a_fault_says_nothing_of_the_program(make_site, monkeypatch):
    site = make_site()
    client = client_of(site, raise_server_exceptions=False)

    def broken(viewer):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(site, "recordings", broken)
    page = client.get("/sessions")
    assert page.status_code == 500
    assert "The server has a fault" in page.text
    assert "secret" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


def test_a_store_that_is_away_is_no_fault(make_site, tmp_path, capsys):
    site = make_site()
    client = client_of(site)
    (tmp_path / "store" / "store.sqlite").unlink()
    (tmp_path / "store" / "store.sqlite").mkdir()
    page = client.get("/sessions")
    assert page.status_code == 500
    assert "The store cannot be read; the log says more." in page.text
    assert str(tmp_path) not in page.text
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1:9", "", "127.0.0.1:8080.evil.test", "localhost:8080@evil.test"]
)
def test_a_name_that_is_not_ours_is_not_answered(make_site, host):
    assert client_of(make_site()).get("/sessions", headers={"Host": host}).status_code == 400
    assert client_of(make_site()).get("/static/base.css", headers={"Host": host}).status_code == 400


def test_the_server_may_be_called_by_the_names_that_are_set(make_site):
    client = client_of(make_site(names=["sessions.example.test"]))
    for host, status in (("sessions.example.test", 200), ("Sessions.example.test:8443", 200), ("127.0.0.1", 400)):
        assert client.get("/sessions", headers={"Host": host}).status_code == status
    assert client.get(BASE + "/sessions").status_code == 400
