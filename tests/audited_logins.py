"""Logins on this machine that its own kernel audits: tests.logins, with audit rules and the audit service."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from recorder.formats.message import Message, parse
from tests.audit import Audit, machine_audit, run
from tests.logins import OTHER, PATIENCE, POLICY, ROOT, USER, Host, Login, listens, made

POLICIES = POLICY.replace('["none"]', '["exec"]').replace('["recorded"]', '["recorded", "other"]')


class AuditedHost:
    """A host, its audit service, and rules for its users: what they run."""

    def __init__(self, host: Host, audit: Audit) -> None:
        self.host = host
        self.audit = audit
        self.service: subprocess.Popen[bytes] | None = None
        self.log = host.base / "audit.log"
        for auid in (USER, OTHER):
            self.rule("-F", "arch=b64", "-S", "execve,execveat", "-F", f"auid={auid}")

    def rule(self, *rule: str) -> None:
        """One more rule, gone after the test."""
        run("auditctl", "-a", "always,exit", *rule, "-k", self.audit.key)

    def start(self, *before: str, descriptor: int = -1) -> None:
        """Start the audit service, `before` which stands a command; `descriptor` as systemd hands it over."""
        options = ["--run", self.host.run, "--config", self.host.config, "--state", self.host.state]
        program = [sys.executable, "-m", "recorder.audit_service.service", *map(str, options)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        if descriptor >= 0:
            environment |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "audit"}
            program = ["bash", "-c", f'exec 3<&{descriptor}; export LISTEN_PID=$$; exec "$@"', "bash", *program]
        with self.log.open("ab") as log:
            self.service = subprocess.Popen(
                [*self.host.inside, *before, *program],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[descriptor] if descriptor >= 0 else [],
            )
        self.host.until(lambda: listens(self.host.run / "audit.socket"), "the audit service listens")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its status."""
        assert self.service is not None
        self.service.send_signal(number)
        status = self.service.wait(PATIENCE)
        self.service = None
        return status

    def status(self) -> dict:
        """What it says of itself."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.host.run / "audit.socket"))
            connection.send(b'{"ask": "status"}')
            return json.loads(connection.recv(65_536))

    def shell(self, uid: int = USER, **variables: str) -> Login:
        """A login on a terminal, with its login uid, at its prompt."""
        login = Login(self.host, argv=self._become(uid), **variables)
        login.until("$ ")
        return login

    def command(self, text: str, uid: int = USER) -> subprocess.CompletedProcess[bytes]:
        """As `ssh host TEXT`."""
        argv = [*self.host.inside, *self._become(uid, "-c", text)]
        # By their home the host knows processes that are left of it.
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.host.base / "home")}
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=environment)

    def connection(self, *texts: str, uid: int = USER) -> None:
        """As several `ssh host TEXT` that share a connection: sessions of one login, side by side."""
        become = f"setpriv --reuid={uid} --regid={uid} --clear-groups {self.host.login_shell} -c"
        script = f'echo {uid} >/proc/self/loginuid; for text; do {become} "$text" & sleep 0.3; done; wait'
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.host.base / "home")}
        argv = [*self.host.inside, "sh", "-c", script, "sh", *texts]
        subprocess.run(argv, stdin=subprocess.DEVNULL, check=True, timeout=60, env=environment)

    def _become(self, uid: int, *arguments: str) -> list[str]:
        become = f"setpriv --reuid={uid} --regid={uid} --clear-groups"
        script = f'echo {uid} >/proc/self/loginuid; exec {become} {self.host.login_shell} "$@"'
        return ["sh", "-c", script, "sh", *arguments]

    def events(self, rec: str | None = None, action: str = "exec") -> list[Message]:
        """Of one recording, or all."""
        found = []
        for path in sorted(self.host.recordings.glob(f"{rec or '*'}.jsonl")):
            found += [
                one for one in map(parse, lines(path)) if one.event is not None and one.event["action"] == action
            ]
        return found

    def ran(self, rec: str | None = None) -> list[list[str]]:
        """The arguments of programs that were run, by the recordings' own order."""
        return [one.fields["process"]["args"] for one in self.events(rec) if "args" in one.fields["process"]]

    def until_ran(self, *args: str, rec: str | None = None, patience: float = PATIENCE) -> None:
        """Wait until a recording says so."""
        end = time.monotonic() + patience
        while list(args) not in self.ran(rec):
            assert time.monotonic() < end, f"{args} is in no recording: {self.ran(rec)}\n{self.log.read_text()}"
            time.sleep(0.02)

    def backgrounds(self) -> list[str]:
        """The ids of recordings that no session has."""
        starts = self.events(action="session-start")
        return [one.rec for one in starts if one.fields["sessrec"].get("background")]

    def close(self) -> None:
        if self.service is not None:
            with contextlib.suppress(ProcessLookupError):
                self.stop(signal.SIGKILL)


def lines(path) -> list[bytes]:
    """The whole lines of a recording that is being written."""
    return [line for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]


@contextlib.contextmanager
def audited(policies: str = POLICIES, more: str = "", *, start: bool = True) -> Iterator[AuditedHost]:
    """A host with all three services, and its rules; as it was before, afterwards."""
    with machine_audit() as audit, made(policies=policies, more=f"latency = 0.1\n{more}") as host:
        audited = AuditedHost(host, audit)
        host.start()
        try:
            if start:
                audited.start()
            yield audited
        finally:
            audited.close()


def numbers(events: list[Message]) -> list[int]:
    """The kernel's serials of events."""
    return [one.event["sequence"] for one in events if one.event]
