"""Messages that a log server puts into Elasticsearch: found as they are seen, by however many processes, once."""

import json
import signal
import subprocess
import sys
import time

import pytest

from auditor.elasticsearch.connection import connect
from auditor.elasticsearch.layout import MESSAGES, message_key
from auditor.elasticsearch.leases import Leases
from auditor.elasticsearch.raw_source import OTHERS_SECONDS, PATIENCE, RawSource
from auditor.ingest.ingest import Ingest
from auditor.query.query import Selection
from tests.recordings import HERE, environment, messages, sessrec, texts
from tests.sealing import key_of, sealed_recording


@pytest.fixture
def client(elasticsearch_address):
    client = connect(elasticsearch_address, {}, "/nonexistent")
    yield client
    client.close()


@pytest.fixture
def put(client, elasticsearch_address):
    """Does what a log server does: documents of messages with `@timestamp`, their ids from rec and id."""

    def put(objects):
        operations = []
        for fields in objects:
            key = message_key(fields["rec"], fields.get("id", 0))
            operations += [{"create": {"_id": key}}, {"@timestamp": round(fields["time"] * 1000), **fields}]
        answer = client.bulk(index=f"{elasticsearch_address.prefix}-messages", operations=operations)
        assert all(item["create"]["status"] in (201, 409) for item in answer["items"]), answer

    return put


def needles(rec, count=10):
    return messages([f"needle {number}\r\n" for number in range(count)], rec=rec)


def look(store, **more):
    ingest = Ingest(store)
    source = RawSource(ingest, store)
    source.look(**{"last": True} | more)
    source.close()
    return ingest.counts


def test_what_a_log_server_has_put_there_is_found_and_played(direct, put, elasticsearch_address, tmp_path):
    put(needles("one") + needles("two"))
    done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 recordings, 24 new messages\n", "")
    assert texts(direct, "needle rec:one") == [f"needle {number}" for number in range(10)]
    played = sessrec(tmp_path, "play", "-g", "end", "one", "--store", elasticsearch_address)
    assert played.stdout.split() == " ".join(f"needle {number}" for number in range(10)).split()
    done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
    assert done.stdout == "0 recordings, 0 new messages\n"
    assert sessrec(tmp_path, "ingest", "--from", "elasticsearch").returncode == 2


def test_what_comes_out_of_order_twice_and_late_is_put_in_order(direct, put, client, elasticsearch_address):
    whole = needles("r", 30)
    put(whole[20:] + whole[:5])
    assert look(direct).taken == 17
    # Sent again after a rollover, Elasticsearch cannot know that they are there.
    client.indices.rollover(alias=f"{elasticsearch_address.prefix}-messages")
    put(whole[:25])
    assert look(direct).taken == 15
    (facts,) = direct.recordings(Selection())
    assert (facts.messages, facts.missing, facts.ended) == (32, 0, True)
    assert texts(direct, "needle") == [f"needle {number}" for number in range(30)]
    assert [line.count(b'"id"') for batch in direct.lines("r") for line in batch] == [1] * 32


@pytest.mark.parametrize("rolled", [False, True])
def test_a_session_goes_on_being_taken_in_after_ingest_was_started_again_while_nobody_typed(
    direct, put, client, elasticsearch_address, rolled
):
    whole = needles("r")
    put(whole[:6])
    look(direct)
    ingest = Ingest(direct)
    source = RawSource(ingest, direct)
    source.look()
    assert ingest.counts.taken == 0
    if rolled:
        client.indices.rollover(alias=f"{elasticsearch_address.prefix}-messages")
    put(whole[6:8])
    source.look()
    source.close()
    assert ingest.counts.taken == 2
    put(whole[8:])
    assert look(direct).taken == 4
    assert texts(direct, "needle") == [f"needle {number}" for number in range(10)]


