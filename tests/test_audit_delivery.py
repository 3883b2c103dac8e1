"""Events on their way to a session: all of them, once, in order, however its worker behaves; or counted as lost."""

import json
import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit.event import AuditEvent
from recorder.audit_service.background import BackgroundRecording
from recorder.audit_service.deliveries import BOUND, PACKET, TOGETHER, Delivery, packed
from recorder.audit_service.dispatch import Dispatch
from recorder.audit_service.recordings import Recordings
from recorder.capture.log import Header
from recorder.capture.session import Session
from recorder.configuration.host_settings import load
from recorder.formats.message import parse
from recorder.logins.session_events import SessionEvents
from recorder.sinks.file_sink import FileSink
from recorder.sinks.spool import Spool

LOGIN = 1000, 5


def event(number, **fields):
    return AuditEvent(time.time(), number, *LOGIN, 1, {"event": {"action": "exec", "sequence": number}, **fields})


class Worker:
    """The other side of a delivery; `taken` are the numbers that it has written."""

    def __init__(self, path):
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self.listening.bind(str(path))
        self.listening.listen()
        self.connection = None
        self.taken = []

    def accept(self):
        if self.connection is None:
            self.connection, _ = self.listening.accept()
            self.connection.setblocking(False)

    def serve(self):
        """Take a packet and answer; False where there is none."""
        try:
            self.accept()
            data = self.connection.recv(65_536)
        except BlockingIOError:
            return False
        if not data:
            self.hang_up()
            return False
        said = json.loads(data)
        self.taken += [each["fields"]["event"]["sequence"] for each in said["events"]]
        self.connection.send(json.dumps({"taken": len(said["events"])}).encode())
        return True

    def hang_up(self):
        """As one that falls asleep between two packets, without having read."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        else:
            try:
                self.accept()
                self.hang_up()
            except BlockingIOError:
                pass


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("sockets")


@given(st.lists(st.one_of(st.integers(1, 60), st.sampled_from(["send", "serve", "answer", "hang up"])), max_size=40))
def test_prop_every_event_arrives_once_and_in_order(place, steps):
    path = place / os.urandom(8).hex()
    worker, delivery, number = Worker(path), Delivery(str(path)), 0
    for step in [*steps, *["send", "serve", "answer"] * 100]:
        if isinstance(step, int):
            for _ in range(step):
                number += 1
                delivery.add(event(number))
        elif step == "send":
            assert delivery.send()
        elif step == "serve":
            worker.serve()
        elif step == "hang up" and not (worker.connection is None and delivery.descriptor < 0):
            worker.hang_up()
        elif step == "answer" and delivery.descriptor >= 0:
            delivery.answered()
    assert worker.taken == list(range(1, number + 1))
    assert len(delivery) == 0
    assert delivery.delivered == number
    assert delivery.descriptor == -1, "the session could not sleep"
    path.unlink()


def test_a_packet_takes_a_worker_some_milliseconds_only(place):
    path = place / "packets"
    worker, delivery = Worker(path), Delivery(str(path))
    for number in range(200):
        delivery.add(event(number))
    delivery.send()
    worker.serve()
    assert len(worker.taken) == TOGETHER


def test_a_worker_that_takes_nothing_costs_a_bounded_memory_and_what_is_too_much_is_counted(place):
    path = place / "stuck"
    worker = Worker(path)
    delivery = Delivery(str(path), bound=10_000)
    for number in range(1000):
        delivery.add(event(number))
    assert len(delivery) + delivery.lost == 1000
    assert 50 < len(delivery) < 200
    assert delivery.send()
    assert delivery.send()
    assert worker.taken == []
    assert BOUND < 64 << 20


@given(st.lists(st.text(max_size=20), max_size=6), st.integers(0, 40_000), st.sampled_from("x\x01é\ud800"))
def test_prop_an_event_of_any_length_fits_into_a_packet(words, length, letter):
    arguments = [*words, letter * length]
    data = packed(event(1, process={"args": arguments, "pid": 5}, file={"path": letter * (length // 8)}))
    assert len(data) <= PACKET
    said = json.loads(data)["fields"]
    assert said["event"]["action"] == "exec"
    if said.get("process", {}).get("args") != [each.replace("\ud800", "?") for each in arguments]:
        assert said["sessrec"]["truncated"] is True


@pytest.fixture
def session(tmp_path):
    header = Header(host="web1", rec="a", user="alice", term="", session=5)
    session = Session(header, Spool(FileSink(str(tmp_path / "a.jsonl")), 1 << 20), deny=True, sign_interval=60)
    session.log.event("session-start", 0, session.began)
    return session


def written(tmp_path):
    return [parse(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines(True)]


def test_an_event_stands_where_it_happened_and_positions_never_go_back(session, tmp_path):
    time.sleep(0.03)
    events = SessionEvents(session)
    now = time.time()
    told = [
        {"time": at, "fields": {"event": {"action": "exec", "sequence": 7}, "sessrec": {"script": "/x"}}}
        for at in (now - 0.01, now - 3600, now + 3600)
    ]
    assert events.write(told) == 3
    _, near, old, future = written(tmp_path)
    assert near.pos - 25 <= near.fields["sessrec"]["at"] <= near.pos - 5
    assert old.fields["sessrec"]["at"] == 0
    assert future.fields["sessrec"]["at"] == future.pos
    assert near.event == {"action": "exec", "sequence": 7}
    assert near.fields["sessrec"]["script"] == "/x"
    assert near.pos <= old.pos <= future.pos


@pytest.mark.parametrize("said", [None, [], [{}], [{"fields": {}}], [{"time": 0, "fields": {"event": 1}}], ["x"]])
def test_what_makes_no_sense_to_a_worker_does_not_end_its_session(session, tmp_path, said):
    SessionEvents(session).write(said)
    assert len(written(tmp_path)) == 1


class Places:
    """A directory of sessions, with a dispatch to them."""

    def __init__(self, directory):
        self.directory = directory / "sessions"
        self.directory.mkdir()
        config = directory / "config.toml"
        config.write_text(f'[host]\nsink = "file"\ndirectory = "{directory}/recordings"\n')
        self.settings = load(str(config))
        self.dispatch = Dispatch(self.directory, lambda auid: True, self.begin)
        self.recordings = directory / "recordings"

    def begin(self, login, after):
        owner = os.getuid(), os.getgid()
        return BackgroundRecording(login, "alice", "web1", self.settings, None, owner, after)

    def session(self, rec="one", audit=("exec",)):
        description = {
            "rec": rec, "user": "alice", "auid": 1000, "session": 5, "pty": "", "leader": 1 if rec == "one" else 2,
            "started": time.time() - 1, "audit": list(audit),
        }  # fmt: skip
        (self.directory / f"{rec}.json").write_text(json.dumps(description))
        return Worker(self.directory / f"{rec}.socket")

    def background(self):
        (path,) = self.recordings.glob("*.jsonl")
        return [parse(line) for line in path.read_bytes().splitlines(True)]


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path)


def test_what_a_killed_worker_did_not_take_is_in_the_background(places):
    worker = places.session()
    places.dispatch.take([event(1), event(2)])
    places.dispatch.attend()
    assert places.dispatch.lowest() == 1
    worker.listening.close()
    (places.directory / "one.json").unlink()
    places.dispatch.refresh()
    start, *told = places.background()
    assert start.fields["sessrec"]["after"] == "one"
    assert [one.event["sequence"] for one in told] == [1, 2]
    assert places.dispatch.lowest() == 0


def test_an_event_that_two_sources_tell_is_told_once(places):
    worker = places.session()
    places.dispatch.take([event(1)])
    places.dispatch.take([event(1), event(2)])
    places.dispatch.attend()
    worker.serve()
    assert worker.taken == [1, 2]


def test_a_loss_is_told_to_sessions_that_are_audited_and_to_the_background(places):
    places.session()
    places.session("unaudited", audit=())
    places.dispatch.take([event(1)])
    cron = AuditEvent(time.time() - 5, 9, 1000, 77, 1, {"event": {"action": "exec", "sequence": 9}})
    places.dispatch.take([cron])
    places.dispatch.tell_lost(5, "for a reason")
    assert {rec: len(delivery) for rec, delivery in places.dispatch.deliveries.items()} == {"one": 2}
    assert places.background()[-1].fields["sessrec"]["lost_events"] == 5


def test_a_background_ends_with_the_last_process_of_its_login(places, monkeypatch):
    cron = AuditEvent(time.time() - 5, 9, 1000, 77, 1, {"event": {"action": "exec", "sequence": 9}})
    places.dispatch.take([cron])
    places.dispatch.tidy(frozenset({(1000, 77)}))
    assert places.background()[-1].event["action"] == "exec"
    monkeypatch.setattr("recorder.audit_service.dispatch.SETTLED", 0.0)
    places.dispatch.tidy(frozenset())
    assert places.background()[-1].event["action"] == "session-end"
    assert [one.pos for one in places.background()] == sorted(one.pos for one in places.background())


def test_descriptions_that_nobody_can_read_are_left_out(tmp_path):
    for name, text in {"half": '{"rec": "half"', "list": "[]", "old": '{"rec": "old", "auid": 1}'}.items():
        Path(tmp_path, f"{name}.json").write_text(text)
    recordings = Recordings(str(tmp_path))
    assert recordings.refresh() == []
    assert recordings.going_on() == []
