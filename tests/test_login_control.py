"""Sessions as somebody else sees and controls them: described, watched, suspended, resumed, terminated."""

import fcntl
import signal
import struct
import termios
import time

import pytest

from tests.logins import Login, made
from tests.recorded import messages_of, output_of


@pytest.fixture
def host():
    with made() as host:
        host.start()
        yield host


def began(host):
    login = Login(host)
    login.until("$ ")
    [session] = host.live()
    return login, session["rec"]


def left(host, login):
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()


def controls_of(host):
    said = [message.fields["sessrec"]["control"] for message in messages_of(host.recording()) if is_control(message)]
    return [(one["action"], one["by"]) for one in said]


def is_control(message):
    return message.event is not None and message.event["action"] == "control"


def screen_of(watcher, text, timeout=10.0):
    """The output that a watcher is sent until `text` is in it."""
    seen, end = b"", time.monotonic() + timeout
    while text not in seen:
        assert time.monotonic() < end, seen
        packet = watcher.recv(65_536)
        assert packet, "the watcher was dropped"
        if packet[:1] == b"o":
            seen += packet[1:]
    return seen


def test_a_suspended_session_stands_still_until_it_is_resumed(host):
    login, rec = began(host)
    # A shell that is asked to end: bash itself goes on with its loop if the sleep has just ended by itself.
    login.send("sh -c 'trap exit INT; for i in $(seq 1000); do echo line $i; sleep 0.05; done'\n")
    login.until("line 3\r\n")
    assert host.ask(rec, ask="suspend") == {"state": "suspended"}
    assert host.ask(rec, ask="describe")["state"] == "suspended"
    time.sleep(0.2)
    before = host.recording().stat().st_size
    login.send("\x03")
    time.sleep(1.2)
    assert host.recording().stat().st_size - before < 4096
    assert b"^C" not in output_of(host.recording())
    assert host.ask(rec, ask="resume") == {"state": "running"}
    login.until("^C")
    assert login.run("echo on") == "on"
    left(host, login)
    assert controls_of(host) == [("suspend", "the test"), ("resume", "the test")]
    assert output_of(host.recording()) == login.seen


def test_a_suspended_session_can_be_terminated_and_hung_up(host):
    login, rec = began(host)
    host.ask(rec, ask="suspend")
    assert host.ask(rec, ask="terminate") == {"state": "ended"}
    assert login.finish() == 128 + signal.SIGHUP
    assert b"This session has been ended by an administrator." in login.seen
    host.ended()
    login, rec = began(host)
    host.ask(rec, ask="suspend")
    login.hang_up()
    host.ended()


def test_a_terminated_session_says_who_has_ended_it(host):
    login, rec = began(host)
    login.send("trap '' HUP; sleep 1000\n")
    login.until("1000\r\n")
    began_at = time.monotonic()
    assert host.ask(rec, ask="terminate", by="eve") == {"state": "ended"}
    login.finish()
    host.ended()
    assert time.monotonic() - began_at < 20
    last = messages_of(host.recording())[-1]
    assert (last.fields["sessrec"]["reason"], last.fields["sessrec"]["by"]) == ("terminated", "eve")
    host.until(lambda: not host.processes(), "what ignores the hang-up is ended as well")


def test_a_user_who_reads_nothing_any_more_is_terminated_as_well(host):
    login, rec = began(host)
    login.send("yes $(seq 1000)\n")
    login.until("1 2 3")
    # The terminal is full now, and nobody empties it.
    host.until(lambda: host.ask(rec, ask="describe")["state"] == "running", "it answers")
    time.sleep(0.5)
    began_at = time.monotonic()
    assert host.ask(rec, ask="terminate") == {"state": "ended"}
    host.ended()
    assert time.monotonic() - began_at < 20
    login.finish()


def test_a_watcher_sees_the_screen_as_it_is_and_then_live(host):
    login, rec = began(host)
    login.run("echo before")
    with host.connected(rec) as watcher:
        watcher.send(b'{"ask": "watch", "by": "eve"}')
        assert b'"state": "running"' in watcher.recv(65_536)
        screen_of(watcher, b"before")
        login.send("echo lat''er\n")
        began_at = time.monotonic()
        screen_of(watcher, b"later\r\n")
        assert time.monotonic() - began_at < 5
        fcntl.ioctl(login.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 101, 0, 0))
        packet = watcher.recv(65_536)
        while packet[:1] != b"r":
            packet = watcher.recv(65_536)
        assert packet == b"r101x41"
    left(host, login)
    assert ("watch", "eve") in controls_of(host)
    assert ("unwatch", "eve") in controls_of(host)


def test_a_watcher_that_does_not_keep_up_does_not_hold_the_session_up(host):
    login, rec = began(host)
    with host.connected(rec) as watcher:
        watcher.send(b'{"ask": "watch", "by": "slow"}')
        assert login.run("seq 400000 | tail -c 6000000; true").endswith("400000")
        assert host.ask(rec, ask="describe")["state"] == "running"
    left(host, login)
    assert output_of(host.recording()) == login.seen


def test_what_is_no_order_changes_nothing(host):
    login, rec = began(host)
    for said in (
        b"",
        b"{",
        b"[]",
        b'{"ask": 1}',
        b'{"ask": null}',
        b'{"ask": "kill"}',
        b"\xff" * 60_000,
        b"[" * 60_000,
    ):
        with host.connected(rec) as connection:
            connection.send(said)
            assert not (answer := connection.recv(1000)) or b"error" in answer
    many = [host.connected(rec) for _ in range(8)]
    assert login.run("echo on") == "on"
    for connection in many:
        connection.close()
    assert host.ask(rec, ask="describe")["state"] == "running"
    left(host, login)
    assert not list(host.sessions.iterdir())
