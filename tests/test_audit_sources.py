"""Where audit records come from: auditd by its plugin, or the kernel's group; and what is said of what is lost."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit_service.netlink_source import NetlinkSource, kernel_status
from recorder.audit_service.plugin import LOST, Waiting
from recorder.audit_service.plugin_source import PluginSource
from recorder.audit_service.progress import Progress
from recorder.audit_service.sources import FIRST, SOCKET, Sources
from tests.audit import PATIENCE, machine_audit
from tests.audited_logins import audited, numbers
from tests.auditing import called
from tests.logins import ROOT, needs_root
from tests.peers import needs

PROGRAM = "import sys; from recorder.audit_service.plugin import main; sys.exit(main(sys.argv[1]))"
AUDITD = """\
local_events = yes
write_logs = no
log_file = {directory}/audit.log
log_format = ENRICHED
plugin_dir = {directory}/plugins.d
q_depth = 2000
overflow_action = SYSLOG
space_left = 75
space_left_action = SYSLOG
admin_space_left = 50
admin_space_left_action = SUSPEND
disk_full_action = SUSPEND
disk_error_action = SUSPEND
"""
PLUGIN = """\
#!/bin/sh
PYTHONPATH={root} exec {python} -c "{program}" {run}/audit-records.socket
"""


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Auditd:
    """The real one, with our plugin as `sessrec host install` configures it, but for the places."""

    def __init__(self, directory, run):
        (directory / "plugins.d").mkdir(mode=0o750)
        program = directory / "plugin"
        program.write_text(PLUGIN.format(root=ROOT, python=sys.executable, program=PROGRAM, run=run))
        program.chmod(0o750)
        ours = (ROOT / "host/files/audit-plugin.conf").read_text()
        for path, text in {
            directory / "auditd.conf": AUDITD.format(directory=directory),
            directory / "plugins.d/ours.conf": ours.replace(
                "/usr/libexec/session-recording/audit-plugin", str(program)
            ),
        }.items():
            path.write_text(text)
            path.chmod(0o640)
        self.directory = directory
        self.process = None

    def start(self):
        command = ["/sbin/auditd", "-n", "-c", str(self.directory), "-s", "nochange"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0


@pytest.fixture
def own_directory():
    """auditd wants its plugins below directories that only root may write to."""
    needs_root()
    directory = f"/root/session-recording-auditd-{os.getpid()}"
    subprocess.run(["mkdir", "-m", "750", directory], check=True)
    yield Path(directory)
    subprocess.run(["rm", "-r", directory], check=True)


@needs("auditd")
def test_events_come_by_auditd_where_it_runs_and_none_twice_or_never_when_it_starts_and_stops(own_directory):
    with audited() as host:
        auditd = Auditd(own_directory, host.host.run)
        login = host.shell()
        login.run("/bin/true 0")
        auditd.start()
        try:
            until(lambda: host.status()["source"] == "auditd", "auditd's plugin is connected")
            login.run("/bin/true 1")
            assert host.command("/bin/true 2").returncode == 0
            until(lambda: len(host.host.live()) == 1, "the command's session has ended")
            assert host.stop() == 0
            login.run("/bin/true 3")
            host.start()
            until(lambda: host.status()["source"] == "auditd", "the plugin connects again")
            login.run("/bin/true 4")
            host.until_ran("/bin/true", "4")
        finally:
            auditd.stop()
        until(lambda: host.status()["source"] == "netlink", "records come from the kernel")
        login.run("/bin/true 5")
        login.send("exit\n")
        login.finish()
        host.host.ended()
        assert sorted(args[1] for args in host.ran() if args[0] == "/bin/true") == list("012345")
        assert len(set(numbers(host.events()))) == len(host.events())
        assert host.events(action="lost") == []


def test_what_auditd_tells_while_the_service_is_away_comes_when_it_is_back(tmp_path):
    needs_root()
    path, seen = tmp_path / "socket", []
    plugin = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdin=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    received = []

    def receive(source, wanted):
        end = time.monotonic() + PATIENCE
        while len(received) < wanted:
            assert time.monotonic() < end, len(received)
            if not source.connected:
                source.accept()
            for descriptor in source.connected:
                received.extend(record.serial for record in source.receive(descriptor) or [])
            time.sleep(0.01)

    def tell(first, last):
        for serial in range(first, last):
            plugin.stdin.write(called(serial, 59).encode())
        plugin.stdin.flush()

    try:
        tell(0, 100)
        source = PluginSource(path, lambda serial, at: seen.append(serial))
        receive(source, 100)
        source.close()
        tell(100, 200)
        source = PluginSource(path, lambda serial, at: seen.append(serial))
        tell(200, 210)
        receive(source, 210)
        source.close()
    finally:
        plugin.stdin.close()
        plugin.wait(PATIENCE)
    assert received == list(range(210))
    assert sorted(set(seen)) == list(range(210))


@given(st.lists(st.one_of(st.integers(1, 9), st.none(), st.floats(0, 1)), max_size=60))
def test_prop_lines_wait_whole_and_in_order_or_are_counted(steps):
    waiting, number, sent, taken = Waiting(bound=60), 0, b"", 0
    for step in steps:
        if isinstance(step, int):
            waiting.add(b"".join(b"%d.\n" % each for each in range(number, number + step)))
            number += step
        elif waiting and step is None:
            piece = waiting.next()
            waiting.disconnected(partly=taken > 0)
            # What was sent in part is gone with the connection.
            sent, taken = sent.rpartition(b"\n")[0] + b"\n" if b"\n" in sent else b"", 0
            del piece
        elif waiting:
            piece = waiting.next()
            count = max(1, int(len(piece) * step))
            waiting.sent(count)
            sent += piece[:count]
            taken = 0 if piece[:count].endswith(b"\n") else count
    while waiting:
        piece = waiting.next()
        sent += piece
        waiting.sent(len(piece))
    lines = sent.splitlines()
    told = [int(line[:-1]) for line in lines if not line.startswith(LOST)]
    lost = sum(int(line.rpartition(b" ")[2]) for line in lines if line.startswith(LOST)) + waiting.dropped
    assert told == sorted(set(told))
    assert len(told) + lost == number


def test_records_that_come_faster_than_they_are_read_are_a_loss(tmp_path):
    with machine_audit() as audit:
        small = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.bind((0, 1))
        sources = Sources(tmp_path, small.detach())
        alice = audit.login(54_341)
        for _ in range(40):
            subprocess.run(["auditctl", "-m", "x" * 500], check=True)
        sources.receive(sources.netlink.descriptor)
        [(count, reason)] = sources.losses()
        assert count >= 1
        assert "faster than they could be read" in reason
        assert sources.losses() == []
        assert sources.lost == count
        alice.ends()
        sources.close()


def test_the_kernel_says_how_much_it_has_lost():
    with machine_audit():
        status = kernel_status()
        assert status.enabled == 1
        assert status.lost >= 0


def test_after_a_restart_the_service_says_how_much_it_missed(tmp_path):
    needs_root()
    progress = Progress(tmp_path / "progress.json")
    assert progress.read() == 0
    progress.keep(4000)
    sources = Sources(tmp_path, mark=Progress(tmp_path / "progress.json").read())
    with socket.socket(socket.AF_UNIX) as plugin:
        plugin.connect(str(tmp_path / SOCKET))
        sources.receive(sources.plugin.listening.fileno())
        [descriptor] = sources.plugin.connected
        for serials in ([4012], [4011, 4013]):
            plugin.sendall("".join(called(serial, 59) for serial in serials).encode())
            assert [record.serial for record in sources.receive(descriptor)] == serials
        time.sleep(FIRST)
        assert sources.losses() == [(10, "the audit service was away")]
        assert sources.losses() == []
        plugin.sendall(b"%b 7\n" % LOST)
        assert sources.receive(descriptor) == []
        assert sources.losses() == [(7, "auditd's plugin dropped records while the audit service was away")]
    sources.close()


def test_what_an_earlier_boot_has_counted_means_nothing(tmp_path, monkeypatch):
    needs_root()
    Progress(tmp_path / "progress.json").keep(4000)
    other = tmp_path / "boot"
    other.write_text("another boot\n")
    monkeypatch.setattr("recorder.audit_service.progress.BOOT", str(other))
    assert Progress(tmp_path / "progress.json").read() == 0


def test_a_socket_that_an_earlier_service_has_taken_out_of_the_group_is_in_it_again(tmp_path):
    with machine_audit():
        kept = NetlinkSource(lambda serial, at: None)
        kept.listen(False)
        sources = Sources(tmp_path, os.dup(kept.descriptor))
        assert sources.problem == ""
        subprocess.run(["auditctl", "-m", "heard"], check=True)
        until(lambda: sources.receive(sources.netlink.descriptor) or sources.highest, "a record comes")
        sources.close()
        kept.close()


def test_a_socket_without_the_group_tells_nothing_until_it_is_asked_to(tmp_path):
    with machine_audit():
        source = NetlinkSource(lambda serial, at: None)
        source.listen(False)
        source.receive()
        subprocess.run(["auditctl", "-m", "unheard"], check=True)
        heard = []
        source._seen = lambda serial, at: heard.append(serial)
        source.receive()
        assert heard == []
        source.listen(True)
        subprocess.run(["auditctl", "-m", "heard"], check=True)
        until(lambda: source.receive() or heard, "a record comes")
        source.close()
