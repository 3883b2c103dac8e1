"""What a user meets when a part of the recorder is down, and what sessions that go on notice of it."""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest

from auditor.verify import Verdict, verify
from recorder.keys.signing_key import load
from recorder.logins import last_messages
from tests.logins import POLICY, Login, children_of, made
from tests.recorded import lines_of, output_of

ALLOW = 'on_failure = "allow"\nshell = "/bin/dash"'


@pytest.fixture
def host():
    with made() as host:
        yield host


def said_to(host, *arguments):
    """What somebody is told who is not let in."""
    login = Login(host, *arguments)
    assert login.finish() == 254
    return login.seen.decode().strip()


def began(host):
    login = Login(host)
    login.until("$ ")
    return login


def verdict(host):
    return verify(lines_of(host.recording()), [load(host.state / "key.pem").public]).verdict


def test_without_the_recorder_service_nobody_is_let_in(host):
    assert said_to(host) == "sessions on this host are recorded, and the recorder does not answer"


def test_without_the_recorder_service_a_user_gets_a_shell_where_the_host_allows_it():
    with made(ALLOW) as host:
        login = began(host)
        assert login.run("readlink /proc/$$/exe") == "/usr/bin/dash"
        login.send("exit\n")
        assert login.finish() == 0


def test_a_configuration_that_cannot_be_read_lets_nobody_in(host):
    host.config.write_text('[host]\non_failure = "allow')
    assert "the recorder does not answer" in said_to(host)


def test_without_the_responder_nobody_is_let_in(host):
    host.start("recorder")
    assert "the responder of session recording does not answer" in said_to(host)
    assert list(host.sessions.iterdir()) == []


def test_without_the_responder_a_user_gets_a_shell_where_the_host_allows_it():
    with made(ALLOW) as host:
        host.start("recorder")
        login = began(host)
        assert login.run("readlink /proc/$$/exe") == "/usr/bin/dash"
        login.send("exit\n")
        assert login.finish() == 0


def test_a_responder_that_hangs_costs_two_seconds_and_only_who_asks(host):
    host.start()
    os.kill(host.pid("responder"), signal.SIGSTOP)
    try:
        began_at = time.monotonic()
        assert "does not answer" in said_to(host)
        assert time.monotonic() - began_at < 6
    finally:
        os.kill(host.pid("responder"), signal.SIGCONT)
    login = began(host)
    login.send("exit\n")
    assert login.finish() == 0


def test_a_session_survives_a_restart_of_both_services_and_its_recording_is_whole(host):
    host.start()
    login = began(host)
    outer = f"/dev/{host.live()[0]['terminal']}"
    for number in (signal.SIGTERM, signal.SIGKILL):
        for name in ("recorder", "responder"):
            host.stop(name, number)
        assert login.run("echo alive") == "alive"
        host.start()
    assert login.run("echo still") == "still"
    [session] = host.live()
    assert host.ask(session["rec"], ask="describe")["state"] == "running"
    # Of this machine the new service has no descriptor of the terminal, which systemd would have kept for it.
    assert Path(outer).stat().st_uid == 0
    login.send("exit 3\n")
    assert login.finish() == 3
    host.ended()
    assert output_of(host.recording()) == login.seen
    assert verdict(host) is Verdict.COMPLETE


def test_a_service_that_comes_back_counts_a_terminal_of_its_sessions_as_recorded(host):
    host.start()
    login = began(host)
    host.stop("recorder", signal.SIGKILL)
    host.start("recorder")
    login.send(f"exec {host.login_shell}\n")
    login.until("$ ")
    assert len(host.live()) == 1
    login.send("exit\n")
    login.finish()


def test_a_worker_that_dies_while_the_service_is_away_leaves_no_session(host):
    host.start()
    login = began(host)
    [session] = host.live()
    host.stop("recorder", signal.SIGKILL)
    os.kill(session["worker"], signal.SIGKILL)
    assert login.finish() == 128 + signal.SIGHUP
    host.start("recorder")
    host.ended()


