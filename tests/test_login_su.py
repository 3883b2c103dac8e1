"""Recorded users that one becomes: su, su -, su -c and sudo -i, from a terminal that is not recorded."""

import fcntl
import signal
import struct
import termios
from pathlib import Path

import pytest

from recorder.formats.message import Resize
from tests.logins import USER, Login, made
from tests.peers import needs
from tests.recorded import messages_of, output_of


@pytest.fixture
def host():
    with made() as host:
        host.start()
        yield host


def roots(host):
    """root's shell on a terminal, which is not recorded."""
    login = Login(host, argv=["/bin/sh"], PS1="root> ")
    login.until("root> ")
    return login


def left(host, login):
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()


@pytest.mark.parametrize(
    ("command", "name", "is_login"),
    [
        ("su recorded", "bash", "off"),
        ("su - recorded", "-bash", "on"),
        ("su -l recorded", "-bash", "on"),
        ("su --login recorded", "-bash", "on"),
        ("su -m recorded", "bash", "off"),
        ("su -s {shell} recorded", "bash", "off"),
    ],
)
def test_su_gives_the_shell_that_it_would_give_and_it_is_recorded(host, command, name, is_login):
    login = roots(host)
    login.send(command.format(shell=host.login_shell) + "; echo stat''us $?\n")
    host.until(host.live, "the session is recorded")
    assert login.run("echo $0; shopt login_shell; id -u").split() == [name, "login_shell", is_login, str(USER)]
    assert login.run("tty").removeprefix("/dev/") == host.live()[0]["pty"]
    login.send("exit 7\n")
    login.until("status 7")
    left(host, login)
    assert b"login_shell" in output_of(host.recording())
    assert messages_of(host.recording())[-1].fields["process"]["exit_code"] == 7


def test_a_command_by_su_is_recorded_with_its_terminal(host):
    login = roots(host)
    login.send("su recorded -c 'echo $0; shopt login_shell; tty; exit 9'; echo stat''us $?\n")
    said = login.until("status 9").decode()
    assert "bash\r\nlogin_shell    \toff\r\n/dev/pts/" in said
    login.send("su - recorded -c 'echo $0; shopt login_shell'\n")
    login.until("login_shell    \ton")
    # What is typed before goes to the session that is just ending.
    login.until("root> ")
    left(host, login)
    assert len(list(host.recordings.iterdir())) == 2


@needs("sudo")
def test_sudo_i_is_recorded(host):
    login = roots(host)
    login.send("sudo -i -u recorded; echo stat''us $?\n")
    host.until(host.live, "the session is recorded")
    assert login.run("echo $0; shopt login_shell").split() == ["-bash", "login_shell", "on"]
    login.send("exit 6\n")
    login.until("status 6")
    left(host, login)


def test_the_root_shell_goes_on_as_before_after_su(host):
    login = roots(host)
    before = termios.tcgetattr(login.fd)
    login.send("su recorded\n")
    host.until(host.live, "the session is recorded")
    assert login.run("echo inside") == "inside"
    login.send("exit\n")
    login.until("root> ")
    assert login.run("id -u; stat -c %U $(tty)") == "0\nroot"
    assert termios.tcgetattr(login.fd)[:4] == before[:4]
    left(host, login)
    assert b"stat -c" not in output_of(host.recording())


def test_a_window_that_changes_under_su_reaches_the_session_and_the_recording(host):
    login = roots(host)
    login.send("su recorded\n")
    host.until(host.live, "the session is recorded")
    login.run("true")
    fcntl.ioctl(login.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 101, 0, 0))
    host.until(lambda: login.run("stty size") == "41 101", "the session has the new size")
    login.send("exit\n")
    login.until("root> ")
    left(host, login)
    sizes = [(p.columns, p.rows) for m in messages_of(host.recording()) for p in m.packets if isinstance(p, Resize)]
    assert (101, 41) in sizes


