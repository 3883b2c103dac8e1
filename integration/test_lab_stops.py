"""Labs that are stopped, killed or do not start: nothing of them stays. Each has a name of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.machine import LAB

CACHE = Path(os.environ.get("LAB_CACHE", "/var/cache/session-recording-lab"))


class Trial:
    """A lab of the stage `server`, which boots in seconds."""

    def __init__(self, name: str, cache: Path = CACHE) -> None:
        self.environment = {**os.environ, "LAB_NAME": name, "LAB_CACHE": str(cache)}
        self.run = cache / "run" / name

    def lab(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([LAB, *argv], env=self.environment, capture_output=True, text=True, timeout=120)

    def begin(self, *argv: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([LAB, *argv], env=self.environment, start_new_session=True)

    def processes(self) -> list[str]:
        """Command lines of processes that have to do with it, those in its machines included."""
        found = []
        for status in Path("/proc").glob("[0-9]*"):
            try:
                command = (status / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(self.run) in command or str(self.run) in (status / "mountinfo").read_text():
                    found.append(command)
            except OSError:
                pass
        return found

    def remains(self) -> list[object]:
        """What there still is of it on the machine."""
        groups = Path("/sys/fs/cgroup").rglob("session-recording-lab-*")
        checksum = subprocess.run(["cksum"], input=f"{self.run}\n".encode(), capture_output=True).stdout.split()[0]
        mounts = Path("/proc/mounts").read_text()
        return [
            *self.processes(),
            *(line for line in mounts.splitlines() if str(self.run) in line),
            *(group for group in groups if checksum.decode() in group.name),
            *([self.run] if self.run.exists() else []),
        ]


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Iterator[Trial]:
    made = Trial(f"trial-{request.node.name}")
    yield made
    made.lab("stop")


def until(condition) -> None:
    while not condition():
        time.sleep(0.05)


def test_a_lab_that_is_stopped_leaves_nothing_and_can_be_stopped_again(trial):
    assert trial.lab("start", "server").returncode == 0
    assert "running already" in trial.lab("start", "server").stdout
    assert trial.processes()
    for _ in range(2):
        assert trial.lab("stop").returncode == 0
        assert trial.remains() == []


def test_a_lab_whose_start_was_killed_is_stopped_all_the_same(trial):
    start = trial.begin("start", "server")
    until((trial.run / "server.leader").exists)
    start.kill()
    start.wait()
    assert trial.processes()
    trial.lab("stop")
    assert trial.remains() == []


def test_a_lab_is_gone_with_the_first_of_its_processes(trial):
    trial.lab("start", "server")
    os.kill(int((trial.run / "pid").read_text()), signal.SIGKILL)
    until(lambda: not trial.processes())
    assert trial.lab("run", "server", "true").stderr == "the lab is not running: make lab\n"
    trial.lab("stop")
    assert trial.remains() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(trial, number):
    start = trial.begin("start", "server")
    until((trial.run / "server.leader").exists)
    start.send_signal(number)
    assert start.wait(timeout=60) == 130
    assert trial.remains() == []


def test_a_machine_that_does_not_boot_is_shown_and_leaves_nothing(tmp_path: Path):
    """Its stages are the real ones, but the server's init is not a program."""
    for line in Trial("").lab("status").stdout.splitlines():
        if line.endswith("missing") or "/" not in line:
            continue
        built = Path(line.split()[-1])
        (tmp_path / built.name).symlink_to(built)
    server = next(tmp_path.glob("server-" + "?" * 12))
    broken = server.resolve()
    server.unlink()
    server.mkdir()
    subprocess.run(["cp", "-a", broken / "server", server], check=True)
    init = server / "server/usr/lib/systemd/systemd"
    init.parent.mkdir(parents=True, exist_ok=True)
    init.write_text("no program")
    init.chmod(0o755)
    trial = Trial("broken", tmp_path)
    started = trial.lab("start", "server")
    assert started.returncode == 1
    assert "the lab did not start" in started.stderr
    assert "server did not boot" in started.stderr
    assert trial.remains() == []


@pytest.mark.parametrize("how", ["stopped", "its server of audit rules was killed before", "killed"])
def test_no_audit_rule_of_a_lab_stays_in_the_kernel(trial, how):
    done = trial.lab("start", "enrolled")
    assert done.returncode == 0, done.stderr
    rule = ("-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-F", "auid=2000000002", "-k", "of-a-test")
    assert trial.lab("run", "client", "auditctl", *rule).returncode == 0
    assert "2000000002" in audit_rules()
    if how == "killed":
        os.kill(int((trial.run / "pid").read_text()), signal.SIGKILL)
        until(lambda: "2000000002" not in audit_rules())
        return
    if how != "stopped":
        os.kill(int((trial.run / "audit.pid").read_text()), signal.SIGKILL)
    trial.lab("stop")
    assert "2000000002" not in audit_rules()
    assert trial.remains() == []


def audit_rules() -> str:
    return subprocess.run(["auditctl", "-l"], capture_output=True, text=True, check=True).stdout
