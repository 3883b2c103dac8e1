"""The trail, holds and deletion on the page: who may see and do it, and that nothing is done unrecorded."""

import re

import pytest

from auditor.ledger import chain
from auditor.ledger.entry import Wanted
from auditor.ledger.holds import hold, holds
from auditor.ledger.ledger import Ledger
from auditor.ledger.saved_filters import MOST, SavedFilterError, SavedFilters
from auditor.ledger.verdicts import Verdicts
from auditor.ledger.verifier import Verifier
from auditor.recordings.store_name import open_named
from auditor.web.access.authenticator import Admission
from auditor.web.access.scope import ALL, Scope
from auditor.web.access.viewer import Right, Viewer
from auditor.web.app import create_app
from tests.recordings import ingested, name_of, new_store, write_recording
from tests.web.sites import client_of, site_of

WEB_TEAM = Viewer("wanda", Scope.of(hosts=("web*",)), frozenset(Right))
WATCHER = Viewer("walter", ALL, frozenset({Right.WATCH}))


@pytest.fixture
def site(tmp_path):
    """A store with a recording of web1 and one of db1, and a ledger."""
    store = new_store(tmp_path)
    for rec, user, host in (("aweb", "alice", "web1"), ("bdb", "bob", "db1")):
        write_recording(tmp_path / rec, ["needle\r\n"], rec=rec, user=user, host=host)
        ingested(store, tmp_path / rec)
    store.close()
    ledger = Ledger(tmp_path / "ledger.db", "")
    site = site_of(name_of(store), ledger=ledger, verdicts=Verdicts(ledger, list))
    yield site
    site.close()


def actions(site, **wanted):
    return [(entry.viewer, entry.action, entry.rec) for entry in site.ledger.entries(Wanted(**wanted))]


def post(client, path, **form):
    return client.post(path, data={"csrf": client.csrf, **form}, follow_redirects=False)


def test_the_trail_shows_who_did_what_the_newest_first_and_that_somebody_looked(site):
    site.ledger.record("otto", "search", query="cmd:<script>alert(1)</script>", origin="192.0.2.7")
    site.ledger.record("rita", "watch", rec="bdb", user="bob", host="db1", at=3200)
    page = client_of(site).get("/trail").text
    assert "<script>alert" not in page
    assert "cmd:&lt;script&gt;" in page
    assert page.index(">rita<") < page.index(">otto<")
    assert 'href="/watch/bdb?t=3.2"' in page
    assert actions(site)[0] == ("auditor", "trail", "")


def test_the_trail_is_filtered_and_read_page_by_page(site):
    for number in range(250):
        site.ledger.record(f"viewer{number % 2}", "watch", rec="bdb", user="bob", host="db1", at=number)
    client = client_of(site)
    seen = []
    url = "/trail?viewer=viewer1&action=watch"
    while url:
        page = client.get(url).text
        seen += [int(number) for number in re.findall(r'<td class="number">(\d+)</td>', page)]
        older = re.search(r'rel="next" href="([^"]+)"', page)
        url = older[1].replace("&amp;", "&") if older else ""
    assert seen == list(range(250, 0, -2))
    assert "Nothing is recorded that fits" in client.get("/trail?user=nobody").text
    complaint = client.get("/trail?since=whenever")
    assert complaint.status_code == 400
    assert "is not a point in time" in complaint.text
    assert client.get("/trail?before=x").status_code == 400


def test_who_sees_some_hosts_sees_what_was_done_with_their_recordings_and_by_himself(site):
    site.ledger.record("otto", "search", query="user:secretuser")
    site.ledger.record("otto", "watch", rec="bdb", user="bob", host="db1")
    site.ledger.record("otto", "watch", rec="aweb", user="alice", host="web1")
    site.ledger.record("wanda", "search", query="mine")
    page = client_of(site, WEB_TEAM).get("/trail").text
    assert "mine" in page
    assert "alice" in page
    assert "bob" not in page
    assert "secretuser" not in page


def test_the_player_leads_to_hold_and_deletion_who_may_do_so(site):
    page = client_of(site).get("/watch/aweb").text
    assert 'href="/holds?rec=aweb"' in page
    assert 'href="/delete/aweb"' in page
    assert 'value="aweb"' in client_of(site).get("/holds?rec=aweb").text
    page = client_of(site, WATCHER).get("/watch/aweb").text
    assert "/holds" not in page
    assert "/delete/" not in page
    assert "/delete/" not in client_of(site).get("/watch/aweb?embed=1").text


