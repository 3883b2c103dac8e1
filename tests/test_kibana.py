"""Kibana's objects: each refers to what is there and asks for fields that the store has; what Kibana would ask
Elasticsearch is asked here, and the time line is drawn by the real vega. Kibana itself cannot be had here."""

import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.elasticsearch.layout import MESSAGES, RECORDINGS, TEXTS, Names
from auditor.elasticsearch.store import ElasticsearchStore
from auditor.ingest.ingest import Ingest
from auditor.kibana.objects import saved_objects
from auditor.kibana.saved_object import TYPE_VERSIONS, PlayerUrl, PlayerUrlError
from auditor.kibana.time_line import specification
from recorder.formats.message import Input, Output
from tests.audited import a_session
from tests.recordings import messages, sessrec
from tests.sealing import line_of
from tests.vega import rendered

PLAYER = "https://player.example.test/play/{{value}}?at={{at}}"
VIEWS = {Names("p").of(kind): kind for kind in (MESSAGES, TEXTS, RECORDINGS)}


def made(prefix="p", player=PLAYER):
    return {(each["type"], each["id"]): each for each in saved_objects(prefix, player)}


def opened(value):
    """JSON, with the JSON inside of its texts opened: what Kibana's authors call ...JSON, and some others."""
    if isinstance(value, dict):
        return {
            name: opened(json.loads(item)) if isinstance(item, str) and is_json(name) else opened(item)
            for name, item in value.items()
        }
    return [opened(item) for item in value] if isinstance(value, list) else value


def is_json(name):
    inner = (
        "fieldFormatMap",
        "fieldAttrs",
        "sourceFilters",
        "fields",
        "runtimeFieldMap",
        "typeMeta",
        "visState",
        "spec",
    )
    return name.endswith("JSON") or name in inner


def source_of(each):
    return opened(each["attributes"])["kibanaSavedObjectMeta"]["searchSourceJSON"]


def index_of(objects, each):
    """The index that an object takes its documents from."""
    reference = next(r for r in each["references"] if r["name"] == source_of(each)["indexRefName"])
    return objects[reference["type"], reference["id"]]["attributes"]["title"]


def field_names(properties, before=""):
    names = set()
    for name, mapping in properties.items():
        names.add(before + name)
        names |= field_names(mapping.get("properties", {}), f"{before}{name}.")
    return names


def asked(query):
    """As Kibana asks what is written in Lucene's language."""
    return (
        {"query_string": {"query": query, "analyze_wildcard": True, "time_zone": "UTC"}}
        if query
        else {"match_all": {}}
    )


def requested(state):
    """The aggregations of a chart as Kibana sends them: buckets within buckets, and the metrics in the innermost."""
    inner = {}
    for each in state["aggs"]:
        if each["schema"] == "metric" and each["type"] != "count":
            inner[each["id"]] = {each["type"]: each["params"]}
    for each in reversed(state["aggs"]):
        if each["type"] == "date_histogram":
            body = {"field": each["params"]["field"], "fixed_interval": "30m", "time_zone": "UTC", "min_doc_count": 1}
        elif each["type"] == "terms":
            params = each["params"]
            metric = next(a for a in state["aggs"] if a["id"] == params["orderBy"])
            by = "_count" if metric["type"] == "count" else metric["id"]
            body = {"field": params["field"], "order": {by: params["order"]}, "size": params["size"]}
        else:
            continue
        inner = {each["id"]: {each["type"]: body, "aggs": inner}}
    return inner


def test_what_is_referred_to_is_there_and_ids_are_unique():
    lines = list(saved_objects("p", PLAYER))
    objects = made()
    assert len(objects) == len(lines)
    assert {each["type"] for each in lines} == set(TYPE_VERSIONS)
    seen = set()
    for each in lines:
        names = [reference["name"] for reference in each["references"]]
        assert len(set(names)) == len(names)
        for reference in each["references"]:
            assert (reference["type"], reference["id"]) in seen
        seen.add((each["type"], each["id"]))
        attributes = opened(each["attributes"])
        source = attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", {})
        used = [source["indexRefName"]] if "indexRefName" in source else []
        if each["type"] == "dashboard":
            panels = attributes["panelsJSON"]
            used = [f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels]
        assert used == names


