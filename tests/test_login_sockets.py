"""What a user gets who speaks to the services himself instead of leaving it to the login shell."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.logins import OTHER, RECORDER, USER, Login, made

CLIENT = """
import array, os, random, socket, struct, sys, time

RUN = {run!r}
REQUEST = b"1\\0001\\0xterm\\0\\0\\0C.UTF-8"


def connected():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(20)
    connection.connect(RUN + "/recorder.socket")
    return connection


def asked(data, descriptors=()):
    connection = connected()
    socket.send_fds(connection, [data], descriptors) if descriptors else connection.send(data)
    return connection


def answered(connection):
    try:
        data, descriptors, _, _ = socket.recv_fds(connection, 65536, 16)
    except ConnectionResetError:
        data, descriptors = b"", []
    return data.split(b"\\0")[0], descriptors

"""


@pytest.fixture(scope="module")
def shared():
    with made() as host:
        host.start()
        yield host


@pytest.fixture
def host(shared):
    yield shared
    for session in shared.live():
        with contextlib.suppress(ProcessLookupError):
            os.kill(session["worker"], signal.SIGKILL)
    shared.ended()
    for path in shared.recordings.iterdir():
        path.unlink()


def program(host, text, uid=USER):
    """The command of a program of the user's own, which finds what CLIENT defines."""
    path = host.base / "home" / f"client{len(list((host.base / 'home').iterdir()))}.py"
    path.write_text(CLIENT.format(run=str(host.run)) + text)
    path.chmod(0o755)
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
    return [*become, "/usr/bin/python3", "-IS", str(path)]


def ran(host, text, uid=USER, **options):
    done = subprocess.run(
        [*host.inside, *program(host, text, uid)], capture_output=True, text=True, timeout=60, **options
    )
    assert done.stderr == ""
    return done.stdout


def on_terminal(host, text):
    """A program of the user's own in the place of the login shell."""
    return Login(host, argv=["sh", "-c", f'chown {USER}:5 $(tty); exec "$@"', "sh", *program(host, text)])


def logs_in(host, uid=USER):
    """Somebody logs in as if nothing were; the seconds that it took."""
    began = time.monotonic()
    login = Login(host, "-c", "echo in; exit 3", uid=uid)
    assert login.finish() == 3
    assert b"in\r\n" in login.seen
    return time.monotonic() - began


def open_in(process):
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_the_responder_speaks_to_root_only(host):
    said = ran(
        host,
        """
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    connection.connect(RUN + "/responder.socket")
    connection.send(b'{"ask": "decide"}')
    print(connection.recv(100))
except OSError as error:
    print(error.strerror)
""",
    )
    assert said == "Permission denied\n"


def test_a_user_cannot_put_anything_in_the_place_of_our_files(host):
    login = Login(host)
    login.until("$ ")
    [session] = host.live()
    for directory in (host.run, host.sessions, host.state, host.recordings):
        for attempt in (f"ln -s /etc/passwd {directory}/x", f"mkfifo {directory}/x", f"touch {directory}/x"):
            assert "Permission denied" in login.run(attempt)
    for path in (host.run / "recorder.socket", host.run / "responder.socket", host.config, host.policies):
        assert "Permission denied" in login.run(f"mv -f {path} {path}.x")
        assert "Permission denied" in login.run(f"rm -f {path}")
    for path in (host.sessions, host.recordings, host.state / "key.pem"):
        assert "Permission denied" in login.run(f"cat {path}/* {path}")
    for name in (f"{session['rec']}.socket", f"{session['rec']}.json"):
        assert "Permission denied" in login.run(f"cat {host.sessions}/{name}")
    login.send("exit\n")
    assert login.finish() == 0


