"""What a host knows of the sessions that it records now, and what of them it can be told to do."""

import json
import subprocess
import time

import pytest

from sssd_responder.sessions import live_sessions, session_control
from sssd_responder.sessions.live_sessions import ASK, LOOK, SETTLE, LiveSessions
from sssd_responder.sessions.session_control import ControlError, GoneError
from tests.live import Worker, description, until


@pytest.fixture
def worker(tmp_path):
    """Start a session: worker("rec")."""
    started = []

    def start(rec, **changed):
        started.append(Worker(tmp_path, rec, **changed))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def sessions(tmp_path):
    sessions = LiveSessions(tmp_path)
    sessions.heard = []
    sessions.listeners.append(lambda change, session, state: sessions.heard.append((change, session.rec, state)))
    return sessions


def now():
    return time.monotonic()


def test_sessions_that_go_on_are_found_after_a_restart(sessions, worker):
    worker("one", user="alice")
    two = worker("two")
    two.state = "suspended"
    sessions.look(now())
    found = sessions.all()
    assert {rec: (live.session.user, live.state) for rec, live in found.items()} == {
        "one": ("alice", "running"),
        "two": ("bob", "suspended"),
    }
    session = found["two"].session
    assert (session.terminal, session.origin, session.policies) == ("pts/0", "192.0.2.7", ("contractors",))


def test_a_session_is_known_as_soon_as_it_is_told_of_and_only_once(sessions, worker):
    one = worker("one")
    sessions.started(one.description)
    sessions.look(now())
    sessions.started(one.description)
    assert sessions.heard == [("started", "one", "running")]


def test_a_session_that_was_told_of_before_its_files_are_there_stays(sessions):
    sessions.started(description("one"))
    sessions.look(now())
    assert "one" in sessions.all()
    sessions.look(now() + SETTLE)
    assert sessions.heard[-1] == ("ended", "one", "ended")


def test_the_end_of_a_session_is_told_once_though_its_files_stay_a_moment(sessions, worker):
    one = worker("one")
    sessions.started(one.description)
    sessions.ended("one")
    sessions.look(now())
    one.end()
    sessions.look(now())
    assert sessions.heard == [("started", "one", "running"), ("ended", "one", "ended")]
    assert sessions.all() == {}


def test_an_end_that_nobody_told_of_is_noticed(sessions, worker):
    one = worker("one")
    sessions.look(now())
    one.end()
    sessions.look(now() + SETTLE)
    assert sessions.heard[-1] == ("ended", "one", "ended")


def test_a_session_whose_recorder_was_killed_is_over_though_its_files_are_there(sessions, worker):
    one = worker("one")
    sessions.look(now())
    one.kill()
    sessions.look(now() + max(ASK, SETTLE))
    assert sessions.all() == {}
    sessions.look(now() + ASK + 100)
    assert sessions.all() == {}


def test_a_session_whose_recorder_is_gone_is_over_at_the_next_look(sessions, worker):
    gone = subprocess.Popen(["true"])
    gone.wait()
    one = worker("one", worker=gone.pid)
    sessions.look(now())
    one.kill()
    sessions.look(now() + LOOK)
    assert sessions.all() == {}


def test_a_session_is_asked_soon_where_somebody_says_that_it_was_changed_and_else_left_alone(sessions, worker):
    one = worker("one")
    sessions.look(now())
    one.state = "suspended"
    sessions.look(now() + 60)
    assert sessions.all()["one"].state == "running"
    sessions.changed("one")
    sessions.changed("unknown")
    sessions.look(now() + 61)
    assert sessions.all()["one"].state == "suspended"


def test_a_session_is_suspended_resumed_and_terminated(sessions, worker):
    one = worker("one")
    sessions.look(now())
    assert sessions.control("one", "suspend", "root") == "suspended"
    assert sessions.control("one", "resume", "root") == "running"
    assert sessions.control("one", "terminate", "uid=otto,dc=test") == "ended"
    assert one.asked[-3:] == [("suspend", "root"), ("resume", "root"), ("terminate", "uid=otto,dc=test")]
    assert sessions.heard[1:] == [("changed", "one", "suspended"), ("changed", "one", "running")]


def test_what_root_does_past_us_is_noticed(sessions, worker):
    one = worker("one")
    sessions.look(now())
    one.state = "suspended"
    sessions.look(now() + ASK)
    assert sessions.heard[-1] == ("changed", "one", "suspended")


@pytest.mark.parametrize("rec", ["none", "../../../etc/passwd", "", "a/b", "x" * 200, "ä"])
def test_who_names_no_session_is_told_so_and_nothing_is_opened(sessions, worker, rec):
    worker("one")
    sessions.look(now())
    with pytest.raises(GoneError, match="there is no session"):
        sessions.control(rec, "terminate", "root")
    with pytest.raises(GoneError):
        session_control.ask(sessions.directory, rec, "terminate", "root")


@pytest.mark.parametrize("answer", [b"x", b"[]", b"{}", b'{"state":"fine"}', b"[" * 60000])
def test_a_worker_that_answers_nonsense_is_an_error_of_one_line(sessions, worker, answer):
    one = worker("one")
    sessions.look(now())
    one.answer = answer
    with pytest.raises(ControlError) as raised:
        sessions.control("one", "suspend", "root")
    assert "one" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_worker_that_refuses_says_why(sessions, worker):
    one = worker("one")
    sessions.look(now())
    one.answer = json.dumps({"error": "a session without a terminal cannot be suspended"}).encode()
    with pytest.raises(ControlError, match="without a terminal"):
        sessions.control("one", "suspend", "root")


def test_a_worker_that_hangs_is_given_up_and_its_session_stays_known(sessions, worker, monkeypatch):
    monkeypatch.setattr(session_control, "ANSWER", 0.1)
    one = worker("one")
    sessions.look(now())
    one._serve_one = lambda connection: time.sleep(1)
    with pytest.raises(ControlError, match="does not answer"):
        sessions.control("one", "suspend", "root")
    sessions.look(now() + ASK)
    assert "one" in sessions.all()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"rec":"other","user":"bob"}', '{"rec":"one"}', '{"rec":"one","user":7}', "[" * 60000],
)
def test_a_description_that_is_none_is_named_and_harms_no_other(sessions, worker, tmp_path, text):
    (tmp_path / "one.json").write_text(text)
    worker("two")
    sessions.look(now())
    assert set(sessions.all()) == {"two"}
    assert len(sessions.unreadable) == 1
    (tmp_path / "one.json").unlink()
    sessions.look(now())
    assert sessions.unreadable == []


def test_odd_values_in_a_description_are_left_out():
    session = session_control.described(
        description("one", uid="0", policies=["a", 3, None], started=float("nan"), command="sh", **{"from": None})
    )
    assert (session.uid, session.policies, session.started, session.command, session.origin) == (
        0,
        ("a",),
        0.0,
        (),
        "",
    )


def test_the_thread_notices_beginnings_and_ends_by_itself(sessions, worker, monkeypatch):
    monkeypatch.setattr(live_sessions, "LOOK", 0.05)
    monkeypatch.setattr(live_sessions, "PAUSE", 0.02)
    monkeypatch.setattr(live_sessions, "SETTLE", 0.1)
    sessions.start()
    one = worker("one")
    sessions.started(one.description)
    worker("two")
    until(lambda: set(sessions.all()) == {"one", "two"})
    one.end()
    until(lambda: set(sessions.all()) == {"two"})
    sessions.stop()