def test_panels_of_the_dashboard_lie_beside_each_other():
    panels = opened(made()["dashboard", "p-dashboard"]["attributes"])["panelsJSON"]
    taken = set()
    for panel in panels:
        grid = panel["gridData"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 48
        assert grid["i"] == panel["panelIndex"]
        taken |= cells
    shown = {panel["panelRefName"] for panel in panels}
    assert len(shown) == len(panels)


def test_every_field_that_is_asked_for_is_in_the_mapping():
    objects = made()
    asked_for = 0
    for each in objects.values():
        attributes = opened(each["attributes"])
        fields = set()
        if each["type"] == "index-pattern":
            known = field_names(VIEWS[attributes["title"]].fields)
            fields = {attributes["timeFieldName"], *attributes["fieldFormatMap"], *attributes["fieldAttrs"]}
        elif "indexRefName" in source_of(each):
            known = field_names(VIEWS[index_of(objects, each)].fields)
            fields = set(re.findall(r"([@\w.]+):", source_of(each)["query"]["query"]))
            fields |= set(attributes.get("columns", ())) | {name for name, _ in attributes.get("sort", ())}
            for aggregation in attributes.get("visState", {}).get("aggs", ()):
                fields |= {aggregation["params"]["field"]} if "field" in aggregation["params"] else set()
        assert fields <= (known if fields else set()), each["id"]
        asked_for += len(fields)
    assert asked_for > 50


def test_the_time_line_asks_for_fields_that_are_in_the_mapping():
    for data in specification("p", None)["data"]:
        known = field_names(VIEWS[data["url"]["index"]].fields)
        assert set(data["url"]["body"]["_source"]) <= known
        used = {name for rule in data["transform"] for name in re.findall(r"_source\.(\w+)", rule.get("expr", ""))}
        assert used <= set(data["url"]["body"]["_source"])


def test_a_recording_s_id_is_a_link_to_the_player_where_there_is_one():
    for name in ("recordings", "texts", "messages"):
        shown = opened(made()["index-pattern", f"p-view-{name}"]["attributes"])["fieldFormatMap"]["rec"]
        assert shown["id"] == "url"
        assert shown["params"]["urlTemplate"] == "https://player.example.test/play/{{value}}?at=0"
        without = opened(made(player=None)["index-pattern", f"p-view-{name}"]["attributes"])["fieldFormatMap"]
        assert "rec" not in without
    assert "href" not in json.dumps(specification("p", None))


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)//{{value}}", "https://player.example.test/", "player/{{value}}", "https://x/'{{value}}"],
)
def test_what_is_no_address_of_a_player_is_refused(url):
    with pytest.raises(PlayerUrlError):
        list(saved_objects("p", url))


def test_the_verb_prints_what_kibana_imports(tmp_path):
    store = "https://search.example.test:9200/audit"
    done = sessrec(tmp_path, "store", "kibana", "--player-url", PLAYER, "--store", store)
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == list(saved_objects("audit", PLAYER))
    assert sessrec(tmp_path, "store", "kibana", "--player-url", "nowhere").stderr.startswith(
        "sessrec: 'nowhere' is no"
    )


@pytest.fixture
def direct(elasticsearch_address):
    """A store with the sessions of two users."""
    store = ElasticsearchStore(elasticsearch_address)
    ingest = Ingest(store)
    typed = [Output(0, b"$ "), Input(900, b"ls\r"), Output(950, b"ls\r\n$ ")]
    built = [a_session(rec="one", user="alice"), messages(typed, rec="two/&?", user="bob")]
    ingest.take("test", None, [line_of(each) for session in built for each in session])
    ingest.settle("test")
    store.server.refresh(MESSAGES, TEXTS, RECORDINGS)
    yield store
    store.close()