def test_messages_that_are_none_harm_nobody(host):
    before = open_in(host.pid("recorder"))
    said = ran(
        host,
        """
random.seed(1)
sent = [b"\\0", b"1", b"1\\0" * 3, b"2" + REQUEST[1:], b'{"ask": "started"}', b"slave", b"A" * 65536, b"\\0" * 65536]
sent += [b"A" * 150000] + [random.randbytes(random.randrange(1, 3000)) for _ in range(40)]
for data in sent:
    print(answered(asked(data))[0])
connected().close()
""",
    )
    assert set(said.splitlines()) == {"b''"}
    logs_in(host)
    host.ended()
    assert len(list(host.recordings.iterdir())) == 1
    host.until(lambda: open_in(host.pid("recorder")) <= before, "nothing stays open")
    host.until(lambda: not host.forked(), "nothing of it is left")


def test_a_request_of_any_content_is_recorded_as_what_it_is(host):
    """Words of a request are the user's own; who he is comes from the kernel."""
    said = ran(
        host,
        """
words = [b"-c", b"\\xff\\x80\\r\\n\\x1b[2J", "\\u202e".encode(), b"rec=x" * 9000]
print(answered(asked(b"\\0".join([b"1", b"1", b"\\n\\xff" * 400, b"root", b"", b"xx_YY.nonsense", *words])))[0])
""",
    )
    assert said == "b'detached'\n"
    host.ended()
    first = host.recording().read_bytes().splitlines()[0]
    assert b'"user":"recorded"' in first
    assert b"\x1b" not in first


def test_two_hundred_and_fifty_descriptors_are_refused_and_not_kept(host):
    before = open_in(host.pid("recorder"))
    said = ran(
        host,
        """
for _ in range(20):
    print(answered(asked(REQUEST, [0] * 250))[0])
""",
        stdin=subprocess.DEVNULL,
    )
    assert set(said.splitlines()) == {"b''"}
    assert open_in(host.pid("recorder")) <= before
    logs_in(host)


def test_descriptors_of_somebody_elses_terminal_are_left_alone(host):
    outer = Login(host, uid=OTHER)
    outer.until("$ ")
    device = Path(outer.run("tty"))
    device.chmod(0o666)
    before = device.stat()
    said = ran(
        host,
        f"""
device = os.open({str(device)!r}, os.O_RDWR | os.O_NOCTTY)
print(*answered(asked(REQUEST, [device] * 3)))
""",
    )
    assert said == "b'deny' []\n"
    after = device.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    assert outer.run("echo mine") == "mine"
    outer.send("exit\n")
    assert outer.finish() == 0
    host.ended()
    assert not list(host.recordings.iterdir())


def test_who_connects_and_says_nothing_holds_only_himself_up(host):
    text = "connections = [connected() for _ in range(20)]\nprint('there', flush=True)\ntime.sleep(60)\n"
    silent = subprocess.Popen([*host.inside, *program(host, text)], stdout=subprocess.PIPE)
    try:
        assert silent.stdout.readline() == b"there\n"
        assert logs_in(host, OTHER) < 3
        assert len(host.workers()) <= 16
    finally:
        silent.kill()
        silent.wait()
    assert logs_in(host) < 8


def test_a_flood_of_connections_does_not_keep_others_out(host):
    text = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))
print("there", flush=True)
while True:
    connections = []
    for _ in range(2000):
        connections.append(connected())
    print(len(connections), flush=True)
"""
    before = open_in(host.pid("recorder"))
    flood = subprocess.Popen([*host.inside, *program(host, text)], stdout=subprocess.PIPE)
    try:
        assert flood.stdout.readline() == b"there\n"
        assert flood.stdout.readline() == b"2000\n"
        took = [logs_in(host, OTHER) for _ in range(5)]
    finally:
        flood.kill()
        flood.wait()
    assert max(took) < 5
    host.until(lambda: open_in(host.pid("recorder")) <= before, "nothing stays open")
    assert logs_in(host) < 8


SAYS = {
    "nothing, and goes": "",
    "garbage": "connection.send(b'x' * 200)",
    "an empty message": "connection.send(b'')",
    "forked by a process that is gone": """
if os.fork() == 0:
    connection.send(b'forked')
    os._exit(0)
