"""The machine's own audit system, for the time of a test: logins of nobody, their rules, and what the kernel tells.

It belongs to all of the machine. A test has it alone, uses a key of its own, and leaves it as it was.
"""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from sssd_responder.audit.rule_control import AuditControl
from sssd_responder.audit.sessions import AuditRules

PATIENCE = 20.0
"""Seconds after which what does not come has failed."""
LOCK = "/run/lock/session-recording-audit-tests"
EXEC = 59, 221
"""execve of x86_64 and aarch64."""


class Login:
    """A shell with a login uid, as a login has one; it does what it is told."""

    def __init__(self, auid):
        self.auid = auid
        self._shell = subprocess.Popen(["/bin/sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        self.does(f"echo {auid} > /proc/self/loginuid")
        self.session = int(Path(f"/proc/{self._shell.pid}/sessionid").read_text())
        assert Path(f"/proc/{self._shell.pid}/loginuid").read_text() == str(auid)

    def does(self, command):
        """Run a command line, and wait until it has ended."""
        print(f"{{ {command}\n}} >&2 </dev/null; echo done", file=self._shell.stdin, flush=True)
        assert self._shell.stdout.readline() == "done\n"

    def ends(self):
        """What it has started in the background goes on."""
        self._shell.stdin.close()
        self._shell.wait(PATIENCE)
        self._shell.stdout.close()


class Audit:
    """What a test has of it: `rules` that it makes, `lines` that are set, `events` that arrive."""

    def __init__(self):
        self.key = f"session-recording-test-{os.getpid()}"
        self.others = f"{self.key}-others"
        self.control = AuditControl()
        self._logins = []
        self._events = ""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self._socket.bind((0, 1))  # AUDIT_NLGRP_READLOG

    def rules(self, limit=20, program=""):
        return AuditRules(limit, key=self.key, control=AuditControl(program))

    def login(self, auid):
        self._logins.append(Login(auid))
        return self._logins[-1]

    def lines(self, key=None):
        """The rules with our key, or `key`, as auditctl prints them, without the key."""
        end = f" -F key={key or self.key}"
        return sorted(line.removesuffix(end) for line in run("auditctl", "-l").splitlines() if line.endswith(end))

    def events(self, auid, until, patience=PATIENCE):
        """The system calls by this login uid that our rules were for: [(number, whole event)]. Waits for `until`."""
        end = time.monotonic() + patience
        while True:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._events += (
                        self._socket.recv(1 << 16, socket.MSG_DONTWAIT)[16:].decode(errors="replace").strip("\0")
                        + "\n"
                    )
            found = []
            for serial in re.findall(rf'audit\(([\d.:]+)\): arch=.* auid={auid} .*key="{self.key}"', self._events):
                records = [line for line in self._events.splitlines() if f"audit({serial})" in line]
                found.append((int(re.search(r"syscall=(\d+)", records[0])[1]), "\n".join(records)))
            if any(until in text for _, text in found):
                return found
            assert time.monotonic() < end, f"no event with {until}, only {[text for _, text in found]}"
            time.sleep(0.02)

    def close(self):
        for login in self._logins:
            with contextlib.suppress(BrokenPipeError, ValueError):
                login.ends()
        self._socket.close()


@contextlib.contextmanager
def machine_audit():
    """The machine's audit system, switched on. Without it the test is skipped, in CI only in a container."""
    if os.environ.get("CI") != "true":
        if os.geteuid() != 0:
            pytest.skip("only root can set audit rules")
        if shutil.which("auditctl") is None:
            pytest.skip("auditctl not installed: apt-get install auditd (make test does so as root)")
    state = subprocess.run(["auditctl", "-s"], capture_output=True, text=True)
    if "not permitted" in state.stderr or "must be root" in state.stderr:
        pytest.skip("the kernel does not let this container set audit rules")
    assert state.returncode == 0, state.stderr
    enabled = re.search(r"enabled (\d)", state.stdout)[1]
    if enabled == "2" or "never,task" in run("auditctl", "-l"):
        pytest.skip("this machine's audit rules are locked, or switched off by a rule")
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        audit = Audit()
        try:
            run("auditctl", "-e", "1")
            yield audit
        finally:
            audit.close()
            for key in (audit.key, audit.others):
                run("auditctl", "-D", "-k", key)
            run("auditctl", "-e", enabled)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
