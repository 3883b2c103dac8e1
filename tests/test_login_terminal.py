"""The terminal that a recorded user came on, and those that he makes: none is a way around the recording."""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from recorder.formats.message import Resize
from tests.logins import PATIENCE, USER, Login, made
from tests.peers import needs
from tests.recorded import messages_of, output_of


@pytest.fixture(scope="module")
def shared():
    with made() as host:
        host.start()
        yield host


@pytest.fixture
def host(shared):
    yield shared
    # What a test that has failed leaves, is not the next one's.
    for session in shared.live():
        with contextlib.suppress(ProcessLookupError):
            os.kill(session["worker"], signal.SIGKILL)
    shared.ended()
    for path in shared.recordings.iterdir():
        path.unlink()


def began(host, *arguments, **options):
    login = Login(host, *arguments, **options)
    login.until("$ ")
    return login


def left(login, status=0):
    login.send(f"exit {status}\n")
    assert login.finish() == status


def resized(login, columns, rows):
    fcntl.ioctl(login.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_the_outer_terminal_is_denied_to_its_user(host):
    login = began(host)
    [session] = host.live()
    outer = f"/dev/{session['terminal']}"
    assert "Permission denied" in login.run(f"cat {outer}")
    assert "Permission denied" in login.run(f"echo x > {outer}")
    assert "Operation not permitted" in login.run(f"chmod 666 {outer}")
    assert login.run(f"stat -c '%u %a' {outer}") == "0 600"
    assert login.run("tty") == f"/dev/{session['pty']}"
    assert login.run("stat -c '%u %g %a' $(tty)") == f"{USER} 5 620"
    # It is nobody's controlling terminal but the recorder's, so it is not to be had as /dev/tty either.
    assert str(USER) not in login.run("ps -o uid= -t " + session["terminal"]).split()
    left(login)
    host.ended()
    assert output_of(host.recording()) == login.seen


def test_the_outer_terminal_is_given_back_as_it_was(host):
    """sshd's is gone then; here it stays with somebody who has it open, as with a console."""
    root = Login(host, argv=["/bin/sh"], PS1="root> ")
    root.until("root> ")
    outer = root.run("tty")
    root.until("root> ")
    before, modes = Path(outer).stat(), termios.tcgetattr(root.fd)
    root.send("su - recorded\n")
    host.until(host.live, "the session is recorded")
    root.until("$ ")
    assert Path(outer).stat().st_mode & 0o777 == 0o600
    assert termios.tcgetattr(root.fd)[3] & termios.ICANON == 0
    root.send("exit\n")
    host.ended()
    root.until("root> ")
    after = Path(outer).stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert termios.tcgetattr(root.fd)[3] == modes[3]
    left(root)


def test_a_login_shell_within_a_recorded_terminal_is_not_recorded_twice(host):
    login = began(host)
    login.send(f"{host.login_shell}; echo came ba''ck\n")
    login.until("$ ")
    assert login.run("echo $SHLVL $SHELL; tty").splitlines()[1] == f"/dev/{host.live()[0]['pty']}"
    assert len(host.live()) == 1
    login.send("exit\n")
    login.until("came back")
    left(login)
    assert output_of(host.recording()) == login.seen


def test_a_further_terminal_of_the_same_login_is_recorded_as_well(host):
    """What `script`, tmux or a second channel of one connection opens has the same audit session."""
    login = began(host)
    login.send(f"script -qc {host.login_shell} /dev/null; echo ba''ck\n")
    host.until(lambda: len(host.live()) == 2, "the inner terminal is recorded")
    login.until("$ ")
    assert login.run("echo inside") == "inside"
    recorded = {session["pty"] for session in host.live()}
    assert login.run("tty").removeprefix("/dev/") in recorded
    login.send("exit\n")
    login.until("back")
    left(login)
    host.ended()
    assert all(b"inside" in output_of(path) for path in host.recordings.iterdir())


def test_a_command_line_that_looks_like_scp_is_recorded_on_a_terminal(host):
    login = began(host, "-c", "scp -t /tmp/x & bash --norc; exit 0")
    assert login.run("echo found") == "found"
    left(login)
    host.ended()
    assert b"found" in output_of(host.recording())


@needs("tmux")
def test_tmux_that_was_detached_is_recorded_where_it_is_attached(host):
    socket = host.base / "home/tmux"
    first = began(host)
    first.send(f"tmux -S {socket} -f /dev/null new /bin/sh\n")
    first.send("echo fir''st\n")
    first.until("first")
    subprocess.run([*host.inside, "tmux", "-S", socket, "detach-client"], check=True, env={"PATH": "/usr/bin"})
    first.until("[detached")
    left(first)
    host.ended()
    [one] = host.recordings.iterdir()
    second = began(host)
    second.send(f"tmux -S {socket} attach\n")
    second.until("first")
    second.send("echo seco''nd\n")
    second.until("second")
    second.send("exit\n")
    second.until("[exited]")
    left(second)
    host.ended()
    [other] = set(host.recordings.iterdir()) - {one}
    assert b"second" in output_of(other)
    assert b"second" not in output_of(one)


def test_a_terminal_with_the_number_of_one_that_was_recorded_is_recorded(host):
    """Numbers of PTYs are used again at once: a login that gets one is not taken for a nested one."""
    numbers = []
    for _ in range(4):
        login = began(host)
        session = max(host.live(), key=lambda one: one["started"])
        numbers += [session["terminal"], session["pty"]]
        # Without waiting for the recorder: the next login takes the numbers as soon as they are free.
        login.hang_up()
    host.ended()
    assert len(list(host.recordings.iterdir())) == 4
    assert len(set(numbers)) < len(numbers)


def test_a_changed_window_reaches_the_session_and_the_recording(host):
    login = began(host)
    resized(login, 101, 41)
    host.until(lambda: login.run("stty size") == "41 101", "the session has the new size")
    left(login)
    host.ended()
    sizes = [(p.columns, p.rows) for m in messages_of(host.recording()) for p in m.packets if isinstance(p, Resize)]
    assert (101, 41) in sizes


def test_a_lost_connection_ends_the_session_and_its_recording(host):
    login = began(host)
    pid = int(login.run("sleep 1000 & echo $!").splitlines()[-1])
    login.hang_up()
    host.ended()
    host.until(lambda: not Path(f"/proc/{pid}").exists(), "what ran in it has ended")
    last = messages_of(host.recording())[-1]
    assert (last.event["action"], last.fields["sessrec"]["reason"]) == ("session-end", "hangup")
    assert last.fields["process"]["exit_code"] == 128 + signal.SIGHUP


def test_what_is_typed_ahead_arrives_whole(host):
    """A megabyte, from before the shell is there, read by a program without echo."""
    login = Login(host, "-c", "stty raw -echo; echo READY; head -c 1000000 | md5sum; stty sane")
    os.set_blocking(login.fd, False)
    login.until("READY")
    data = os.urandom(1_000_000)
    at, end = 0, time.monotonic() + PATIENCE
    while at < len(data):
        assert time.monotonic() < end
        try:
            at += os.write(login.fd, data[at : at + 4096])
        except BlockingIOError:
            time.sleep(0.001)
    login.until(hashlib.md5(data).hexdigest())
    assert login.finish() == 0


def test_lines_that_are_typed_before_the_prompt_are_not_lost(host):
    login = Login(host)
    login.send("echo fir''st\necho seco''nd\nexit 3\n")
    assert login.finish() == 3
    assert b"first\r\n" in login.seen
    assert b"second\r\n" in login.seen


def test_a_hundred_thousand_lines_before_an_exit_arrive_whole(host):
    login = Login(host, "-c", "seq 100000; exit 17")
    assert login.finish() == 17
    assert login.seen == b"".join(b"%d\r\n" % number for number in range(1, 100_001))
    host.ended()
    assert output_of(host.recording()) == login.seen


@pytest.mark.parametrize(
    ("end", "status"), [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_the_exit_status_is_that_of_the_shell(host, end, status):
    login = Login(host, "-c", end)
    assert login.finish() == status
    host.ended()
    assert messages_of(host.recording())[-1].fields["process"]["exit_code"] == status


def test_job_control_and_interrupts_work(host):
    login = began(host)
    login.send("sleep 1000\n")
    time.sleep(0.3)
    login.send("\x1a")
    login.until("Stopped")
    login.until("$ ")
    login.send("fg\n")
    login.until("sleep 1000\r\n")
    time.sleep(0.3)
    login.send("\x03")
    login.until("$ ")
    login.send("echo stat''us $?\n")
    login.until("status 130")
    left(login)


def test_described_sessions_name_both_terminals(host):
    login = began(host)
    [session] = host.live()
    said = host.ask(session["rec"], ask="describe")
    assert {name: said[name] for name in session} == session
    assert (said["state"], said["user"], said["kind"]) == ("running", "recorded", "terminal")
    assert json.dumps(said)
    left(login)


def test_who_opens_the_terminal_of_a_login_before_it_is_taken_ends_that_login(host):
    spy = subprocess.Popen(
        [*host.inside, "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", sys.executable, "-c", SPY],
        stdout=subprocess.PIPE,
    )
    try:
        spy.stdout.readline()
        login = Login(host)
        login.until("another process of yours had its terminal open before it began")
        spy.kill()
        login.finish()
        host.until(lambda: "had its terminal open before it was taken" in host.log(), "the reason")
    finally:
        spy.kill()
        spy.wait()


SPY = """
import glob, os, time
before = set(glob.glob("/dev/pts/*"))
print(flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    for path in set(glob.glob("/dev/pts/*")) - before:
        try:
            os.open(path, os.O_RDWR | os.O_NOCTTY)
            time.sleep(20)
        except OSError:
            pass
"""