def test_a_gap_is_waited_for_and_then_passed(direct, put):
    now = [100.0]
    ingest = Ingest(direct)
    source = RawSource(ingest, direct, clock=lambda: now[0])
    whole = needles("r")
    put(whole[:4] + whole[6:9])
    source.look()
    assert ingest.counts.taken == 4
    now[0] += PATIENCE / 2
    source.look()
    assert ingest.counts.taken == 4
    now[0] += PATIENCE
    source.look()
    assert (ingest.counts.taken, direct.facts("r").missing) == (7, 2)
    put(whole[4:])
    source.look()
    assert (direct.facts("r").missing, direct.facts("r").ended) == (0, True)
    assert texts(direct, "needle") == [f"needle {number}" for number in range(10)]
    source.close()


def test_a_message_that_is_no_part_of_its_recording_is_put_aside_and_told_once(direct, put):
    whole = needles("r", 3)
    whole[2] |= {"user": "mallory"}
    put([*whole, {"rec": "r", "time": 0.0}, {"rec": "broken", "id": 1, "time": 0.0}])
    for _ in range(2):
        look(direct)
    rows = sorted((row.rec, row.reason, row.lines) for row in direct.quarantined())
    assert [(rec, lines) for rec, _, lines in rows] == [("", 2), ("r", 1)]
    assert "user, host or session differ" in rows[1][1]
    assert texts(direct, "needle") == ["needle 0", "needle 2"]
    assert direct.server.count(MESSAGES, {"match_all": {}}) == 4


def test_what_somebody_writes_there_in_the_name_of_a_host_is_told_apart_by_the_seal(
    put, elasticsearch_address, tmp_path
):
    """A message in Elasticsearch has no sender: who may write there writes in any name, before the host does too."""
    web, taken = key_of("web1"), key_of("taken over")
    for key, host in ((web, "web1.example.test"), (taken, "db1.example.test")):
        (tmp_path / f"{host}.pub").write_bytes(key.public.file_text())
        assert sessrec(tmp_path, "key", "trust", tmp_path / f"{host}.pub", "--host", host).returncode == 0

    def of(rec, key):
        return [json.loads(line) for line in sealed_recording(["a", "b", "c", "d"], key, rec=rec)]

    forged = of("occupied", taken)[4] | {"out_txt": "z"}
    put([*of("true", web), *of("invented", taken), *needles("bare"), forged])
    # Refused, as it is there already.
    put(of("occupied", web))
    done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
    assert (done.returncode, done.stderr) == (0, "")
    done = sessrec(tmp_path, "verify", "--store", elasticsearch_address, "true", "invented", "bare", "occupied")
    assert done.stdout.splitlines() == [
        "true: complete",
        "invented: unsigned",
        "bare: unsigned",
        "occupied: tampered at 5",
    ]


def test_messages_of_a_deleted_recording_are_deleted_as_they_come(direct, put):
    put(needles("r")[:6])
    look(direct)
    direct.delete(["r"])
    assert direct.server.count(MESSAGES, {"match_all": {}}) == 0
    put(needles("r"))
    look(direct)
    direct.server.refresh(MESSAGES)
    assert direct.server.count(MESSAGES, {"match_all": {}}) == 0
    assert list(direct.recordings(Selection())) == []


