"""A session in which nothing happens gives its memory back, and its user notices nothing of it."""

import os
import signal
import time
from pathlib import Path

import pytest

from auditor.verify import Verdict, verify
from recorder.formats.message import Resize
from recorder.keys.signing_key import load
from tests.logins import POLICY, USER, Login, made
from tests.recorded import input_of, lines_of, messages_of, output_of
from tests.test_login_failure import process_limit
from tests.test_login_terminal import resized

SOON = "idle = 0.5\nlatency = 0.1\nsign_interval = 0.2"
WITH_INPUT = POLICY + 'capture = ["output", "input"]\n'


@pytest.fixture
def host():
    with made(policies=WITH_INPUT, more=SOON) as host:
        host.start()
        yield host


def began(host):
    login = Login(host)
    login.until("$ ")
    [session] = host.live()
    return login, session["rec"], session["worker"]


def is_asleep(keeper):
    """Only then it has what is the session's: the process that it begins with, for one."""
    names = [str(path.readlink()) for path in Path(f"/proc/{keeper}/fd").iterdir()]
    return "anon_inode:[pidfd]" in names or any(name.startswith("pidfd:") for name in names)


def sleeps(host, keeper):
    host.until(lambda: is_asleep(keeper), "the session sleeps")


def last_of(host):
    host.ended()
    return messages_of(host.recording())[-1]


def verdict(host):
    return verify(lines_of(host.recording()), [load(host.state / "key.pem").public]).verdict


def left(host, login):
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    assert output_of(host.recording()) == login.seen
    assert verdict(host) is Verdict.COMPLETE


def test_a_session_in_which_nothing_happens_sleeps_and_goes_on_at_a_key(host):
    login, _, keeper = began(host)
    for word in ("once", "twice"):
        sleeps(host, keeper)
        assert login.run(f"echo {word}") == word
    sleeps(host, keeper)
    left(host, login)


def test_what_is_printed_wakes_a_session_and_a_character_in_two_parts_is_one(host):
    login, _, keeper = began(host)
    login.send("stty -echo; sleep 2; printf '\\303'; sleep 2; printf '\\266\\n'; stty echo\n")
    login.until("\n")
    sleeps(host, keeper)
    login.until("ö\r\n")
    left(host, login)
    assert "ö" in "".join(message.fields["out_txt"] for message in messages_of(host.recording()))


def test_a_changed_window_reaches_a_session_that_sleeps(host):
    login, _, keeper = began(host)
    login.send("sh -c 'trap \"stty size\" WINCH; echo REA''DY; while :; do read line; done'\n")
    login.until("READY")
    sleeps(host, keeper)
    resized(login, 101, 41)
    login.until("41 101")
    login.send("\x03")
    login.until("$ ")
    login.run("true")
    left(host, login)
    sizes = [(p.columns, p.rows) for m in messages_of(host.recording()) for p in m.packets if isinstance(p, Resize)]
    assert (101, 41) in sizes


def test_a_secret_that_is_asked_for_before_and_typed_after_is_hidden(host):
    login, _, keeper = began(host)
    login.send("read -s -n 6 -p 'Password: ' secret; echo; echo $secret | tr a-z A-Z\n")
    login.until("Password: ")
    sleeps(host, keeper)
    login.send("hunter")
    login.until("HUNTER")
    left(host, login)
    assert b"hunter" not in input_of(host.recording())


@pytest.mark.parametrize("state", ["sleeps", "is awake"])
def test_a_lost_connection_ends_a_session_whether_it_sleeps_or_not(host, state):
    login, _, keeper = began(host)
    if state == "sleeps":
        sleeps(host, keeper)
    login.hang_up()
    last = last_of(host)
    assert (last.fields["sessrec"]["reason"], last.fields["process"]["exit_code"]) == ("hangup", 129)
    assert verdict(host) is Verdict.COMPLETE