def test_a_killed_worker_ends_the_session_and_all_that_ran_in_it(host):
    host.start()
    login = began(host)
    [session] = host.live()
    pid = int(login.run("nohup sleep 1000 >/dev/null 2>&1 & echo $!").splitlines()[-1])
    # The first signature comes with the first second.
    host.until(lambda: b'"sig"' in host.recording().read_bytes(), "a signature")
    os.kill(session["worker"], signal.SIGKILL)
    login.finish()
    host.ended()
    host.until(lambda: not Path(f"/proc/{pid}").exists(), "what ran in the session has ended")
    assert verdict(host) is Verdict.TRUNCATED


def test_a_worker_that_dies_gives_the_terminal_back(host):
    host.start()
    outer = Login(host, argv=["/bin/sh"])
    outer.until("$ ")
    device = outer.run("tty")
    owner = Path(device).stat().st_uid
    outer.send("su recorded\n")
    host.until(host.live, "the session is recorded")
    assert Path(device).stat().st_mode & 0o777 == 0o600
    [session] = host.live()
    os.kill(session["worker"], signal.SIGKILL)
    host.until(lambda: Path(device).stat().st_mode & 0o777 == 0o620, "the terminal was given back")
    assert Path(device).stat().st_uid == owner
    assert outer.run("echo mine again") == "mine again"
    outer.send("exit\n")
    assert outer.finish() == 0


def test_on_a_full_disk_nobody_is_let_in():
    with made('sink = "file"\ndirectory = "/dev/full/no"\nspool = 0') as host:
        host.start()
        assert "this session cannot be recorded" in said_to(host)
        host.ended()


def test_where_the_policy_allows_it_a_session_goes_on_without_its_recording():
    policies = POLICY + 'on_failure = "allow"\n'
    with made('sink = "file"\ndirectory = "/dev/full/no"', policies) as host:
        host.start()
        login = began(host)
        assert login.run("echo goes on") == "goes on"
        login.send("exit\n")
        assert login.finish() == 0


class Daemon:
    """A log daemon, as the sink syslog finds it; what it was sent."""

    def __init__(self, path):
        self._path = path
        self.lines = []
        self._socket = None

    def __enter__(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o666)
        return self

    def __exit__(self, *_):
        self.take()
        self._path.unlink()
        self._socket.close()

    def take(self):
        with contextlib.suppress(BlockingIOError):
            while said := self._socket.recv(1 << 20, socket.MSG_DONTWAIT):
                self.lines.append(said[said.index(b"{") :] + b"\n")
        return self.lines


@pytest.mark.parametrize("policies", [POLICY, POLICY + 'on_failure = "allow"\n'], ids=["deny", "allow"])
def test_the_end_of_a_session_is_stored_when_the_log_daemon_comes_back_after_its_user_has_gone(policies):
    directory = Path(tempfile.mkdtemp(prefix="sessrec-log-"))
    directory.chmod(0o755)
    daemon = Daemon(directory / "log")
    with made(f'sink = "syslog"\nsyslog_path = "{directory}/log"\nspool = "1M"', policies) as host:
        with daemon:
            host.start()
            login = began(host)
            host.until(lambda: len(daemon.take()) > 1, "the prompt is recorded")
        assert login.run("echo nobody takes this") == "nobody takes this"
        login.send("exit 3\n")
        assert login.finish() == 3
        host.ended()
        # Whoever logs in next is another matter.
        [worker] = host.workers()
        with daemon:
            host.until(lambda: b"session-end" in b"".join(daemon.take()), "the end is stored")
            host.until(lambda: worker not in host.workers(), "its recorder has ended")
        found = verify(daemon.lines, [load(host.state / "key.pem").public])
        assert found.verdict is Verdict.COMPLETE, found
        (directory / "lines").write_bytes(b"".join(daemon.lines))
        assert output_of(directory / "lines") == login.seen
    shutil.rmtree(directory)


