"""What a recorded user can do to processes: kill and trace what is his, and look into what is not."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from recorder.formats.message import parse
from recorder.logins.process_status import parent_of
from tests.logins import RECORDER, USER, Login, made
from tests.peers import needs
from tests.recorded import lines_of, messages_of, output_of

AUDITED = "echo {uid} > /proc/self/loginuid; chown {uid}:5 $(tty); chmod 620 $(tty)"
"""What sshd and PAM do before they become the user: a login uid, a terminal of his own."""


@pytest.fixture
def host():
    with made() as host:
        host.start()
        yield host


def began(host):
    login = Login(host)
    login.until("$ ")
    return login


def with_audit_session(host):
    """A login that the kernel's audit knows as one, as every real one is."""
    become = f"exec setpriv --reuid={USER} --regid={USER} --clear-groups -- {host.login_shell}"
    login = Login(host, argv=["sh", "-c", f"{AUDITED.format(uid=USER)}; {become}"])
    login.until("$ ")
    return login


def left_running(login, command):
    """Start it in the background; its process id."""
    return int(login.run(f"{command} >/dev/null 2>&1 & echo $!").splitlines()[-1])


def runs(pid):
    return Path(f"/proc/{pid}").exists()


def test_the_recorders_are_closed_to_the_user(host):
    login = began(host)
    [session] = host.live()
    for pid in (session["worker"], host.pid("recorder"), host.pid("responder")):
        for entry in ("fd/", "environ", "mem", "maps", "cwd/", "root/"):
            assert "Permission denied" in login.run(f"cat /proc/{pid}/{entry}* /proc/{pid}/{entry}"), entry
        assert "Operation not permitted" in login.run(f"kill -9 {pid}")
        assert "Operation not permitted" in login.run(f"kill -STOP {pid}")
        assert "ermi" in login.run(f"renice 19 {pid}")
    status = Path(f"/proc/{session['worker']}/status").read_text()
    assert f"Uid:\t{RECORDER}\t{RECORDER}\t{RECORDER}\t{RECORDER}" in status
    assert "CapEff:\t0000000000000000" in status
    login.send("exit 2\n")
    assert login.finish() == 2
    host.ended()
    assert output_of(host.recording()) == login.seen


@needs("gdb")
def test_the_recorders_cannot_be_traced(host):
    login = began(host)
    [session] = host.live()
    for pid in (session["worker"], host.pid("recorder")):
        assert "not permitted" in login.run(f"gdb -nx --batch -p {pid} 2>&1 | grep ptrace")
    login.send("exit\n")
    assert login.finish() == 0


def test_killing_everything_he_owns_ends_the_session(host):
    login = began(host)
    login.send("kill -9 -1; kill -9 $$\n")
    assert login.finish() == 128 + signal.SIGKILL
    host.ended()
    assert messages_of(host.recording())[-1].event["action"] == "session-end"


def test_stopping_everything_he_owns_goes_on_recorded(host):
    login = began(host)
    [session] = host.live()
    pid = session["leader"]
    login.send("kill -STOP $$\n")
    host.until(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "T", "the shell is stopped")
    os.kill(pid, signal.SIGCONT)
    assert login.run("echo after") == "after"
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    assert b"after" in output_of(host.recording())


def test_a_process_that_holds_the_terminal_does_not_keep_the_session_open(host):
    login = began(host)
    # As the leader of a job it forks, so that the number that the shell knows is another.
    left_running(login, "nohup setsid sleep 1005 < $(tty) 3<>$(tty)")
    [pid] = host.until(lambda: host.processes("sleep", "1005"), "the process is there")
    login.send("exit 8\n")
    assert login.finish() == 8
    host.ended()
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)


def test_what_nohup_keeps_stays_after_the_end_as_without_a_recorder(host):
    login = began(host)
    pid = left_running(login, "nohup sleep 1000")
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    time.sleep(0.3)
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("way", ["terminate", "kill"])
def test_nothing_of_a_session_stays_whose_recording_was_ended(host, way):
    login = with_audit_session(host)
    [session] = host.live()
    assert session["auid"] == USER
    for command in (
        "nohup sleep 1001",
        "setsid sleep 1002",
        "setsid sh -c \"trap '' HUP TERM; while :; do sleep 1003; done\"",
    ):
        left_running(login, command)
    host.until(lambda: all(host.processes("sleep", name) for name in ("1001", "1002", "1003")), "all of it runs")
    if way == "terminate":
        assert host.ask(session["rec"], ask="terminate") == {"state": "ended"}
    else:
        os.kill(session["worker"], signal.SIGKILL)
    login.finish()
    host.ended()
    host.until(lambda: not host.processes(), "nothing of it stays")


def test_another_login_of_the_same_user_goes_on_when_one_is_terminated(host):
    first, second = with_audit_session(host), with_audit_session(host)
    left_running(second, "nohup sleep 1004")
    [session] = [one for one in host.live() if parent_of(one["leader"]) == first.pid]
    host.ask(session["rec"], ask="terminate")
    first.finish()
    time.sleep(4)
    assert second.run("echo still") == "still"
    assert host.processes("sleep", "1004")
    second.send("exit\n")
    assert second.finish() == 0


def test_terminating_an_inner_session_leaves_the_outer_one(host):
    """Both have one audit session, as several channels of a connection of ssh have."""
    login = with_audit_session(host)
    [outer] = [session["rec"] for session in host.live()]
    login.send(f"script -qc {host.login_shell} /dev/null; echo ba''ck\n")
    host.until(lambda: len(host.live()) == 2, "the inner terminal is recorded")
    login.until("$ ")
    [inner] = [session["rec"] for session in host.live() if session["rec"] != outer]
    host.ask(inner, ask="terminate")
    login.until("back", 10)
    time.sleep(4)
    assert login.run("echo still here") == "still here"
    login.send("exit\n")
    assert login.finish() == 0


def test_a_command_without_a_terminal_ends_when_it_is_terminated(host):
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
    # Not the leader of a session, as under `sudo -i command` of a script.
    process = subprocess.Popen(
        [*host.inside, *become, str(host.login_shell), "-c", "trap '' HUP; echo on; while :; do sleep 0.1; done"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    try:
        assert process.stdout.readline() == b"on\n"
        [session] = host.live()
        host.ask(session["rec"], ask="terminate")
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()
        process.stdout.close()


def test_logins_that_are_killed_at_any_time_leave_nothing(host):
    processes = [Login(host, "-c", "sleep 1") for _ in range(20)]
    for login in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(login.pid, signal.SIGKILL)
    for login in processes:
        login.finish()
    host.ended()
    host.until(
        lambda: not host.forked(),
        "no worker is left",
    )
    for path in host.recordings.iterdir():
        assert all(parse(line) for line in lines_of(path))
