"""A systemd-journald of the tests' own, in a journal namespace, away from the system's journal."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

JOURNALD = "/lib/systemd/systemd-journald"
PATIENCE = 60.0
"""Seconds after which a daemon that does not answer has failed."""


class Journald:
    """A journal namespace of our own, away from the system's journal."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.runtime = Path(f"/run/systemd/journal.{namespace}")
        self.settings = Path(f"/run/systemd/journald@{namespace}.conf.d")
        self.process = None

    def start(self):
        # Unless told to leave it, journald switches the auditing of the kernel, which is the whole machine's.
        self.settings.mkdir(parents=True, exist_ok=True)
        (self.settings / "audit.conf").write_text("[Journal]\nAudit=\n")
        self.process = subprocess.Popen([JOURNALD, self.namespace], stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not self._listens():
            assert self.process.poll() is None, "journald ended"
            assert time.monotonic() < end, "journald does not listen"
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        # By the signal itself where it has only just begun to listen.
        assert self.process.wait(PATIENCE) in (0, -signal.SIGTERM)

    def entries(self):
        """The recorder's entries, all of what journald was sent up to now."""
        subprocess.run(["journalctl", "--namespace", self.namespace, "--sync"], check=True)
        command = ["journalctl", "--namespace", self.namespace, "-o", "json", "--all", "SYSLOG_IDENTIFIER=sessrec"]
        done = subprocess.run(command, capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def messages(self):
        return [message(entry) for entry in self.entries()]

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.runtime, ignore_errors=True)
        shutil.rmtree(self.settings, ignore_errors=True)
        for journal in ("/run/log/journal", "/var/log/journal"):
            for directory in Path(journal).glob(f"*.{self.namespace}"):
                shutil.rmtree(directory, ignore_errors=True)

    def _listens(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            return probe.connect_ex(str(self.runtime / "socket")) == 0


@contextlib.contextmanager
def running_journald():
    """A journald that listens, removed with its journal afterwards.

    Where none can run (it wants to see its control group), the test is skipped with the reason, and fails in CI.
    """
    if os.environ.get("CI") != "true":
        if os.geteuid() != 0:
            pytest.skip("only root can start a journald of its own")
        if not Path("/sys/fs/cgroup").is_dir():
            pytest.skip("journald does not start without /sys/fs/cgroup, which a container may lack")
    # Namespaces belong to the machine: two checkouts tested at a time must not meet.
    daemon = Journald(f"sessrec-test-{os.getpid()}")
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.remove()


def message(entry):
    """What was written. journalctl shows a text with C1 control characters as a list of bytes."""
    value = entry["MESSAGE"]
    return (bytes(value) if isinstance(value, list) else value.encode()) + b"\n"