def test_of_recorders_that_wait_for_a_sink_only_so_many_stay(monkeypatch):
    monkeypatch.setattr(last_messages, "MOST", 3)
    places = last_messages.Places()
    pids = []
    for _ in range(5):
        ready, done = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(done, b"y" if places.take() else b"n")
            signal.pause()
        pids.append((pid, os.read(ready, 1)))
    for pid, _ in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert [said for _, said in pids] == [b"y", b"y", b"y", b"n", b"n"]
    assert places.take(), "places of those that have ended are free"


def test_a_policy_that_changes_is_for_the_next_login(host):
    host.start()
    first = began(host)
    host.policies.write_text(POLICY.replace('"record"', '"exempt"').replace('audit = ["none"]', ""))
    time.sleep(1.1)
    second = began(host)
    assert len(host.live()) == 1
    for login in (first, second):
        assert login.run("echo fine") == "fine"
        login.send("exit\n")
        assert login.finish() == 0
    host.ended()
    assert output_of(host.recording()) == first.seen


def test_two_hundred_logins_at_once_are_all_recorded():
    with made() as host:
        host.config.write_text(host.config.read_text() + "session_limit = 300\n")
        host.start()
        logins = [Login(host, "-c", f"echo this is {number}") for number in range(200)]
        for login in logins:
            assert login.finish(60) == 0
        host.ended()
        seen = sorted(login.seen for login in logins)
        assert seen == sorted(f"this is {number}\r\n".encode() for number in range(200))
        assert sorted(output_of(path) for path in host.recordings.iterdir()) == seen


def test_the_last_session_that_is_allowed_is_the_last():
    with made() as host:
        host.config.write_text(host.config.read_text() + "session_limit = 1\n")
        host.start()
        first = began(host)
        assert "1 sessions of yours are recorded already; end one" in said_to(host)
        first.send("exit\n")
        assert first.finish() == 0


def test_a_shell_that_is_missing_is_named():
    with made() as host:
        host.config.write_text(host.config.read_text().replace("/bin/bash", "/no/such shell"))
        host.start()
        login = Login(host)
        assert login.finish() == 127
        assert b"your shell '/no/such shell' cannot be started: No such file or directory" in login.seen


def test_a_user_without_a_home_is_recorded(host):
    host.start()
    login = Login(host, HOME="/nonexistent")
    login.until("$ ")
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    assert verdict(host) is Verdict.COMPLETE


@pytest.mark.parametrize(("settings", "status"), [("", 254), (ALLOW, 0)])
def test_where_no_process_can_be_had_the_host_says_what_follows(settings, status):
    with made(more=settings) as host:
        host.start()
        # Root is above the limit on processes by its capabilities, but not above that of its control group.
        host.until(lambda: children_of(host.zygote()), "one is forked ahead")
        group = process_limit(host.zygote())
        try:
            # One is forked ahead.
            assert Login(host, "-c", "true").finish() == 0
            login = Login(host, "-c", "echo went on")
            assert login.finish() == status
            said = login.seen.decode()
            assert ("went on" in said) == (status == 0), said
            assert ("sessions on this host are recorded, and this cannot be" in said) == (status != 0)
        finally:
            host.stop("recorder")
            host.until(lambda: not (group / "cgroup.procs").read_text(), "it has ended")
            group.rmdir()


def process_limit(pid):
    """A control group of its own for a process, in which there is no room for another."""
    older = Path("/sys/fs/cgroup/pids")
    group = (older if older.is_dir() else older.parent) / f"sessrec-test-{pid}"
    try:
        group.mkdir()
        if not (group / "pids.max").exists():
            group.rmdir()
            raise FileNotFoundError("the controller pids is not there")
        (group / "pids.max").write_text("1")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no control groups to limit processes by: {error}")
    return group


def test_a_worker_of_an_earlier_service_that_dies_leaves_no_shell(host):
    host.start()
    login = began(host)
    pid = int(login.run("trap '' HUP; echo $$"))
    host.stop("recorder", signal.SIGKILL)
    host.start("recorder")
    [session] = host.live()
    os.kill(session["worker"], signal.SIGKILL)
    host.until(lambda: not Path(f"/proc/{pid}").exists(), "the shell has ended")
    login.finish()