@pytest.mark.parametrize("path", ["/trail", "/holds", "/delete/aweb"])
def test_without_the_right_there_is_no_such_page_and_no_link_to_it(site, path):
    client = client_of(site, WATCHER)
    assert client.get(path).status_code == 403
    assert f'href="{path}"' not in client.get("/sessions").text
    if path != "/trail":
        assert post(client, path, rec="aweb", reason="why").status_code == 403
    assert holds(site.ledger) == []
    assert "alice" in client.get("/sessions").text


def test_a_recording_is_put_on_hold_and_released_with_a_reason(site):
    client = client_of(site)
    assert post(client, "/holds", rec="awe", reason="case <4711>").headers["location"] == "/holds"
    (one,) = holds(site.ledger)
    assert (one.rec, one.viewer, one.reason, one.user) == ("aweb", "auditor", "case <4711>", "alice")
    page = client.get("/holds").text
    assert "case &lt;4711&gt;" in page
    refused = post(client, "/delete/aweb", reason="too old")
    assert refused.status_code == 400
    assert "is on hold" in refused.text
    assert post(client, f"/holds/{one.number}/release", reason=" ").status_code == 400
    assert post(client, f"/holds/{one.number}/release", reason="closed").headers["location"] == "/holds"
    assert holds(site.ledger) == []
    assert actions(site) == [("auditor", "release", "aweb"), ("auditor", "hold", "aweb")]
    assert post(client, "/holds/99/release", reason="x").status_code == 404
    for rec, reason in (("", "x"), ("nix", "x"), ("aweb", " ")):
        assert post(client, "/holds", rec=rec, reason=reason).status_code == 400


def test_holds_on_recordings_outside_of_the_scope_do_not_exist(site):
    with site.recordings(Viewer("x", ALL, frozenset())) as store:
        one = hold(site.ledger, store.facts("bdb"), "otto", "case 1")
    client = client_of(site, WEB_TEAM)
    assert "case 1" not in client.get("/holds").text
    assert post(client, f"/holds/{one.number}/release", reason="x").status_code == 404
    assert post(client, "/holds", rec="bdb", reason="x").status_code == 400
    assert len(holds(site.ledger)) == 1


def test_a_recording_is_deleted_with_a_reason_and_leaves_a_tombstone(site):
    client = client_of(site)
    assert "Delete this recording?" in client.get("/delete/aweb").text
    assert post(client, "/delete/aweb", reason="").status_code == 400
    assert post(client, "/delete/aweb", reason="by order of <b>the court</b>").status_code == 303
    assert "Deleted: aweb" in client.get("/sessions").text
    for path in ("/delete/aweb", "/api/recordings/aweb/export?format=raw"):
        gone = client.get(path)
        assert gone.status_code == 410
    page = client.get("/delete/aweb").text
    assert "This recording was deleted" in page
    assert "by order of &lt;b&gt;the court" in page
    assert "alice" in page
    deleted = client.get("/api/recordings/aweb/verify").json()["deleted"]
    assert (deleted["user"], deleted["viewer"], deleted["length"]) == ("alice", "auditor", 1000)
    assert client.get("/delete/never-there").status_code == 404
    assert actions(site, rec="aweb") == [("auditor", "delete", "aweb")]


def test_a_tombstone_outside_of_the_scope_is_like_an_id_that_nothing_has(site):
    assert post(client_of(site), "/delete/bdb", reason="x").status_code == 303
    client = client_of(site, WEB_TEAM)
    there, never = client.get("/delete/bdb"), client.get("/delete/never")
    assert (there.status_code, never.status_code) == (404, 404)
    assert re.sub(r"content=\"[^\"]+\"|value=\"[^\"]+\"", "", there.text) == re.sub(
        r"content=\"[^\"]+\"|value=\"[^\"]+\"", "", never.text
    )
    assert client.get("/api/recordings/bdb/verify").json() == client.get("/api/recordings/never/verify").json()