def test_a_terminal_is_recorded_also_where_standard_input_is_something_else(host):
    """By what is left open, or by /dev/tty, a shell of his could use it all the same."""
    profile = "for to in 0 1 2 3; do echo needle >&$to; done; echo needle >/dev/tty; exit 5\n"
    (host.base / "home/.bash_profile").write_text(profile)
    login = roots(host)
    for count, redirected in enumerate(("</dev/null", "</dev/null >/dev/null", "</dev/tty 3<>/dev/tty")):
        login.send(f"su - recorded {redirected}; echo stat''us $?\n")
        said = login.until("status 5")
        host.ended()
        recorded = b"".join(output_of(path) for path in host.recordings.iterdir())
        assert len(list(host.recordings.iterdir())) == count + 1
        assert said.count(b"\nneedle") > 0
        assert recorded.count(b"needle") == login.seen.count(b"needle")
    left(host, login)


def test_a_session_that_is_recorded_without_a_terminal_finds_none(host):
    everywhere = "/dev/tty /proc/self/fd/3 /proc/self/fd/9"
    (host.base / "home/.bash_profile").write_text(f"for to in {everywhere}; do echo needle >$to; done; exit 5\n")
    login = roots(host)
    for opened in ("", "3<>/dev/tty", "3<>$(tty) 9<>$(tty)"):
        for command in ("su - recorded", "su - recorded -c true", "setsid -w su - recorded"):
            login.send(f"{command} {opened} </dev/null >/dev/null 2>&1; echo stat''us $?\n")
            login.until("status 5")
            host.ended()
    left(host, login)
    assert b"needle" not in login.seen


def test_a_terminal_that_is_not_the_sessions_own_is_refused(host):
    """It could be used all the same, and nobody could take it away."""
    login = roots(host)
    for command in ("setsid -w su recorded", "su recorded </dev/tty >/dev/tty 2>&1"):
        login.send(f"{command}; echo stat''us $?\n")
        assert b"it has a terminal open that is not the one it runs on" in login.until("status 254")
    left(host, login)


def test_the_process_that_waits_for_the_shell_holds_nothing_of_the_outer_terminal(host):
    """It is the user's own, to be traced, and its descriptors to be had."""
    login = roots(host)
    login.send("su recorded\n")
    host.until(host.live, "the session is recorded")
    login.run("true")
    [session] = host.live()
    waiting = int(login.run("ps -o ppid= -p $$"))
    assert "login-shell" in Path(f"/proc/{waiting}/cmdline").read_text()
    targets = {str(path.readlink()) for path in Path(f"/proc/{waiting}/fd").iterdir()}
    assert not {f"/dev/{session['terminal']}", "/dev/tty"} & targets
    # Nor is it its controlling terminal, which /dev/tty opens for everybody.
    assert Path(f"/proc/{waiting}/stat").read_text().rpartition(")")[2].split()[4] == "0"
    login.send("exit\n")
    login.until("root> ")
    left(host, login)


def test_killing_the_process_that_waits_ends_the_session(host):
    login = roots(host)
    login.send("su recorded\n")
    host.until(host.live, "the session is recorded")
    login.send("kill -9 $PPID; sleep 1000\n")
    login.until("root> ")
    host.ended()
    login.send("exit 0\n")
    assert login.finish() == 0
    assert messages_of(host.recording())[-1].fields["sessrec"]["reason"] == "hangup"


def test_a_lost_connection_under_su_ends_all_of_it(host):
    login = roots(host)
    login.send("su recorded\n")
    host.until(host.live, "the session is recorded")
    login.run("true")
    login.hang_up()
    host.ended()
    host.until(lambda: not host.processes(), "nothing stays")
    assert messages_of(host.recording())[-1].event["action"] == "session-end"


def test_what_is_terminated_under_su_ends_and_root_goes_on(host):
    login = roots(host)
    login.send("su recorded; echo stat''us $?\n")
    host.until(host.live, "the session is recorded")
    login.run("(nohup sleep 1000 >/dev/null 2>&1 &)")
    [session] = host.live()
    host.ask(session["rec"], ask="terminate")
    login.until("This session has been ended by an administrator.")
    login.until(f"status {128 + signal.SIGHUP}")
    host.until(lambda: not host.processes(), "nothing stays")
    assert login.run("id -u") == "0"
    left(host, login)
