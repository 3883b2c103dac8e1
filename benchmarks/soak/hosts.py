"""One simulated host: a responder and a recorder of its own, as systemd would keep them, under a name of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.soak import fleet

RESTART = 0.1
"""Seconds until a service that has ended is started again, as RestartSec= of its unit has it."""

SERVICES = ("responder", "recorder")

_HOLDER = """
set -e
echo "$1" >/proc/sys/kernel/hostname
mkdir -p /run/session-recording
mount --bind "$2/run" "$3/run/session-recording"
[ ! -e "$2/keytab" ] || mount --bind "$2/keytab" "$3/etc/krb5.keytab"
exec chroot "$3" /bin/sh -c 'echo; read -r end'
"""
"""It keeps the host's namespaces until its input ends, which it does with this process."""


class SoakError(Exception):
    """The soak cannot be run here, or has not come to its end."""


class Host:
    """`network`: a network namespace, else this machine's. `small`: with a small spool, see fleet.SMALL."""

    def __init__(self, name: str, *, keytab: bytes = b"", network: Path | None = None, small: bool = False) -> None:
        self.name = name
        self.small = small
        self.base = fleet.BASE / name
        self.run, self.state = self.base / "run", self.base / "state"
        self.restarts = dict.fromkeys(SERVICES, 0)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, float] = {}
        self._stopping = False
        for directory in (self.run, self.state):
            directory.mkdir(parents=True)
        if keytab:
            (self.base / "keytab").write_bytes(keytab)
            (self.base / "keytab").chmod(0o600)
        enter = ["nsenter", f"--net={network}", "--"] if network else []
        script = ["sh", "-c", _HOLDER, "sh", name, str(self.base), str(fleet.ROOT)]
        self._holder = subprocess.Popen(
            [*enter, "unshare", "--mount", "--uts", "--propagation", "private", "--", *script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            raise SoakError(f"there can be no host {name} here")
        options = ["--mount", "--uts", "--net", "--root", "--wdns=/"]
        self.inside = ["/usr/bin/nsenter", "-t", str(self._holder.pid), *options, "--"]

    def login(self, user: str) -> list[str]:
        """What a terminal's first process executes for this user to be logged in, as sshd would."""
        uid = str(fleet.USERS[user])
        return [*self.inside, fleet.ENTER, uid, uid, fleet.LOGIN_SHELL]

    def start(self, name: str) -> None:
        """Start a service, in the place of one that has ended."""
        settings = "/etc/session-recording"
        options = ["--run", str(self.run), "--state", str(self.state)]
        options += ["--config", f"{settings}/{fleet.SMALL if self.small else 'config.toml'}"]
        if name == "responder":
            policies = f"policies-{fleet.SMALL}" if self.small else "policies.toml"
            options += ["--policies", f"{settings}/{policies}"]
        with (self.base / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*self.inside, f"/usr/libexec/session-recording/{name}", *options],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def keep(self, now: float) -> None:
        """Start again what has ended for RESTART seconds."""
        for name, process in self._processes.items():
            if self._stopping or process.poll() is None:
                self._ended.pop(name, None)
            elif now - self._ended.setdefault(name, now) >= RESTART:
                self.restarts[name] += 1
                self.start(name)

    def pid(self, name: str) -> int:
        """Of a service."""
        return self._processes[name].pid

    def kill(self, name: str) -> bool:
        """Kill a service, or the process that is forked for logins (`zygote`). False where it is gone already."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = children(self.pid("recorder"))[0] if name == "zygote" else self.pid(name)
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def sessions(self) -> list[dict[str, Any]]:
        """The descriptions of those that go on."""
        found = []
        for path in (self.run / "sessions").glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                found.append(json.loads(path.read_text()))
        return found

    def ask(self, **question: object) -> dict[str, Any]:
        """What the responder answers; {} where it does not."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(3)
                connection.connect(str(self.run / "responder.socket"))
                connection.send(json.dumps(question).encode())
                answer: dict[str, Any] = json.loads(connection.recv(1 << 17))
                return answer
        except (OSError, ValueError):
            return {}

    def ready(self) -> bool:
        """Whether everybody who is to be recorded can log in, and is."""
        try:
            forks = children(self.pid("recorder"))
        except OSError:
            return False
        return len(forks) >= 2 and all(self.ask(ask="what-if", user=user).get("record") for user in fleet.USERS)

    def log(self) -> str:
        """The last lines of its services."""
        paths = [self.base / f"{name}.log" for name in SERVICES]
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in paths if path.exists())

    def close(self) -> None:
        """End its services, and whatever else there is of it."""
        self._stopping = True
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._holder.kill()
        self._holder.wait()


def started(hosts: list[Host], patience: float) -> float:
    """Start all and wait until logins are recorded on each; seconds that it took. Raises SoakError."""
    begun = time.monotonic()
    for host in hosts:
        for name in SERVICES:
            host.start(name)
        time.sleep(0.1)
    waiting = list(hosts)
    while waiting:
        for host in hosts:
            host.keep(time.monotonic())
        waiting = [host for host in waiting if not host.ready()]
        if time.monotonic() - begun > patience:
            raise SoakError(f"{len(waiting)} hosts are not ready; {waiting[0].name} says: {waiting[0].log()}")
        time.sleep(0.2)
    return time.monotonic() - begun


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