@pytest.mark.parametrize(
    ("path", "form"), [("/delete/aweb", {"reason": "x"}), ("/holds", {"rec": "aweb", "reason": "x"})]
)
def test_nothing_is_deleted_or_held_by_a_request_that_was_not_meant(site, path, form):
    client = client_of(site)
    for token in ("", "0" * 43):
        assert client.post(path, data={"csrf": token, **form}).status_code == 403
    assert client.post(path, data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert actions(site) == []
    assert client.get("/delete/aweb").status_code == 200


def test_what_cannot_be_recorded_is_not_shown_and_not_done(site):
    client = client_of(site, raise_server_exceptions=False)
    site.ledger._connection.execute("PRAGMA query_only = ON")
    for answer in (
        client.get("/trail"),
        client.get("/api/recordings/aweb/export?format=text"),
        post(client, "/delete/aweb", reason="x"),
        post(client, "/holds", rec="aweb", reason="x"),
    ):
        assert answer.status_code == 503
        assert "cannot be recorded" in answer.text
        assert "needle" not in answer.text
        assert "ledger.db" not in answer.text
    site.ledger._connection.execute("PRAGMA query_only = OFF")
    assert client.get("/delete/aweb").status_code == 200
    assert chain.check(site.ledger).whole


FACTS_ONLY = {
    "/delete/{rec}",
    *(f"/api/recordings/{{rec}}{rest}" for rest in ("", "/timeline", "/control", "/live")),
}
"""What these tell of a recording that has ended the list tells as well."""


def ways(site):
    """Every address that has to do with one recording, as a viewer might ask for it."""
    for route in create_app(site).routes:
        if "{rec}" in getattr(route, "path", "") and "GET" in (route.methods or ()):
            yield route.path, re.sub(r"\{\w+:int\}", "0", route.path).format(rec="aweb")


@pytest.mark.parametrize("broken", [False, True])
def test_every_way_to_what_is_in_a_recording_is_recorded_or_refused(site, broken, monkeypatch):
    monkeypatch.setattr("auditor.web.data.verification.PATIENCE", 0.0)
    site.verifier = Verifier(site.verdicts, site.stores.borrow)
    found = dict(ways(site))
    assert len(found) > 8
    for path, url in found.items():
        client = client_of(site, Viewer(f"viewer of {path}", ALL, frozenset(Right)), raise_server_exceptions=False)
        if broken:
            site.ledger._connection.execute("PRAGMA query_only = ON")
        answer = client.get(f"{url}?q=eedl&t=0&format=raw")
        status = answer.status_code
        site.ledger._connection.execute("PRAGMA query_only = OFF")
        told = actions(site, viewers=(f"viewer of {path}",), rec="aweb")
        if path in FACTS_ONLY:
            assert "needle" not in answer.text, path
        elif broken:
            assert (status, told) == (503, []), path
        else:
            assert told, path
            assert status in (200, 503), path


class Greeter:
    """Lets everybody in as otto."""

    def authenticate(self, request):
        return Admission(Viewer("otto", ALL, frozenset(Right)))

    def refreshed(self, viewer):
        return viewer


def test_nobody_signs_in_unrecorded(site):
    site.authenticators, site.tokens = [Greeter()], None
    client = client_of(site, None, raise_server_exceptions=False)
    site.ledger._connection.execute("PRAGMA query_only = ON")
    refused = client.get("/sessions")
    assert (refused.status_code, "set-cookie" in refused.headers) == (503, False)
    assert "alice" not in refused.text
    site.ledger._connection.execute("PRAGMA query_only = OFF")
    assert client.get("/sessions").status_code == 200
    assert ("otto", "sign-in", "") in actions(site)


def test_signing_out_is_recorded_and_always_possible(site):
    for broken in (False, True):
        client = client_of(site)
        if broken:
            site.ledger._connection.execute("PRAGMA query_only = ON")
        assert post(client, "/sign-out").status_code == 200
        assert client.get("/sessions").status_code == 401
    site.ledger._connection.execute("PRAGMA query_only = OFF")
    assert actions(site) == [("auditor", "sign-out", "")]


def test_filters_are_saved_for_each_viewer_by_himself_and_not_without_end(site):
    filters = SavedFilters(site.ledger)
    filters.save("otto", "my  hosts", "?host=web*")
    filters.save("otto", "my hosts", "host=db*")
    filters.save("rita", "my hosts", "host=x")
    assert filters.of("otto") == [("my hosts", "host=db*")]
    for number in range(MOST - 1):
        filters.save("otto", f"f{number}", "")
    with pytest.raises(SavedFilterError, match="remove one first"):
        filters.save("otto", "one more", "")
    for name, query in (("", "x"), ("x" * 81, "x"), ("\x1b", "x"), ("x", "y" * 2001)):
        with pytest.raises(SavedFilterError):
            filters.save("rita", name, query)
    filters.remove("otto", "my hosts")
    filters.remove("otto", "never there")
    assert len(filters.of("otto")) == MOST - 1
    assert filters.of("rita") == [("my hosts", "host=x")]


def test_a_deleted_recording_is_gone_from_the_store_as_well(site, tmp_path):
    assert post(client_of(site), "/delete/aweb", reason="x").status_code == 303
    store = open_named(tmp_path / "store" / "store.sqlite")
    assert store.is_deleted("aweb")
    assert store.facts("aweb") is None
    store.close()
