"""Messages through rsyslog, as we configure it, into a real Elasticsearch: through outages of both nothing is lost
and nothing stands twice."""

import json
import os
import random
import re
import socket
import ssl
import threading
import time
from base64 import b64encode
from pathlib import Path

import pytest

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.layout import MESSAGES
from auditor.log_servers.plain_bulk import PlainBulk
from auditor.log_servers.put_aside import PutAsideError, resend
from recorder.sinks.journald_sink import JournaldSink
from recorder.sinks.sink import SinkError
from recorder.sinks.syslog_sink import SyslogSink
from tests.certificates import self_signed
from tests.elasticsearch_node.proxy import CUT_AFTER, CUT_BEFORE, PASS, Proxy
from tests.journald import JOURNALD, running_journald
from tests.peers import needs
from tests.recordings import messages, sessrec, stored_lines
from tests.rsyslog_store import PATIENCE, Rsyslogd
from tests.sealing import line_of
from tests.units import unit

MODULES = [*Path("/usr/lib").glob("*/rsyslog/omelasticsearch.so"), *Path("/usr/lib64/rsyslog").glob("omel*")]

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("CI") != "true" and os.geteuid() != 0, reason="only root can put a journal in another's place"
    ),
    pytest.mark.skipif(
        os.environ.get("CI") != "true" and not MODULES,
        reason="rsyslog's omelasticsearch is not installed: apt-get install rsyslog-elasticsearch",
    ),
]


@pytest.fixture
def journald():
    with running_journald() as daemon:
        yield daemon


@pytest.fixture
def recorder():
    with unit("session-recorder.service") as made:
        yield made


@pytest.fixture
def rsyslogd(tmp_path, elasticsearch_address, proxy):
    """Makes one that sends through the proxy, and starts it."""
    made = []

    def make(journald=None, **options):
        (tmp_path / "rsyslog").mkdir()
        address = Address(proxy.url, elasticsearch_address.prefix)
        made.append(Rsyslogd(tmp_path / "rsyslog", address, journald, **options))
        made[0].start()
        return made[0]

    yield make
    for each in made:
        each.close()


def recorded(rec, count):
    return messages([f"needle {n} \x1b[31m日\u009b\x7f\r\n" for n in range(count - 2)], rec=rec)


def send(sink, objects):
    """As the recorder does: what is not taken now is sent again."""
    end = time.monotonic() + PATIENCE
    for each in objects:
        while True:
            try:
                sink.write([line_of(each)], rec=each["rec"], kind="event" if "event" in each else "io")
            except SinkError:
                assert time.monotonic() < end
                time.sleep(0.005)
            else:
                break
    sink.close()


def send_entry(entry, journald):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(entry, str(journald.runtime / "socket"))
        time.sleep(0.3)  # until journald has seen of which unit we are


def stored(direct, rec=None):
    direct.server.refresh(MESSAGES)
    return direct.server.count(MESSAGES, {"term": {"rec": rec}} if rec else {"match_all": {}})


def wait_until(condition, what_is_there=lambda: ""):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what_is_there()
        time.sleep(0.1)


@needs("rsyslogd", JOURNALD, "journalctl", "unshare")
def test_nothing_is_lost_or_doubled_while_rsyslog_is_killed_and_elasticsearch_is_away(
    journald, recorder, rsyslogd, proxy, direct, elasticsearch_address, tmp_path
):
    lot = random.Random(7)
    by_journal, by_socket = recorded("journal", 1500), recorded("socket", 1500)
    away = threading.Event()
    # Of what goes through, every fifth answer is lost: it was carried out, and rsyslog does not know.
    answers = iter(range(10**9))

    def fate(method, path, body):
        if away.is_set():
            return CUT_BEFORE
        return CUT_AFTER if path.startswith("/_bulk") and next(answers) % 5 == 4 else PASS

    proxy.fate = fate
    recorder.run(send, JournaldSink(journald.namespace), by_journal[:1])
    daemon = rsyslogd(journald)
    senders = [
        recorder.start(send, JournaldSink(journald.namespace), by_journal[1:]),
        recorder.start(send, SyslogSink(str(daemon.socket_path)), by_socket),
    ]
    for turn in range(4):
        time.sleep(lot.uniform(0.3, 0.9))
        if turn in (1, 3):
            (away.clear if away.is_set() else away.set)()
        daemon.kill()
        daemon.start()
    for finish in senders:
        finish()
    away.clear()
    # One that rsyslog had taken from the socket, and not written yet, is lost with it; the journal keeps all.
    wait_until(
        lambda: stored(direct, "journal") == 1500 and stored(direct, "socket") >= 1500 - 4,
        lambda: (stored(direct, "journal"), stored(direct, "socket"), daemon.said()[-2000:]),
    )
    assert stored(direct) <= 3000
    done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored_lines(direct, "journal") == [line_of(each) for each in by_journal]
    assert set(stored_lines(direct, "socket")) <= {line_of(each) for each in by_socket}
    assert list(direct.quarantined()) == []