def test_charts_and_searches_find_what_is_in_the_store(direct, elasticsearch_address):
    objects = made(elasticsearch_address.prefix)
    found = {}
    for each in objects.values():
        if "indexRefName" not in opened(each["attributes"]).get("kibanaSavedObjectMeta", {}).get(
            "searchSourceJSON", {}
        ):
            continue
        query, index = asked(source_of(each)["query"]["query"]), index_of(objects, each)
        name = each["id"].removeprefix(f"{elasticsearch_address.prefix}-")
        if each["type"] == "search":
            sort = [{field: order} for field, order in each["attributes"]["sort"]]
            answer = direct.server.client.search(index=index, query=query, sort=sort, size=500)
            found[name] = [hit["_source"] for hit in answer["hits"]["hits"]]
        else:
            aggregations = requested(opened(each["attributes"])["visState"])
            answer = direct.server.client.search(index=index, query=query, aggs=aggregations, size=0)
            (outer,) = answer["aggregations"].values()
            found[name] = {bucket["key"]: bucket for bucket in outer["buckets"]}
    assert {row["user"] for row in found["search-sessions"]} == {"alice", "bob"}
    assert "ls" in [row["text"] for row in found["search-commands"]]
    assert any("curl" in row["text"] for row in found["search-events"])
    assert {row["sessrec"]["error"] for row in found["search-failures"]} == {"EACCES", "ENOENT"}
    assert (found["search-alerts"], found["search-incomplete"]) == ([], [])
    assert {user: bucket["doc_count"] for user, bucket in found["chart-users"].items()} == {"alice": 1, "bob": 1}
    assert [bucket["doc_count"] for bucket in found["chart-sessions"].values()] == [2]
    assert found["chart-executables"]["/usr/bin/curl"]["doc_count"] == 1
    assert found["chart-files"].keys() == {"/home/alice/data", "/home/alice/old data"}
    assert found["chart-destinations"].keys() == {"192.0.2.7"}
    assert found["chart-failures"].keys() == {"file-read", "exec"}
    assert found["chart-hosts"]
    assert found["chart-commands"]


def filled(value, client):
    """A specification as Kibana hands it to vega: placeholders filled in, and answers in place of questions."""
    if isinstance(value, list):
        return [filled(item, client) for item in value if not (isinstance(item, str) and item.startswith("%dash"))]
    if not isinstance(value, dict):
        return value
    if "%timefilter%" in value:
        return {"gte": "2020-01-01", "lt": "2040-01-01"}
    if "url" in value:
        url = filled(value["url"], client)
        answer = client.search(index=url["index"], **url["body"]).body
        return {**{name: filled(item, client) for name, item in value.items() if name != "url"}, "values": answer}
    return {name: filled(item, client) for name, item in value.items()}


def test_the_marks_of_the_time_line_open_the_player_at_their_moment(direct, elasticsearch_address):
    made = specification(elasticsearch_address.prefix, PlayerUrl.read(PLAYER))
    drawn = rendered(filled(made, direct.server.client))
    image = ElementTree.fromstring(drawn)
    links = [value for each in image.iter() for name, value in each.items() if name.endswith("href")]
    opened_at = {
        re.fullmatch(r"https://player\.example\.test/play/([^/?&#]+)\?at=(\d+)", link).groups() for link in links
    }
    assert ("one", "0") in opened_at  # its bar
    seen = {(row.at, row.kind) for row in direct.seen("one", "exec")}
    assert seen
    assert {str(at) for at, _ in seen} <= {at for rec, at in opened_at if rec == "one"}
    assert {unquote(rec) for rec, _ in opened_at} == {"one", "two/&?"}
    words = {each.text for each in image.iter() if each.text}
    assert "alice on web1.example.test" in words
    without = rendered(filled(specification(elasticsearch_address.prefix, None), direct.server.client))
    assert "href=" not in without


def test_a_time_line_without_sessions_is_empty():
    made = specification("p", None)
    for data in made["data"]:
        del data["url"]
        data["values"] = {"hits": {"hits": []}}
    assert "<svg" in rendered(made)


@given(st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True), st.booleans())
def test_prop_objects_of_any_prefix_are_its_own(prefix, linked):
    objects = made(prefix, PLAYER if linked else None)
    assert all(id.startswith(f"{prefix}-") for _, id in objects)
    titles = {each["attributes"]["title"] for (kind, _), each in objects.items() if kind == "index-pattern"}
    assert titles == {Names(prefix).of(kind) for kind in (MESSAGES, TEXTS, RECORDINGS)}
