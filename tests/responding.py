"""A responder of one's own: a process with its directories under a test's, and one who asks it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Responder:
    """Started by `start`; its policies are in the file `policies`, without FreeIPA unless `enrolment` exists."""

    def __init__(self, directory):
        self.directory = directory
        self.policies = directory / "policies.toml"
        self.config = directory / "config.toml"
        self.enrolment = directory / "default.conf"
        self.state = directory / "state"
        self.socket = directory / "responder.socket"
        self.state.mkdir()
        self.log = ""
        self._process = None

    def start(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.directory / "notify"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(20)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sssd_responder.responder", "--run", self.directory),
                *("--config", self.config, "--policies", self.policies),
                *("--state", self.state, "--enrolment", self.enrolment),
            ],
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": str(path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        with notify:
            assert notify.recv(100) == b"READY=1"

    def stop(self):
        """Its exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            self.log += self._process.communicate(timeout=30)[1]
            return self._process.returncode
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"does not end: {self._what_it_waits_for()}") from error
        finally:
            self.kill()

    def _what_it_waits_for(self):
        threads = Path(f"/proc/{self._process.pid}/task").iterdir()
        return [
            " ".join((thread / name).read_text().strip() for name in ("comm", "wchan", "syscall"))
            for thread in threads
        ]

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def ask(self, ask, **more):
        return json.loads(self.send(json.dumps({"ask": ask, **more}).encode()))

    def send(self, data):
        with self.connect() as connection:
            connection.send(data)
            return connection.recv(1 << 17)

    def connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(5)
        connection.connect(str(self.socket))
        return connection