@needs("rsyslogd", "unshare")
def test_what_elasticsearch_has_no_room_for_is_sent_again_and_what_it_refuses_is_a_dead_letter(
    rsyslogd, proxy, direct, tmp_path, elasticsearch_address
):
    busy = iter(range(10**9))

    def fate(method, path, body):
        if path.startswith("/_bulk") and next(busy) < 2:
            heads = re.findall(rb'^{"create":({.*})}$', body, re.MULTILINE)
            error = {"type": "es_rejected_execution_exception", "reason": "no room"}
            items = [{"create": {**json.loads(head), "status": 429, "error": error}} for head in heads]
            return 200, {"took": 1, "errors": True, "items": items}
        return PASS

    proxy.fate = fate
    daemon = rsyslogd()
    whole = recorded("r", 40)
    unfit = {**whole[3], "rec": "unfit", "event": "no object", "out_txt": "needle\x1b unfit"}
    send(SyslogSink(str(daemon.socket_path)), [*whole[:20], unfit, *whole[20:]])
    for text in (
        b"no JSON \x1b[31m",
        b'["no object"]',
        b'{"rec":"a b","id":1,"time":1.5}',
        b'{"rec":"r","id":1,"bytes":"\xff',
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(b"<86>1 2026-11-26T14:00:00Z web1 sessrec - io - " + text, str(daemon.socket_path))
    wait_until(lambda: stored(direct) == 40)
    wait_until(lambda: sum(row.lines for row in direct.quarantined()) == 5)
    rows = sorted(((row.rec, row.reason, row.excerpt) for row in direct.quarantined()), reverse=True)
    assert rows[0][0] == "unfit"
    assert rows[0][1].startswith("Elasticsearch refused it: document_parsing_exception: ")
    assert {row[1] for row in rows[1:]} == {"it is no message: a JSON object with rec, id and time"}
    assert all(excerpt.isprintable() for _, _, excerpt in rows)
    assert all(row.source.startswith("rsyslog on ") for row in direct.quarantined())
    done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored_lines(direct, "r") == [line_of(each) for each in whole]


@needs("rsyslogd", JOURNALD, "journalctl", "unshare")
def test_only_what_the_recorder_s_unit_sent_is_taken_from_the_journal(journald, rsyslogd, direct):
    send(JournaldSink(journald.namespace), recorded("forged", 5))
    daemon = rsyslogd(journald)
    send(SyslogSink(str(daemon.socket_path)), recorded("socket", 5))
    wait_until(lambda: stored(direct, "socket") == 5)
    time.sleep(1)
    assert stored(direct) == 5


@needs("rsyslogd", JOURNALD, "journalctl", "unshare")
def test_a_message_cannot_hold_another_request_and_long_ones_are_whole(journald, recorder, rsyslogd, direct):
    victim, mine, long = recorded("victim", 3), recorded("mine", 3), recorded("long", 3)
    long[1]["out_txt"] = "\x01" * 65_536
    long[1]["timing"] = f"=80x24>{65_536}"
    # JSON, and line by line a request of its own.
    delete = json.dumps({"delete": {"_index": direct.server.names.of(MESSAGES), "_id": "victim-2"}})
    attack = '{"rec":"mine","id":9,"time":1.5,"more":[\n' + delete + "\n]}"
    recorder.run(send, JournaldSink(journald.namespace), [*victim, *mine, *long])
    daemon = rsyslogd(journald)
    wait_until(lambda: stored(direct) == 9)
    value = attack.encode()
    entry = b"MESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\nSESSREC_TYPE=io\n"
    recorder.run(send_entry, entry, journald)
    wait_until(lambda: list(direct.quarantined()) or daemon.put_aside.exists())
    assert stored(direct, "victim") == 3
    # rsyslog itself makes #012 of a newline, so that it is no JSON any more; else the mapping would refuse it.
    assert [row.rec for row in direct.quarantined()] in ([""], ["mine"])
    assert not daemon.put_aside.exists()
    found = direct.server.client.get(index=direct.server.names.of(MESSAGES), id="long-2")
    assert found["_source"]["out_txt"] == "\x01" * 65_536


@needs("rsyslogd", "unshare")
def test_with_the_queue_full_senders_wait_and_nothing_is_lost(rsyslogd, proxy, direct):
    proxy.fate = lambda *_: CUT_BEFORE
    changes = {
        'queue.maxFileSize="64m" queue.maxDiskSpace="4g"': 'queue.maxFileSize="100k" queue.maxDiskSpace="300k"',
        'action.resumeIntervalMax="10"': 'action.resumeIntervalMax="1"',
        # What a request that failed had in it, rsyslog sends one by one.
        '"500" queue.minDequeueBatchSize="500"': '"50" queue.minDequeueBatchSize="50"',
    }
    daemon = rsyslogd(**changes)
    whole = recorded("r", 800)
    sender = threading.Thread(target=send, args=(SyslogSink(str(daemon.socket_path)), whole))
    sender.start()
    sender.join(3)
    assert sender.is_alive()
    proxy.fate = lambda *_: PASS
    sender.join(PATIENCE)
    wait_until(lambda: stored(direct) == 800)


@needs("rsyslogd", "unshare")
def test_what_was_put_aside_is_sent_again(rsyslogd, proxy, direct, tmp_path, elasticsearch_address):
    """While Elasticsearch answers whole requests with an error; a newer rsyslog keeps them in its queue."""
    blocked = {"type": "cluster_block_exception", "reason": "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered]"}
    answers = iter(range(10**9))
    errors = [(503, {"error": blocked, "status": 503}), (429, {"error": {"type": "circuit_breaking_exception"}})]

    def fate(method, path, body):
        number = next(answers) if path.startswith("/_bulk") else 9
        return errors[number] if number < 2 else PASS

    proxy.fate = fate
    daemon = rsyslogd()
    whole = recorded("r", 40)
    for part in (whole[:10], whole[10:20], whole[20:]):
        send(SyslogSink(str(daemon.socket_path)), part)
        time.sleep(0.5)
    wait_until(lambda: stored(direct) in (20, 40))
    arguments = ("store", "resend", daemon.put_aside, "--store", elasticsearch_address)
    done = sessrec(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(direct) == 40
    again = sessrec(tmp_path, *arguments)
    assert again.stdout == "0 messages sent again, 0 were there already\n"
    if daemon.put_aside.exists():
        assert done.stdout == "20 messages sent again, 0 were there already\n"
        # One more of the same, and one that was torn when rsyslog was killed.
        text = daemon.put_aside.read_text()
        daemon.put_aside.write_text(f"{text}{text[:70]}\n{text.splitlines()[0]}\n")
        assert sessrec(tmp_path, *arguments).stdout == (
            "0 messages sent again, 10 were there already, 1 requests that rsyslog did not write to their end\n"
        )


@needs("rsyslogd", "unshare")
def test_by_tls_and_with_a_password_messages_arrive_and_none_is_lost_while_either_is_wrong(
    elasticsearch_address, direct, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "rsyslog").mkdir()
    trusted, other = self_signed(tmp_path), self_signed(tmp_path / "other")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(trusted)
    password = """a'pass\\word"$HOME%msg%é:"""
    credentials = b64encode(f"session-recording-writer:{password}".encode()).decode()

    def fate(method, path, body):
        known = server.seen[-1].get("Authorization") == f"Basic {credentials}"
        return PASS if known else (401, {"error": {"type": "security_exception"}, "status": 401})

    server = Proxy(elasticsearch_address.url, fate=fate, tls=tls)
    authority = {'usehttps="on"': f'usehttps="on" tls.cacert="{tmp_path}/ca.pem"'}
    address = Address(server.url, elasticsearch_address.prefix)
    daemon = Rsyslogd(tmp_path / "rsyslog", address, **authority)
    whole = recorded("r", 60)

    def sent(ca, password, part):
        daemon.kill()
        (tmp_path / "ca.pem").write_bytes(ca.read_bytes())
        daemon.start(password)
        send(SyslogSink(str(daemon.socket_path)), part)

    try:
        sent(other, password, whole[:20])
        wait_until(lambda: "certificate" in daemon.said())
        assert server.requests == 0
        sent(trusted, "wrong", whole[20:40])
        wait_until(lambda: "security_exception" in daemon.said())
        sent(trusted, password, whole[40:])
        # Before 8.2608 what the wrong password was for is put aside.
        wait_until(lambda: stored(direct) in (20, 60))
        done = sessrec(tmp_path, "store", "resend", daemon.put_aside, "--store", elasticsearch_address)
        assert (done.returncode, done.stderr) == (0, "")
        done = sessrec(tmp_path, "ingest", "--from", "elasticsearch", "--store", elasticsearch_address)
        assert (done.returncode, done.stderr) == (0, "")
        assert stored_lines(direct, "r") == [line_of(each) for each in whole]
    finally:
        daemon.close()
        server.close()


@needs("rsyslogd", "unshare")
def test_with_a_mistake_in_its_configuration_rsyslog_does_not_start_and_drops_nothing(rsyslogd, direct):
    daemon = rsyslogd()
    daemon.kill()
    daemon.start("no password with a space")
    whole = recorded("r", 5)
    send(SyslogSink(str(daemon.socket_path)), whole)
    time.sleep(3)
    daemon.kill()
    assert "contains whitespace" in daemon.said()
    daemon.start()
    wait_until(lambda: stored(direct) == 5)


def test_a_file_that_is_not_rsyslog_s_is_not_sent(direct, tmp_path, elasticsearch_address):
    (tmp_path / "file").write_text("something else\n")
    with pytest.raises(PutAsideError, match="errorFile"):
        resend(PlainBulk(elasticsearch_address), tmp_path / "file")
    assert resend(PlainBulk(elasticsearch_address), tmp_path / "missing").stored == 0
