"""What FreeIPA is told of the sessions that a host records now, and what follows from what auditors want there."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_responder.freeipa.directory import DirectoryError
from sssd_responder.sessions.live_sessions import ASK, LiveSessions
from sssd_responder.sessions.session_entries import RefusedError, attributes_of
from sssd_responder.sessions.session_reports import AGAIN, COMPARE, LINGER, SessionReports
from tests.live import HOST, OTTO, MemoryDirectory, Worker, description


class Case:
    """A host, its sessions, and FreeIPA. Time goes on by `step` only."""

    def __init__(self, path):
        self.path = path
        self.freeipa = MemoryDirectory()
        self.now = time.monotonic()
        self.workers = {}
        self.restart()

    def restart(self):
        """The responder is started anew, and remembers nothing."""
        self.sessions = LiveSessions(self.path)
        self.reports = SessionReports([self.freeipa.connect])
        self.sessions.look(self.now)

    def start(self, rec="one", **changed):
        self.workers[rec] = Worker(self.path, rec, **changed)
        self.sessions.started(self.workers[rec].description)
        return self.workers[rec]

    def end(self, rec="one"):
        self.workers.pop(rec).end()
        self.sessions.ended(rec)

    def step(self, seconds=3.0):
        self.now += seconds
        self.sessions.look(self.now)
        return self.reports.step(self.sessions, self.now)

    def states(self):
        return {rec: entry.state for rec, entry in self.freeipa.sessions.items()}


@pytest.fixture
def case(tmp_path):
    case = Case(tmp_path)
    yield case
    for worker in case.workers.values():
        worker.end()


def acted(worker):
    return [asked for asked in worker.asked if asked[0] != "describe"]


def test_a_session_is_written_down_while_it_goes_on(case):
    case.start()
    case.step()
    assert case.states() == {"one": "running"}
    case.end()
    case.step()
    assert case.states() == {}


def test_a_host_without_sessions_says_nothing_and_asks_nothing(case):
    assert case.step() is None
    reads = case.freeipa.reads
    assert case.step() is None
    assert case.freeipa.reads == reads
    assert case.freeipa.opened == case.freeipa.closed == 1


def test_the_entry_of_the_host_goes_some_time_after_its_last_session(case):
    case.start()
    case.step()
    case.end()
    case.step()
    wait = case.step()
    assert case.freeipa.host
    assert case.step(wait) is None
    assert not case.freeipa.host


def test_a_session_that_follows_soon_finds_its_host_there(case):
    case.start()
    case.step()
    case.end()
    case.step()
    case.step()
    case.start("two")
    case.step()
    assert case.states() == {"two": "running"}


def test_the_host_reports_that_it_is_alive_at_every_heartbeat(case):
    case.start()
    for _ in range(250):
        case.step(3)
    assert case.freeipa.beats == 2


def test_while_nothing_changes_entries_are_read_rarely(case):
    case.start()
    case.step()
    case.step()
    reads = case.freeipa.reads
    for _ in range(19):
        case.step(3)
    assert case.freeipa.reads - reads <= 2


def test_what_an_auditor_wants_is_done_in_his_name_and_acknowledged(case):
    worker = case.start()
    case.step()
    case.freeipa.wants("one", "suspended")
    case.step()
    assert acted(worker) == [("suspend", OTTO)]
    assert case.states() == {"one": "suspended"}
    case.freeipa.wants("one", "running")
    case.step()
    assert case.states() == {"one": "running"}
    case.step()
    assert acted(worker) == [("suspend", OTTO), ("resume", OTTO)]


def test_a_terminated_session_is_acknowledged_as_ended_and_then_removed(case):
    worker = case.start()
    case.step()
    case.freeipa.wants("one", "terminated")
    case.step()
    assert acted(worker) == [("terminate", OTTO)]
    case.end()
    case.step()
    assert case.states() == {"one": "ended"}
    case.step(LINGER)
    assert case.states() == {}


def test_a_session_that_does_not_end_is_told_again(case):
    worker = case.start()
    case.step()
    case.freeipa.wants("one", "terminated")
    case.step()
    case.step(AGAIN)
    case.step(AGAIN)
    assert acted(worker) == [("terminate", OTTO)] * 3


def test_an_order_for_a_session_that_has_just_ended_is_not_lost(case, caplog):
    case.start()
    case.step()
    case.end()
    case.freeipa.before_removal = lambda: case.freeipa.wants("one", "terminated")
    case.step()
    case.freeipa.before_removal = None
    assert case.states() == {"one": "ended"}
    assert "has ended" in caplog.text
    case.step(1)
    assert case.states() == {"one": "ended"}
    case.step(LINGER)
    assert case.states() == {}


def test_an_order_that_was_given_while_the_session_ended_names_who_gave_it(case, caplog):
    case.start()
    case.step()
    case.freeipa.wants("one", "suspended")
    case.end()
    case.step()
    assert case.states() == {"one": "ended"}
    assert f"{OTTO} wants session one suspended, and it has ended" in caplog.text


def test_what_root_of_the_host_does_later_stands_until_an_auditor_wants_something_again(case):
    case.start()
    case.step()
    case.freeipa.wants("one", "suspended")
    case.step()
    case.sessions.control("one", "resume", "root")
    case.step()
    case.step()
    assert case.states() == {"one": "running"}
    case.freeipa.wants("one", "suspended")
    case.step()
    assert case.states() == {"one": "suspended"}


def test_root_may_suspend_what_an_auditor_has_resumed(case):
    case.start()
    case.step()
    case.freeipa.wants("one", "running")
    case.step()
    case.sessions.control("one", "suspend", "root")
    case.step()
    case.step()
    assert case.states() == {"one": "suspended"}


def test_an_order_is_done_though_the_host_has_written_since(case):
    worker = case.start()
    case.step()
    case.step()
    case.freeipa.wants("one", "suspended")
    case.freeipa.report(case.freeipa.sessions["one"], "running")
    case.step()
    assert acted(worker) == [("suspend", "an auditor")]
    case.freeipa.wants("one", "terminated")
    case.freeipa.report(case.freeipa.sessions["one"], "suspended")
    case.step()
    assert acted(worker)[-1] == ("terminate", "an auditor")


def test_after_a_restart_everything_is_put_right(case):
    case.start("one")
    case.start("two")
    case.start("three")
    case.step()
    case.end("two")
    case.freeipa.wants("three", "suspended")
    case.restart()
    case.workers["four"] = Worker(case.path, "four")
    case.step()
    assert case.states() == {"one": "running", "three": "suspended", "four": "running"}


def test_after_a_restart_an_order_that_was_carried_out_is_not_given_again(case):
    worker = case.start()
    case.step()
    case.freeipa.wants("one", "suspended")
    case.step()
    case.sessions.control("one", "resume", "root")
    case.step()
    case.restart()
    case.step()
    assert acted(worker) == [("suspend", OTTO), ("resume", "root")]


def test_sessions_of_before_a_reboot_are_removed(case):
    case.start()
    case.step()
    case.end()
    case.restart()
    case.step()
    assert case.states() == {}


def test_the_end_of_a_session_whose_recorder_was_killed_is_told(case):
    case.start()
    case.step()
    case.workers["one"].kill()
    case.step(ASK)
    assert case.states() == {}


def test_an_outage_ends_no_session_and_is_made_up_for(case):
    worker = case.start()
    case.step()
    case.freeipa.problem = DirectoryError("ldap://ipa.lab.test: Can't contact LDAP server")
    case.start("two")
    assert 0 < case.step() < 5
    assert case.reports.status() == {"problem": str(case.freeipa.problem), "connected": False}
    case.end("two")
    for _ in range(10):
        case.step(40)
    assert acted(worker) == []
    case.freeipa.problem = None
    case.start("three")
    case.step(40)
    assert case.states() == {"one": "running", "three": "running"}
    assert case.reports.status() == {"problem": "", "connected": True}


def test_while_the_directory_is_away_it_is_asked_more_and_more_rarely(case):
    case.start()
    case.freeipa.problem = DirectoryError("away")
    waits = []
    for _ in range(10):
        waits.append(case.step(waits[-1] if waits else 3))
    assert waits[0] < 2
    assert all(20 < wait < 40 for wait in waits[-3:])


def test_the_next_server_is_tried_where_one_is_away(case):
    def away():
        raise DirectoryError("away")

    case.reports = SessionReports([away, case.freeipa.connect])
    case.start()
    case.step()
    assert case.states() == {"one": "running"}


def test_an_entry_that_an_auditor_removed_comes_back_while_its_session_goes_on(case):
    case.start()
    case.step()
    del case.freeipa.sessions["one"]
    case.step(COMPARE)
    case.step(3)
    assert case.states() == {"one": "running"}


def test_all_entries_of_the_host_come_back(case):
    case.start()
    case.step()
    case.freeipa.sessions.clear()
    case.freeipa.host = False
    case.step(COMPARE)
    case.step(3)
    assert case.states() == {"one": "running"}


def test_one_entry_that_is_refused_does_not_hold_up_the_others(case, monkeypatch):
    add = case.freeipa.add

    def choosy(session, state):
        if session.rec == "one":
            raise RefusedError("no")
        add(session, state)

    monkeypatch.setattr(case.freeipa, "add", choosy)
    case.start("one")
    case.start("two")
    case.step()
    assert case.states() == {"two": "running"}
    monkeypatch.undo()
    case.step(70)
    case.step(3)
    assert case.states() == {"one": "running", "two": "running"}


def test_an_entry_of_unknown_wishes_is_left_alone(case):
    worker = case.start()
    case.step()
    case.freeipa.wants("one", "exploded")
    case.step()
    assert acted(worker) == []
    assert case.states() == {"one": "running"}


def test_a_worker_that_refuses_is_asked_again_and_said_so(case, caplog):
    worker = case.start()
    case.step()
    worker.answer = b'{"error":"it cannot be suspended"}'
    case.freeipa.wants("one", "suspended")
    case.step()
    assert "it cannot be suspended" in caplog.text
    worker.answer = None
    case.step(AGAIN)
    assert case.states() == {"one": "suspended"}


@pytest.mark.parametrize("field", ["user", "terminal", "from"])
@given(text=st.text(st.characters(), max_size=400))
def test_prop_the_directory_is_told_printable_short_values(field, text):
    session = session_reports_session(**{field: text or "x"})
    for name, values in attributes_of(session, "running").items():
        for value in values:
            shown = value.decode()
            assert shown.isprintable(), name
            assert 0 < len(shown) <= 256


def test_names_of_policies_that_the_directory_takes_for_one_are_told_once():
    names = [f"policy {number}" for number in range(30)]
    told = attributes_of(session_reports_session(policies=["Web  Servers", "web servers", *names]), "running")
    assert len(told["ipaRecordingPolicy"]) == 19


def test_what_a_session_does_not_have_is_no_attribute():
    told = attributes_of(session_reports_session(terminal="", policies=[], **{"from": ""}), "running")
    assert set(told) == {"objectClass", "cn", "uid", "ipaRecordingStart", "ipaRecordingState"}
    assert told["ipaRecordingStart"] == [b"20231114221320Z"]


def session_reports_session(**changed):
    from sssd_responder.sessions.session_control import described

    return described(description("one", **changed))


@given(
    st.lists(st.sampled_from(["start", "end", "suspend", "resume", "terminate", "remove", "restart", "away", "back"]))
)
def test_prop_whatever_happens_the_directory_says_in_the_end_what_goes_on(tmp_path_factory, happenings):
    case = Case(tmp_path_factory.mktemp("sessions"))
    chance = random.Random(1)
    number = 0
    for happening in happenings:
        if happening == "start":
            number += 1
            case.start(f"rec{number}")
        elif happening == "end" and case.workers:
            case.end(chance.choice(sorted(case.workers)))
        elif happening in ("suspend", "resume", "terminate") and case.freeipa.sessions:
            wanted = {"suspend": "suspended", "resume": "running", "terminate": "terminated"}[happening]
            case.freeipa.wants(chance.choice(sorted(case.freeipa.sessions)), wanted)
        elif happening == "remove" and case.freeipa.sessions:
            del case.freeipa.sessions[chance.choice(sorted(case.freeipa.sessions))]
        elif happening == "restart":
            case.restart()
        elif happening in ("away", "back"):
            case.freeipa.problem = DirectoryError("away") if happening == "away" else None
        case.step(chance.choice([1, 3, 40]))
    case.freeipa.problem = None
    for _ in range(6):
        case.step(COMPARE)
    try:
        states = {rec: worker.state for rec, worker in case.workers.items()}
        # A session that was told to end has not, as these workers go on until the test ends them.
        assert case.states().keys() == states.keys()
        for rec, entry in case.freeipa.sessions.items():
            assert entry.state == {"ended": "running"}.get(states[rec], states[rec]) or "terminated" in entry.wanted
            assert entry.modifier in (HOST, OTTO)
    finally:
        for worker in case.workers.values():
            worker.end()
