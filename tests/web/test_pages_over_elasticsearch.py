"""The list and the search over a store in Elasticsearch."""

import html
import re

from auditor.recordings.store import Addition, Facts
from auditor.transcript import Seen
from auditor.web.access.scope import Scope
from auditor.web.access.viewer import Right, Viewer
from auditor.web.session_list import PAGE
from tests.web.sites import client_of, site_of

BEGAN = 1_764_000_000.0


def shown(page):
    return re.findall(r'<a href="/watch/([^"?]+)(?:\?q=[^"]*)?"><time', page.text)


def test_the_list_and_the_search_over_elasticsearch(elasticsearch_address):
    site = site_of(elasticsearch_address)
    with site.stores.borrow() as store:
        names = [("alice", "web1"), ("bob", "web2")]
        made = [
            Facts(f"r{n:03}", names[n % 2][1], names[n % 2][0], "xterm", 1, BEGAN + n // 3, ended=True, commands=n)
            for n in range(PAGE + 20)
        ]
        store.add("test", None, [Addition(each, seen=[Seen("printed", 1500, "a needle")]) for each in made], [])
    client = client_of(site)
    first = client.get("/sessions")
    older = html.unescape(re.search(r'<a rel="next" href="([^"]*)"', first.text)[1])
    assert sorted(shown(first) + shown(client.get(older))) == [each.rec for each in made]
    assert len(shown(first)) == PAGE
    groups = client.get("/sessions?group=user&user=b*").text
    assert re.search(r'>bob</a></th>\n<td class="number">35</td>', groups)
    assert "alice" not in groups.replace("alice, dev", "")
    assert re.search(r'<td class="number">70</td>', client.get("/sessions?group=day").text)
    hits = client.get("/search?q=needle")
    assert len(shown(hits)) == 20
    further = html.unescape(re.search(r'<a rel="next" href="([^"]*)"', hits.text)[1])
    assert set(shown(client.get(further))).isdisjoint(shown(hits))
    bob = client_of(site, Viewer("bob", Scope.own("bob"), frozenset({Right.WATCH})))
    assert {int(rec[1:]) % 2 for rec in [*shown(bob.get("/sessions")), *shown(bob.get("/search?q=needle"))]} == {1}
    site.close()
