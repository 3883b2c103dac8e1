"""The responder as a process: what is asked on its socket, by whom, and how."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.responding import Responder

RECORDED = '[[policy]]\nname = "everybody"\neveryone = true\nnotice = "Recorded."\naudit = ["exec"]\n'
SETTINGS = {"capture": ["output", "resize"], "audit": ["exec"], "notice": "Recorded.", "on_failure": "deny"}


@pytest.fixture
def responder(tmp_path):
    responder = Responder(tmp_path)
    responder.policies.write_text(RECORDED)
    responder.start()
    yield responder
    responder.stop()
    assert "Traceback" not in responder.log


def test_a_user_of_the_system_is_recorded_as_the_local_policies_say(responder):
    assert responder.ask("decide", pid=1, uid=0, auid=0, session=1, tty="pts/1") == {
        "record": True,
        "user": "root",
        "shell": "/bin/bash",
        "home": "/root",
        "from": "",
        "host": os.uname().nodename,
        "policies": ["everybody"],
        "settings": SETTINGS,
    }


def test_a_changed_policy_is_in_force_at_the_next_login(responder):
    responder.policies.write_text(RECORDED.replace("everyone = true", 'users = ["alice"]'))
    answer = responder.ask("decide", uid=0)
    assert (answer["record"], answer["policies"], answer["settings"]) == (False, [], None)


def test_a_mistake_in_the_policies_leaves_the_old_ones_in_force_and_is_told(responder):
    responder.policies.write_text("[[policy]]\nname = 1\n")
    assert responder.ask("decide", uid=0)["record"]
    assert responder.ask("status")["local"]["error"] == (
        f'{responder.policies}:2: policy 1: name: is not a text in "quotes"'
    )
    responder.policies.write_text(RECORDED)
    assert responder.ask("status")["local"]["error"] == ""


def test_who_would_be_recorded_can_be_asked_by_name(responder):
    answer = responder.ask("what-if", user="daemon")
    assert (answer["record"], answer["uid"], answer["matched"]) == (True, 1, ["everybody"])
    assert responder.ask("what-if", user="nobody-of-that-name") == {
        "error": "there is no user with the name 'nobody-of-that-name'"
    }


def test_a_pam_session_outside_of_logins_is_none_of_ours(responder):
    assert responder.ask("open", user="root", service="cron", rhost="", tty="") == {"allow": True}
    assert responder.ask("close", user="root", service="cron", rhost="", tty="") == {"allow": True}


def test_sessions_that_begin_and_end_are_acknowledged(responder):
    assert responder.ask("started", rec="a-1", user="root") == {}
    assert responder.ask("ended", rec="a-1") == {}


@pytest.mark.parametrize(
    "question",
    [
        b"x",
        b"[]",
        b"\xff\xfe",
        b"[" * 60000,
        b"{}",
        b'{"ask": "decide"}',
        b'{"ask": "decide", "uid": true}',
        b'{"ask": "decide", "uid": -1}',
        b'{"ask": "decide", "uid": 4294967295}',
        b'{"ask": "decide", "uid": 1e999}',
        b'{"ask": ["decide"]}',
        b'{"ask": "what-if", "user": "a\\u0000b\\n"}',
        b'{"ask": "what-if", "user": "\\ud800"}',
        b'{"ask": "what-if", "user": "-"}',
        b'{"ask": "ended", "rec": ""}',
        b"x" * 70000,
    ],
)
def test_what_makes_no_sense_is_answered_with_an_error(responder, question):
    answer = json.loads(responder.send(question))
    assert list(answer) == ["error"]
    assert "\n" not in answer["error"]
    assert "failed" not in answer["error"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    question=st.binary(min_size=1, max_size=100)
    | st.dictionaries(
        st.sampled_from(["ask", "uid", "user", "rec"]), st.sampled_from(["decide", "what-if", 0, 1, None])
    )
)
def test_prop_any_question_has_an_answer(responder, question):
    data = question if isinstance(question, bytes) else json.dumps(question).encode()
    assert isinstance(json.loads(responder.send(data)), dict)


def test_only_root_may_ask(responder):
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")
    assert responder.socket.stat().st_mode & 0o777 == 0o600
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET);"
        "s.connect(sys.argv[1]); print(s.recv(100).decode())"
    )
    os.chmod(responder.socket, 0o666)  # noqa: PTH101 - what the test is about is who asks, not the mode
    for path in (responder.directory, *responder.directory.parents[:-2]):
        path.chmod(path.stat().st_mode | 0o011)
    done = subprocess.run(
        ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", script, responder.socket],
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout or done.stderr) == {"error": "only root may ask"}


def test_askers_who_say_nothing_hold_nobody_up(responder):
    silent = [responder.connect() for _ in range(15)]
    begun = time.monotonic()
    assert responder.ask("decide", uid=0)["record"]
    assert time.monotonic() - begun < 1.5
    # More than there are threads: who speaks waits for the silent ones to be given up, within the 2 s of a login.
    silent += [responder.connect() for _ in range(15)]
    assert responder.ask("decide", uid=0)["record"]
    assert time.monotonic() - begun < 10
    for connection in silent:
        connection.close()


def test_two_hundred_logins_at_once_are_all_answered(responder):
    answers = []

    def login():
        answers.append((responder.ask("open", user="root"), responder.ask("decide", uid=0)["record"]))

    threads = [threading.Thread(target=login) for _ in range(200)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [({"allow": True}, True)] * 200
    assert time.monotonic() - begun < 20


def test_it_takes_the_place_of_one_that_was_killed_and_leaves_nothing_behind(responder):
    responder.kill()
    assert responder.socket.is_socket()
    responder.start()
    assert responder.ask("decide", uid=0)["record"]
    assert responder.stop() == 0
    assert sorted(path.name for path in responder.directory.iterdir()) == ["notify", "policies.toml", "state"]


def test_without_any_source_of_policies_nobody_is_decided_about(tmp_path):
    responder = Responder(tmp_path)
    responder.start()
    try:
        error = f"there are no policies: there is no {responder.policies}, and the host reads none from FreeIPA"
        assert responder.ask("decide", uid=0) == {"error": error}
        assert responder.ask("open", user="root") == {"allow": True}
    finally:
        responder.stop()


def test_an_enrolled_host_that_has_never_reached_freeipa_says_so(tmp_path):
    responder = Responder(tmp_path)
    responder.enrolment.write_text("[global]\nbasedn = dc=lab,dc=test\nserver = ldap.invalid\ndomain = lab.test\n")
    responder.start()
    try:
        answer = responder.ask("decide", uid=0)
        assert answer["error"].startswith("no policies were ever read from FreeIPA: ")
        status = responder.ask("status")
        assert (status["directory"]["used"], status["directory"]["read"]) == (True, None)
        assert status["connection"]["reachable"] is False
    finally:
        responder.stop()


@pytest.mark.parametrize("broken", ["[host]\nshells = 1\n", "[host"])
def test_a_mistake_in_the_configuration_is_told_in_one_line(tmp_path, broken):
    (tmp_path / "c.toml").write_text(broken)
    argv = [sys.executable, "-m", "sssd_responder.responder", "--run", tmp_path, "--config", tmp_path / "c.toml"]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})  # noqa: PTH109
    assert done.returncode == 1
    assert done.stderr.startswith(f"ERROR:responder:{tmp_path}") or done.stderr.startswith(str(tmp_path))
    assert done.stderr.count("\n") == 1


def test_a_directory_that_is_missing_is_told_in_one_line(tmp_path):
    argv = [sys.executable, "-m", "sssd_responder.responder", "--run", tmp_path / "none" / "x"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/none/x/responder.socket: cannot be made: No such file or directory; " + (
        "is another program there, or the directory missing?\n"
    )


def test_nothing_is_sent_to_an_asker_that_has_gone(responder):
    for _ in range(40):
        connection = responder.connect()
        connection.send(b'{"ask": "decide", "uid": 0}')
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert responder.ask("decide", uid=0)["record"]