def test_a_session_that_sleeps_is_watched_suspended_resumed_and_terminated(host):
    login, rec, keeper = began(host)
    login.run("echo shown before")
    sleeps(host, keeper)
    with host.connected(rec) as watcher:
        watcher.send(b'{"ask": "watch", "by": "eve"}')
        assert b'"running"' in watcher.recv(65_536)
        assert b"shown before" in watcher.recv(65_536)
        time.sleep(0.7)
        assert not is_asleep(keeper), "whoever watches keeps it awake"
    sleeps(host, keeper)
    assert host.ask(rec, ask="suspend") == {"state": "suspended"}
    time.sleep(0.7)
    assert host.ask(rec, ask="describe")["state"] == "suspended"
    assert host.ask(rec, ask="resume") == {"state": "running"}
    sleeps(host, keeper)
    assert host.ask(rec, ask="terminate", by="eve") == {"state": "ended"}
    assert login.finish() == 128 + signal.SIGHUP
    assert b"This session has been ended by an administrator." in login.seen
    assert last_of(host).fields["sessrec"]["by"] == "eve"


@pytest.mark.parametrize(("state", "killed"), [("sleeps", "keeper"), ("is awake", "keeper"), ("is awake", "worker")])
def test_a_session_whose_recorder_is_killed_ends(host, state, killed):
    login, _, keeper = began(host)
    pid = int(login.run("trap '' HUP; echo $$"))
    if state == "sleeps":
        sleeps(host, keeper)
    workers = host.workers()
    os.kill(keeper if killed == "keeper" else workers[0], signal.SIGKILL)
    login.finish()
    host.ended()
    host.until(lambda: not Path(f"/proc/{pid}").exists(), "the shell has ended")
    for worker in workers:
        host.until(lambda worker=worker: not Path(f"/proc/{worker}").exists(), "its worker has ended")


def test_a_recorder_that_is_asked_to_end_while_its_session_sleeps_ends_the_recording(host):
    login, _, keeper = began(host)
    sleeps(host, keeper)
    os.kill(keeper, signal.SIGTERM)
    login.finish()
    assert last_of(host).fields["sessrec"]["reason"] == "signal"
    assert verdict(host) is Verdict.COMPLETE


def test_a_session_sleeps_and_wakes_without_the_service_and_is_found_by_the_next(host):
    login, rec, keeper = began(host)
    sleeps(host, keeper)
    host.stop("recorder", signal.SIGKILL)
    assert login.run("echo on") == "on"
    sleeps(host, keeper)
    host.start("recorder")
    assert [session["rec"] for session in host.live()] == [rec]
    sleeps(host, keeper)
    left(host, login)


def test_a_session_for_which_there_is_no_process_wakes_as_soon_as_there_is_one(host):
    login, _, keeper = began(host)
    sleeps(host, keeper)
    group = process_limit(host.zygote())
    try:
        login.send("echo typed mean''while\n")
        time.sleep(1)
        assert is_asleep(keeper)
        (group / "pids.max").write_text("max")
        login.until("typed meanwhile")
        left(host, login)
    finally:
        host.stop("recorder")
        host.until(lambda: not (group / "cgroup.procs").read_text(), "the zygote has ended")
        group.rmdir()


@pytest.mark.parametrize("killed", ["zygote", "nursery"])
def test_where_what_is_forked_is_killed_logins_and_sessions_that_are_awake_go_on(host, killed):
    login, _, _keeper = began(host)
    os.kill(getattr(host, killed)(), signal.SIGKILL)
    assert login.run("echo on") == "on"
    other = Login(host)
    other.until("$ ")
    assert len(host.live()) == 2
    other.hang_up()
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()


def test_a_session_that_sleeps_ends_when_nobody_can_wake_it(host):
    """It would be a session without a recording."""
    login, _, keeper = began(host)
    sleeps(host, keeper)
    os.kill(host.zygote(), signal.SIGKILL)
    login.send("echo on\n")
    login.finish()
    assert b"on\r\n" not in login.seen.replace(b"echo on", b"")
    host.ended()


def test_a_command_without_a_terminal_sleeps_as_well(host):
    script = f"{host.login_shell} -c 'sleep 2; exit 7' </dev/null >/dev/null 2>&1; echo LEFT $?; sleep 1"
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    login = Login(host, argv=[*become, "setsid", "-w", "sh", "-c", script])
    host.until(host.live, "it is recorded")
    [session] = host.live()
    assert session["kind"] == "command"
    sleeps(host, session["worker"])
    login.until("LEFT 7")
    login.finish()
    assert last_of(host).event["action"] == "session-end"
    assert verdict(host) is Verdict.COMPLETE
