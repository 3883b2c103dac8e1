"""Requests that no honest person's browser makes: each is answered with one clear line, and nothing else happens."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Route

import auditor.web
from auditor.web.access.metrics_reader import METRICS
from auditor.web.app import create_app
from auditor.web.settings import WebSettings
from tests.audited import a_session
from tests.recordings import ingested, name_of, new_store, write_objects
from tests.web.sites import client_of, site_of

REC = "a11ce00000000000000000000000aaaa-1-1"
WEB = Path(auditor.web.__file__).parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("attacked")
    store = new_store(place)
    write_objects(place / "a.jsonl", a_session(rec=REC, user="alice"))
    ingested(store, place / "a.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        # There are more requests here than anybody may make.
        patch.setattr("auditor.web.access.gate.CLIENT_RATE", (1e6, 1e6))
        yield site_of(name_of(store), settings=WebSettings({"requests_per_second": 100_000}))
    store.close()


@pytest.fixture(scope="module")
def client(site):
    return client_of(site, follow_redirects=False)


def paths(site, method):
    """Of the handlers that take such a request."""
    return sorted({r.path for r in create_app(site).routes if isinstance(r, Route) and method in (r.methods or ())})


def filled(path, rec=REC, other="0"):
    """The path of a handler with something in place of its parameters."""
    return re.sub(r"\{[^}]*\}", quote(other, safe=""), path.replace("{rec}", quote(rec, safe="")))


def names():
    """Every parameter of a query that a handler reads, as the source has them."""
    read = re.compile(r"""(?:query_params(?:\.get\(|\[)|(?:number|moment)\(request, |parameter\(\w+, )"(\w+)\"""")
    found = {name for file in WEB.rglob("*.py") for name in read.findall(file.read_text())}
    return sorted(found | {"t", "q", "user", "host", "since", "until", "state", "cursor", "kind"})


HOSTILE = [
    "", "-1", "nan", "inf", "1e999", "9" * 400, "0x10", "1;2", "1,2", "\u0661\u0662", "1\x00", "%", "' OR 1=1 --",
    "\x00", "'", '"', "user:", "*" * 300, "(" * 500, '"' * 300, "a" * 5000, "../../etc/passwd", "\u202e", "{{7*7}}",
    "<script>alert(1)</script>", "javascript:alert(1)", "//evil.example", "\r\nSet-Cookie: a=b", "cmd:*", "-" * 500,
]  # fmt: skip


def is_clear(answer):
    """No fault of ours, and nothing of Python's or the database's in what is said."""
    assert answer.status_code != 429
    assert answer.status_code not in (500, 502, 504), (str(answer.url)[:200], answer.text[:300])
    assert not re.search(r"Traceback|sqlite|File \"", answer.text), answer.text[:500]
    for name in ("content-security-policy", "x-content-type-options", "referrer-policy"):
        assert name in answer.headers


def test_whatever_stands_in_a_query_is_answered_in_clear_words(site, client):
    for path in paths(site, "GET"):
        if path in ("/sign-in", "/sign-out") or "live" in path:
            continue
        # Every value in a fifth of the parameters, and each parameter with a fifth of the values.
        for place, name in enumerate(names()):
            for value in HOSTILE[place % 5 :: 5]:
                is_clear(client.get(filled(path), params={name: value}))


@settings(max_examples=100)
@given(data=st.data())
def test_prop_any_query_is_answered_in_clear_words(site, client, data):
    path = data.draw(st.sampled_from([p for p in paths(site, "GET") if p != "/sign-in" and "live" not in p]))
    values = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.integers().map(str), st.floats().map(str))
    query = data.draw(st.dictionaries(st.sampled_from(names()), values, max_size=4))
    text = urlencode({name: value.encode("utf-8", "replace") for name, value in query.items()})
    is_clear(client.get(f"{filled(path)}?{text}"))


@pytest.mark.parametrize(
    "rec",
    ["..", "../..", "../../etc/passwd", "/etc/passwd", "%2e%2e", "a\x00b", "\u202e", "x" * 3000, "*", "%",
     "' OR 1=1", "a11ce", REC[:-1], REC + " ", REC.upper()],
)  # fmt: skip
def test_an_id_that_is_none_has_no_page(site, client, rec):
    for path in paths(site, "GET"):
        if "{rec}" in path:
            answer = client.get(filled(path, rec), params={"t": "0", "q": "x", "format": "text"})
            is_clear(answer)
            # The client makes "/" of "/delete/..".
            assert answer.status_code == 404 or answer.headers.get("location") == "/sessions", (
                path,
                answer.status_code,
                answer.text[:200],
            )


def test_numbers_in_paths_may_be_any_text(site, client):
    for path in paths(site, "GET"):
        if "{" in path.replace("{rec}", ""):
            for value in HOSTILE:
                if value:
                    is_clear(client.get(filled(path, REC, value)))


TRAVERSALS = [
    "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/%2e%2e%2fapp.py",
    "/static/..%5capp.py", "/static/....//app.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/%00",
    "/static/base.css%00.html",
    "/static/player/../../app.py", "/static/%252e%252e/app.py", "/static/" + "../" * 12 + "etc/passwd",
    "/static/" + "%2e%2e/" * 12 + "etc/passwd", "/static/", "/static/player/", "/static/" + "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_static_files(client, path):
    # httpx tidies paths up; raw_path does not.
    from httpx2 import URL

    answer = client.get(URL("http://127.0.0.1:8080").copy_with(raw_path=path.encode()))
    is_clear(answer)
    assert answer.status_code in (404, 405), (answer.status_code, answer.text[:100])
    assert "root:" not in answer.text
    assert "create_app" not in answer.text


def test_nothing_is_answered_to_who_is_not_signed_in(site):
    stranger = client_of(site, None, follow_redirects=False)
    for path in paths(site, "GET"):
        if path != "/sign-in":
            known, unknown = stranger.get(filled(path)), stranger.get(filled(path, "no-such-recording"))
            # A page for one person has no numbers at all, and says so to anybody.
            assert known.status_code == unknown.status_code == (404 if path == METRICS else 401), path
            assert known.text == unknown.text
            assert "set-cookie" not in known.headers
    for path in paths(site, "POST"):
        assert stranger.post(filled(path)).status_code in (401, 403), path


def test_what_changes_something_needs_the_token_of_the_page(site, client):
    changing = [path for path in paths(site, "POST") if path != "/sign-in/ticket"]
    assert "/sign-out" in changing
    for path in changing:
        url = filled(path)
        for given_ in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": client.csrf[:-1]}, {"csrf": "\u2603"}):
            assert client.post(url, data=given_).status_code == 403, path
        crossing = {"Sec-Fetch-Site": "cross-site"}
        assert client.post(url, data={"csrf": client.csrf}, headers=crossing).status_code == 403, path
        assert client.post(url, headers={"X-CSRF-Token": "wrong"}).status_code == 403, path
        text = {"Content-Type": "text/plain"}  # what another site's form can send without asking
        assert client.post(url, content=f"csrf={client.csrf}", headers=text).status_code == 403, path
        if url not in [filled(p) for p in paths(site, "GET")]:
            assert client.get(url, params={"csrf": client.csrf}).status_code == 405, path
    assert client.get("/sessions").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND"])
def test_other_methods_do_nothing(site, client, method):
    for path in [*paths(site, "GET"), *paths(site, "POST")]:
        answer = client.request(method, filled(path))
        is_clear(answer)
        assert answer.status_code in (403, 404, 405), (method, path, answer.status_code)


def test_the_cookie_is_for_this_server_alone_and_not_for_scripts(site):
    newcomer = client_of(site, None, follow_redirects=False)
    header = newcomer.get("/sign-in", params={"token": site.tokens.give()}).headers["set-cookie"]
    attributes = {part.strip() for part in header.split(";")[1:]}
    assert attributes == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert len(header.partition("=")[2].partition(";")[0]) >= 43

    encrypted = site_of(":memory:", tls=True, cookie_name="__Host-sessrec")
    header = client_of(encrypted, None, follow_redirects=False).get(
        "/sign-in", params={"token": encrypted.tokens.give()}
    ).headers["set-cookie"]  # fmt: skip
    assert header.startswith("__Host-sessrec=")
    assert "Secure" in {part.strip() for part in header.split(";")}


def test_a_cookie_that_was_given_to_the_browser_by_somebody_else_is_nobodys(site):
    stranger = client_of(site, None)
    for value in ("x", "A" * 43, "", "../../x", '"', "a" * 20_000):
        stranger.cookies.clear()
        headers = {"Cookie": f"{site.cookie_name}={value}"}
        assert stranger.get("/sessions", headers=headers).status_code == 401
    # Signing in does not take over a value that was there before.
    stranger.cookies.set(site.cookie_name, "planted")
    answer = stranger.get("/sign-in", params={"token": site.tokens.give()}, follow_redirects=False)
    assert "planted" not in answer.headers["set-cookie"]


def test_whoever_signs_out_is_out_with_every_copy_of_the_cookie(site):
    client = client_of(site)
    value = client.cookies[site.cookie_name]
    client.post("/sign-out", data={"csrf": client.csrf})
    thief = client_of(site, None)
    thief.cookies.set(site.cookie_name, value)
    assert thief.get("/sessions").status_code == 401


def test_tokens_cannot_be_tried_out(site):
    stranger = client_of(site, None)
    answers = [stranger.get("/sign-in", params={"token": f"guess{n}"}).status_code for n in range(60)]
    assert set(answers) == {401, 429}
    assert answers.count(401) <= 25
    # What was given out is good all the same, elsewhere.
    assert answers[-1] == 429


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "", "127.0.0.1:8080@evil"]
)
def test_a_name_that_was_made_to_lead_here_is_not_answered(client, host):
    answer = client.get("/sessions", headers={"Host": host})
    assert answer.status_code == 400
    assert "alice" not in answer.text


@pytest.mark.parametrize(
    "value", ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=0-" + "9" * 300,
              "bytes=-" + "9" * 300,
              "bytes=" + ",".join("0-" for _ in range(500)), "bytes=0-0,0-0,0-0"],
)  # fmt: skip
def test_malformed_ranges_are_no_fault(site, client, value):
    for path in ("/static/base.css", *(filled(path) for path in paths(site, "GET") if "export" in path)):
        answer = client.get(path, headers={"Range": value})
        is_clear(answer)
        assert len(answer.content) < 1_000_000


def test_a_form_that_is_too_large_is_refused(client):
    answer = client.post("/sign-out", data={"csrf": client.csrf, "x": "a" * 100_000})
    assert answer.status_code == 413
    many = "&".join(f"a{number}=1" for number in range(5000))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/sign-out", content=many, headers=form).status_code == 400