def test_two_processes_share_the_work_and_one_goes_on_with_what_a_killed_one_had(
    direct, put, elasticsearch_address, tmp_path
):
    command = [sys.executable, "-m", "sessrec", "ingest", "--from", "elasticsearch", "--follow", "--lease", "1"]
    both = [
        subprocess.Popen(
            [*command, "--store", str(elasticsearch_address)],
            cwd=HERE, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    recs = [f"r{number:02}" for number in range(12)]
    try:
        delays = []
        for number in range(12):
            for rec in recs:
                put([needles(rec)[number]])
            if number == 3:
                wait_until(lambda: len({facts.source for facts in direct.recordings(Selection())}) > 0)
            if number == 6:
                both[0].kill()
            if number in (2, 11):
                started = time.monotonic()
                wait_until(lambda count=number: len(texts(direct, "needle rec:r07")) >= min(count, 10))
                delays.append(time.monotonic() - started)
        wait_until(lambda: len(texts(direct, "needle")) == 120)
        wait_until(lambda: all(facts.ended and facts.settled for facts in direct.recordings(Selection())))
        both[1].send_signal(signal.SIGINT)
        output, said = both[1].communicate(timeout=30)
    finally:
        for process in both:
            process.kill()
            process.wait()
    assert said == ""
    assert output.startswith("12 recordings")
    for rec in recs:
        facts = direct.facts(rec)
        assert (facts.messages, facts.missing, facts.ended) == (12, 0, True)
        assert texts(direct, f"needle rec:{rec}") == [f"needle {number}" for number in range(10)]
    assert list(direct.quarantined()) == []


def test_what_a_killed_process_was_at_is_not_left_out_by_one_that_looks_once(
    direct, put, elasticsearch_address, tmp_path
):
    command = ["ingest", "--from", "elasticsearch", "--lease", "2", "--store", elasticsearch_address]
    killed = subprocess.Popen(
        [sys.executable, "-m", "sessrec", *map(str, command), "--follow"], cwd=HERE, env=environment(tmp_path)
    )
    whole = needles("r")
    try:
        put(whole[:6])
        wait_until(lambda: len(texts(direct, "needle")) == 5)
    finally:
        killed.kill()
        killed.wait()
    put(whole[6:])
    done = sessrec(tmp_path, *command)
    assert (done.returncode, done.stdout) == (0, "1 recordings, 6 new messages\n")
    # Whoever is there does it himself, and nobody waits for him longer than until he is heard of.
    now = [0.0]
    there = RawSource(Ingest(direct), direct, lease_seconds=1000, clock=lambda: now[0])
    put(needles("other")[:6])
    there.look()
    put(needles("other")[6:])
    other = RawSource(Ingest(direct), direct)
    other.look(last=True)
    assert other.left == 1
    now[0] = 300
    there.look()
    time.sleep(OTHERS_SECONDS)
    other.look(last=True)
    assert other.left == 0
    there.close()
    other.close()


def test_what_arrives_is_found_within_a_second(direct, put, elasticsearch_address, tmp_path):
    command = [sys.executable, "-m", "sessrec", "ingest", "--from", "elasticsearch", "-f", "--store"]
    process = subprocess.Popen(
        [*command, str(elasticsearch_address)], cwd=HERE, env=environment(tmp_path), stdout=subprocess.DEVNULL
    )
    whole = needles("r")
    try:
        put(whole[:2])
        wait_until(lambda: texts(direct, "needle") == ["needle 0"])
        delays = []
        for number in range(2, 8):
            started = time.monotonic()
            put([whole[number]])
            wait_until(lambda number=number: len(texts(direct, "needle")) == number)
            delays.append(time.monotonic() - started)
    finally:
        process.kill()
        process.wait()
    # What is added by waiting for the next look is never less than that; a busy machine adds to most of them.
    assert min(delays) < 1, delays


def test_a_lease_is_one_process_s_until_nothing_is_heard_of_it(direct):
    now = [0.0]
    one, two, three = (Leases(direct.server, seconds=10, clock=lambda: now[0]) for _ in range(3))
    assert one.take(["a", "b"]) == {"a", "b"}
    assert two.take(["a", "c"]) == {"c"}
    now[0] = 8.0
    one.renew()
    assert (two.take(["a"]), three.take(["a"])) == (set(), set())
    now[0] = 17.0
    assert two.take(["a"]) == set()
    now[0] = 19.0
    assert (two.take(["a"]), three.take(["a"])) == ({"a"}, set())
    one.renew()
    assert set(one.held) == {"b"}
    one.release(["b"])
    two.release(["a"])
    assert three.take(["a", "b"]) == {"a", "b"}


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