os.wait()""",
    "forked, with descriptors": "socket.send_fds(connection, [b'forked'], [0] * 200)",
    "leader, and is none": "connection.send(b'leader')",
    "leader twice": "connection.send(b'leader'); connection.send(b'leader')",
}


@pytest.mark.parametrize("said", SAYS)
def test_a_client_that_takes_the_terminal_and_says(host, said):
    login = on_terminal(
        host,
        f"""
connection = asked(REQUEST, [0, 1, 2])
kind, [slave] = answered(connection)
print(kind, flush=True)
{SAYS[said]}
""",
    )
    login.until("slave")
    login.finish()
    host.ended()
    assert logs_in(host) < 8
    host.until(lambda: not host.forked(), "nothing of it is left")


def test_what_is_done_on_a_terminal_that_a_client_has_taken_is_recorded(host):
    login = on_terminal(
        host,
        """
import fcntl, signal, termios
connection = asked(REQUEST, [0, 1, 2])
kind, [slave] = answered(connection)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
fcntl.ioctl(0, termios.TIOCNOTTY)
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
connection.send(b"leader")
os.dup2(slave, 1)
print("on the slave", flush=True)
time.sleep(0.3)
""",
    )
    login.until("on the slave")
    assert login.finish() == 0
    host.ended()
    assert b"on the slave" in host.recording().read_bytes()


def test_a_process_of_somebody_else_cannot_be_named_as_the_leader(host):
    """Credentials in a message are those of who sends it, or the kernel refuses them."""
    login = on_terminal(
        host,
        """
connection = asked(REQUEST, [0, 1, 2])
answered(connection)
try:
    connection.sendmsg([b"forked"], [(socket.SOL_SOCKET, 2, struct.pack("iII", 1, 0, 0))])
except OSError as error:
    print(error.strerror, flush=True)
""",
    )
    login.until("Operation not permitted")
    login.finish()
    host.ended()


def test_a_connection_in_the_hands_of_another_process_ends_with_its_own(host):
    """The session is that of the process which has connected, whoever has its terminal."""
    login = on_terminal(
        host,
        """
connection = asked(REQUEST, [0, 1, 2])
kind, [slave] = answered(connection)
if os.fork() == 0:
    for descriptor in range(3):
        os.dup2(slave, descriptor)
    os.setsid()
    time.sleep(30)
connection.send(b"leader")
""",
    )
    login.finish()
    host.ended()


def test_runtime_files_are_roots(host):
    login = Login(host)
    login.until("$ ")
    assert stat.S_IMODE(host.sessions.stat().st_mode) == 0o700
    for path in host.sessions.iterdir():
        assert path.stat().st_uid == 0
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    [recording] = host.recordings.iterdir()
    assert (recording.stat().st_uid, stat.S_IMODE(recording.stat().st_mode)) == (RECORDER, 0o600)
    login.send("exit\n")
    assert login.finish() == 0


def test_the_sessions_of_others_are_not_to_be_controlled(host):
    login = Login(host)
    login.until("$ ")
    [session] = host.live()
    said = ran(
        host,
        f"""
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    connection.connect(RUN + "/sessions/{session["rec"]}.socket")
except OSError as error:
    print(error.strerror)
""",
        OTHER,
    )
    assert said == "Permission denied\n"
    login.send("exit\n")
    assert login.finish() == 0
    assert socket


def test_connections_that_say_nothing_do_not_get_their_user_a_shell_that_is_not_recorded():
    with made() as host:
        host.config.write_text(host.config.read_text() + 'on_failure = "allow"\nshell = "/bin/dash"\n')
        host.start()
        silent = subprocess.Popen(
            [*host.inside, "setpriv", f"--reuid={USER}", "--clear-groups", sys.executable, "-c", SILENT, host.run],
            stdout=subprocess.PIPE,
        )
        try:
            silent.stdout.readline()
            login = Login(host)
            login.until("$ ")
            assert len(host.live()) == 1
            login.send("exit\n")
            login.finish()
        finally:
            silent.kill()
            silent.wait()


SILENT = """
import socket, sys, time
held = []
while len(held) < 100:
    held.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    held[-1].connect(sys.argv[1] + "/recorder.socket")
print(flush=True)
time.sleep(20)
"""
