"""What goes wrong with an Elasticsearch: nothing is lost, nothing stands twice, and it is said once and clearly."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from auditor.elasticsearch import bulk, server
from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.layout import MESSAGES, TEXTS, Names
from auditor.elasticsearch.setup import Options, setup
from auditor.elasticsearch.status import status
from auditor.elasticsearch.store import ElasticsearchStore
from auditor.ingest.ingest import Ingest
from auditor.query.query import Selection
from auditor.recordings.store import StoreError, StoreUnavailableError
from tests.elasticsearch_node import Node
from tests.elasticsearch_node.proxy import CUT_AFTER, CUT_BEFORE, PASS
from tests.recordings import HERE, environment, ingested, messages, stored_lines, texts, write_recording
from tests.sealing import line_of

COUNT = 60
NEEDLES = [f"needle {number}" for number in range(COUNT)]


@pytest.fixture
def through(elasticsearch_address, proxy):
    """The store through the proxy."""
    store = ElasticsearchStore(Address(proxy.url, elasticsearch_address.prefix))
    yield store
    store.close()


@pytest.fixture
def recording(tmp_path):
    write_recording(tmp_path / "r", [f"{needle}\r\n" for needle in NEEDLES], rec="r")
    return tmp_path / "r"


def whole(store, file):
    """The recording is there, once and complete."""
    facts = store.facts("r")
    assert (facts.messages, facts.missing, facts.ended, facts.settled) == (COUNT + 2, 0, True, True)
    assert b"".join(stored_lines(store, "r")) == file.read_bytes()
    assert texts(store, "needle") == NEEDLES
    assert [event.action for event in store.events("r")] == ["session-start", "session-end"]
    assert store.server.count(MESSAGES, {"term": {"rec": "r"}}) == COUNT + 2


def is_bulk(path):
    return path.startswith("/_bulk")


def test_a_scan_that_is_given_up_makes_no_request_wherever_that_happens(direct, recording, monkeypatch):
    """By the garbage collector it may be given up within another request, which it would wait for in vain."""
    ingested(direct, recording)
    reader, asked = direct.server, []
    reader.refresh(MESSAGES)
    close = reader.client.close_point_in_time
    monkeypatch.setattr(reader.client, "close_point_in_time", lambda id: asked.append(id) or close(id=id))
    scan = reader.scan(MESSAGES, {"match_all": {}}, sizes=(10,))
    assert len(next(scan)) == 10
    scan.close()
    assert asked == []
    assert sum(map(len, reader.scan(MESSAGES, {"match_all": {}}, sizes=(10,)))) == COUNT + 2
    # Its own, and the one that was left.
    assert len(asked) == 2


def test_what_elasticsearch_has_no_room_for_is_sent_again(proxy, through, direct, recording):
    """The whole request three times; then half of its documents, once, and the other half is carried out."""
    rejected = {"error": {"type": "es_rejected_execution_exception", "reason": "queue full"}, "status": 429}
    left = [3]

    def fate(method, path, body):
        if is_bulk(path) and left[0]:
            left[0] -= 1
            return 429, rejected
        return PASS

    proxy.fate = fate
    ingested(through, recording)
    assert left == [0]
    whole(direct, recording)


def test_documents_of_a_bulk_that_failed_are_sent_again_by_themselves(proxy, through, direct, recording):
    sent = []

    def fate(method, path, body):
        if not is_bulk(path):
            return PASS
        lines = body.splitlines()
        sent.append(len(lines))
        if len(lines) < 10:
            return PASS
        # Elasticsearch carries out the first half; of the others it says that there is no room.
        half = len(lines) // 4 * 2
        request = urllib.request.Request(
            direct.address.url + path,
            b"\n".join(lines[:half]) + b"\n",
            {"Content-Type": "application/x-ndjson"},
        )
        with urllib.request.urlopen(request) as answer:
            done = json.load(answer)["items"]
        error = {"type": "es_rejected_execution_exception", "reason": "queue full"}
        refused = [{"create": {"status": 429, "error": error}}] * ((len(lines) - half) // 2)
        return 200, {"items": [*done, *refused]}

    proxy.fate = fate
    ingested(through, recording)
    assert any(count >= 60 for count in sent)
    whole(direct, recording)


def test_a_node_out_of_memory_for_requests_is_waited_for(elasticsearch_address, direct, recording):
    """A real 429: the circuit breaker of the node, which is lifted after a second."""
    client = connect(elasticsearch_address, {}, "/nonexistent")
    limit = "indices.breaker.total.limit"

    def tripped():
        (node,) = client.nodes.stats(metric="breaker")["nodes"].values()
        return node["breakers"]["parent"]["tripped"]

    before = tripped()
    client.cluster.put_settings(persistent={limit: "1kb"})
    lifting = threading.Timer(1.0, lambda: client.cluster.put_settings(persistent={limit: None}))
    lifting.start()
    try:
        ingested(direct, recording)
    finally:
        lifting.join()
    assert tripped() > before
    client.close()
    whole(direct, recording)


@pytest.mark.parametrize("way", [CUT_BEFORE, CUT_AFTER])
def test_a_connection_that_is_cut_again_and_again_loses_and_doubles_nothing(proxy, through, direct, recording, way):
    """Every third request, without the second knowing whether the first was carried out."""
    count = [0]

    def fate(method, path, body):
        count[0] += 1
        return way if count[0] % 3 == 0 else PASS

    proxy.fate = fate
    ingest = Ingest(through)
    lines = recording.read_bytes().splitlines()
    for start in range(0, len(lines), 7):
        ingest.take("file", str(start), lines[start : start + 7])
    ingest.settle("file", "end")
    assert count[0] > 12
    whole(direct, recording)
    assert dict(direct.marks("")) == {"file": "end"}
    assert list(direct.quarantined()) == []


def test_an_elasticsearch_that_is_down_is_one_line_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sessrec", "list", "--store", "http://127.0.0.1:1/x"],
        cwd=HERE, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sessrec: Elasticsearch at http://127.0.0.1:1/x does not answer: start it")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_said_at_once_and_nothing_is_half_there(elasticsearch_address, direct, recording):
    client = connect(elasticsearch_address, {}, "/nonexistent")
    index = Names(elasticsearch_address.prefix).of(TEXTS)
    client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": True})
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="takes no writes now; most often its disk is full"):
            ingested(direct, recording)
        assert time.monotonic() - started < 5
        assert direct.facts("r") is None
        assert texts(direct, "needle") == []
        assert list(direct.recordings(Selection())) == []
        assert dict(direct.marks("")) == {}
        done = subprocess.run(
            [sys.executable, "-m", "sessrec", "store", "status", "--store", str(elasticsearch_address)],
            cwd=HERE, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert f"{index}-000001 takes no writes: make room on the disk" in done.stdout
    finally:
        client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": None})
        client.close()
    ingested(direct, recording)
    whole(direct, recording)


def test_a_message_that_the_mapping_refuses_is_played_all_the_same_and_told(direct, tmp_path):
    objects = messages(["one\r\n", "two\r\n"], rec="r")
    objects[1] |= {"process": "no object"}
    objects[2] |= {"unheard_of": {"a": 1}}
    lines = [line_of(each) for each in objects]
    (tmp_path / "r").write_bytes(b"".join(lines))
    assert ingested(direct, tmp_path / "r").taken == 4
    assert stored_lines(direct, "r") == lines
    assert texts(direct, "one") == ["one"]
    rows = sorted((row.rec, row.reason.partition(":")[0], row.lines) for row in direct.quarantined())
    assert rows == [("r", "it does not fit the mapping of Elasticsearch", 1)] * 2
    ingested(direct, tmp_path / "r")
    assert len(list(direct.quarantined())) == 2


def test_every_event_of_audit_fits_the_mapping(direct, tmp_path):
    events = [
        json.loads(line) for file in sorted((HERE / "tests/samples/audit").glob("*.jsonl")) for line in file.open()
    ]
    whole = messages(["x\r\n"] * len(events), rec="r")
    for fields, event in zip(whole[1:], events, strict=False):
        said = {name: value for name, value in event.items() if name not in ("time", "auid", "session")}
        fields |= {"timing": "", "out_txt": ""} | said
    (tmp_path / "r").write_bytes(b"".join(map(line_of, whole)))
    assert ingested(direct, tmp_path / "r").refused == 0
    assert len(events) > 20
    assert [row.reason for row in direct.quarantined()] == []
    direct.server.refresh(MESSAGES)
    assert direct.server.count(MESSAGES, {"exists": {"field": "event.sequence"}}) == len(events)


def test_a_message_of_another_with_the_same_id_does_not_replace_it(direct, elasticsearch_address):
    first, other = (messages([text], rec="r") for text in ("first\r\n", "other\r\n"))
    Ingest(direct).take("a", None, [line_of(each)[:-1] for each in first[:2]])
    # As if the process had been killed between the messages and the recording.
    direct.server.remove(TEXTS, {"match_all": {}})
    client = connect(elasticsearch_address, {}, "/nonexistent")
    client.delete(index=f"{elasticsearch_address.prefix}-recordings", id="r")
    client.close()
    Ingest(direct).take("b", None, [line_of(each)[:-1] for each in other[:2]])
    assert stored_lines(direct, "r") == [line_of(each) for each in first[:2]]
    assert [row.reason for row in direct.quarantined()] == ["another message has the same id"]


def test_a_store_that_was_not_set_up_is_not_made_by_writing(elasticsearch_url):
    with pytest.raises(StoreError, match="has no store yet: `sessrec store setup --store"):
        ElasticsearchStore(Address(elasticsearch_url, "nobody"))
    client = connect(Address(elasticsearch_url), {}, "/nonexistent")
    assert client.indices.get(index="nobody*").body == {}
    client.close()


def test_a_search_of_which_a_part_cannot_be_answered_is_no_answer(elasticsearch_url, monkeypatch):
    """Red: a shard that is nowhere. What the others would find is not taken for all there is."""
    monkeypatch.setattr(server, "REFRESH_SECONDS", 1.0)
    address = Address(elasticsearch_url, "red")
    client = connect(address, {}, "/nonexistent")
    setup(client, address, Options(replicas=0))
    nowhere = {"index.routing.allocation.require._name": "nobody", "number_of_replicas": 0}
    client.indices.create(
        index="red-texts-000002",
        settings=nowhere,
        wait_for_active_shards="0",
        aliases={"red-texts": {"is_write_index": False}},
    )
    store = ElasticsearchStore(address)
    try:
        with pytest.raises(StoreUnavailableError, match=r"`sessrec store status --store .*` says how it is"):
            texts(store, "needle")
        found = status(store.server)
        assert (found.health, found.recordings) == ("red", 0)
        assert any("(red)" in problem for problem in found.problems)
    finally:
        store.close()
        for index in client.indices.get(index="red-*", filter_path="*.aliases"):
            client.indices.delete(index=index)
        client.close()


KILLED = """
import os, sys
from pathlib import Path
from auditor.elasticsearch import additions
from auditor.elasticsearch.address import Address
from auditor.elasticsearch.store import ElasticsearchStore
from auditor.ingest.file_source import catch_up
additions.CLAIM_SECONDS = 0.5
store = ElasticsearchStore(Address.read(sys.argv[1]))
catch_up(store, Path(sys.argv[2]))
"""


def test_a_process_killed_between_any_two_requests_is_continued(proxy, through, direct, tmp_path):
    """The proxy kills it: before a request, or when it was carried out and not answered."""
    file = tmp_path / "recordings" / "r.jsonl"
    lines = [line_of(each) for each in messages([f"{needle}\r\n" for needle in NEEDLES], rec="r")]
    file.parent.mkdir()
    command = [sys.executable, "-c", KILLED, str(through.address), str(file.parent)]
    state = {}

    def fate(method, path, body):
        state["left"] -= 1
        if state["left"] < 0 and state["process"].poll() is None:
            state["process"].send_signal(signal.SIGKILL)
            return CUT_AFTER if state["after"] else CUT_BEFORE
        return PASS

    proxy.fate = fate
    killed = 0
    # Each run has more of the file to take in, and is killed at another place: lines are there of an addition that
    # never was one, a recording is claimed, an addition was one but its mark is missing.
    for number, (left, after) in enumerate(
        [(6, 1), (7, 0), (7, 1), (8, 1), (10, 1), (10, 0), (11, 1), (12, 1), (13, 1)]
    ):
        file.write_bytes(b"".join(lines[: 6 * (number + 1)]))
        state |= {"left": left, "after": after, "process": None}
        started = threading.Event()
        proxy.fate = lambda *request, started=started: started.wait(30) and fate(*request)
        state["process"] = subprocess.Popen(command, cwd=HERE, env=os.environ, stderr=subprocess.DEVNULL)
        started.set()
        killed += state["process"].wait(60) == -signal.SIGKILL
    assert killed >= 8
    assert direct.server.holds(["r"])["r"].fields["abandoned"]
    file.write_bytes(b"".join(lines))
    proxy.fate = lambda *_: PASS
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    whole(direct, file)
    assert list(direct.quarantined()) == []


def test_who_follows_says_once_that_elasticsearch_is_gone_and_goes_on_when_it_is_back(elasticsearch_url, tmp_path):
    """A node of its own, killed as by a power cut while a file is followed, and started again."""
    node = Node(tmp_path / "node")
    node.start()
    address = Address(node.url)
    client = connect(address, {}, "/nonexistent")
    setup(client, address, Options(replicas=0))
    client.close()
    file = tmp_path / "recordings" / "r.jsonl"
    file.parent.mkdir()
    lines = [line_of(each) for each in messages([f"{needle}\r\n" for needle in NEEDLES], rec="r")]
    file.write_bytes(b"".join(lines[:20]))
    command = [sys.executable, "-m", "sessrec", "ingest", "--follow", str(file.parent), "--store", str(address)]
    follower = subprocess.Popen(
        command, cwd=HERE, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        store = ElasticsearchStore(address)
        wait_until(lambda: store.facts("r") is not None)
        node.kill()
        file.write_bytes(b"".join(lines[:40]))
        time.sleep(3)
        node.start()
        file.write_bytes(b"".join(lines))
        wait_until(lambda: getattr(quietly(lambda: store.facts("r")), "settled", False) and store.facts("r").ended)
        time.sleep(1)
        follower.send_signal(signal.SIGINT)
        output, said = follower.communicate(timeout=30)
        whole(store, file)
        store.close()
    finally:
        follower.kill()
        node.stop()
    assert follower.returncode == 0
    first, last = said.decode().splitlines()
    assert "does not answer" in first
    assert first.endswith("trying again until it works")
    assert last == "sessrec: the store takes additions again"
    assert json.dumps(output.decode()).startswith('"1 recordings')


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not quietly(condition):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def quietly(ask):
    try:
        return ask()
    except StoreUnavailableError:
        return None


def test_pauses_grow_are_drawn_by_lot_and_end():
    assert list(bulk._pauses(1.0, lot=lambda: 1.0)) == [0.1, 0.2, 0.4, 0.8]
    short = list(bulk._pauses(60.0, lot=lambda: 0.0))
    assert short[:3] == [0.05, 0.1, 0.2]
    assert max(short) == bulk.LONGEST_PAUSE / 2
    assert 60 <= sum(short) < 63
