"""A recorded host in a mount namespace of its own: users, journald, tlog's settings, our two services.

All that is written to the machine is below one directory, or in file systems that nobody else sees and that go with
the last process here.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PYTHON = "/usr/bin/python3"
PATIENCE = 60.0
"""Seconds after which something that is waited for has failed."""

RECORDED, PLAIN, RECORDER = 42_430, 42_431, 42_433
"""uids: of somebody who is recorded, of one who is not, and of workers."""

_JOURNALD = "/usr/lib/systemd/systemd-journald"
_NAMESPACE = "bench"

_POLICIES = """
[[policy]]
name = "bench"
action = "record"
users = ["recorded"]
audit = ["none"]
"""

_SETTINGS = """
[host]
freeipa = false
hostname = "bench.example.test"
shells = { recorded = "/bin/sh", plain = "/bin/sh" }
session_limit = 1000
"""

_TLOG = '{"shell": "/bin/sh", "notice": "", "writer": "journal"}\n'
"""What sites set; the rest as it comes."""


class HostError(Exception):
    """This machine cannot be the host."""


@dataclass(frozen=True)
class Way:
    """A way to a shell: `argv` runs as `uid` and takes -c COMMAND as any shell does."""

    name: str
    uid: int
    argv: tuple[str, ...]

    def command(self, enter: str, *arguments: str) -> list[str]:
        """What a terminal's first process executes."""
        return [enter, str(self.uid), str(self.uid), *self.argv, *arguments]


def enter_namespace() -> None:
    """Go on in a mount namespace of its own. Does not return, but begins again, the first time."""
    if os.environ.get("BENCH_NAMESPACE"):
        return
    os.environ["BENCH_NAMESPACE"] = "1"
    command = [sys.executable, "-m", "benchmarks.login.run", *sys.argv[1:]]
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--", *command])


class Host:
    """Made once in a process, in its own mount namespace; `base` is a directory that users may pass through."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.run, self.state = base / "run", base / "state"
        self.config, self.policies = base / "config.toml", base / "policies.toml"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        base.chmod(0o755)
        for directory in (self.run, self.state):
            directory.mkdir()
        self.config.write_text(_SETTINGS)
        self.policies.write_text(_POLICIES)
        module = self._installed("recorder/login_shell.py", "login_shell.py", 0o644)
        _run(PYTHON, "-m", "compileall", "-q", str(module))
        self.login_shell = self._installed("host/files/login-shell", "login-shell")
        self.pam_hook = self._installed("sssd_responder/pam_hook.py", "pam-hook")
        self._mount()

    def ways(self) -> list[Way]:
        """Bare first, ours last."""
        ours = (str(self.login_shell),)
        found = [Way("bare", PLAIN, ("/bin/sh",))]
        if Path("/usr/bin/tlog-rec-session").exists():
            found.append(Way("tlog", RECORDED, ("/usr/bin/tlog-rec-session",)))
        return [*found, Way("not recorded", PLAIN, ours), Way("sessrec", RECORDED, ours)]

    def start(self) -> None:
        """journald, the responder and the recorder."""
        self._begin("journald", [_JOURNALD, _NAMESPACE])
        self._until_listening(Path("/run/systemd/journal/socket"), socket.SOCK_DGRAM, "journald")
        options = ["--run", self.run, "--config", self.config, "--state", self.state]
        for name, module, more in (
            ("responder", "sssd_responder.responder", ["--policies", self.policies]),
            ("recorder", "recorder.service", []),
        ):
            # As the installed programs do it.
            starter = (
                f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module} as m; sys.exit(m.main(sys.argv[1:]))"
            )
            self._begin(name, [PYTHON, "-I", "-c", starter, *map(str, [*options, *more])])
            self._until_listening(self.run / f"{name}.socket", socket.SOCK_SEQPACKET, name)
        self.until(lambda: len(_children(self.pid("recorder"))) == 2, "the recorder is ready for logins")

    def pid(self, name: str) -> int:
        """Of a daemon."""
        return self._processes[name].pid

    def workers(self) -> list[int]:
        """The recorder's processes, one for each session that does not sleep."""
        zygote, _ = _children(self.pid("recorder"))[:2]
        # One is forked ahead, and does not lead a session yet.
        return [pid for pid in _children(zygote) if os.getsid(pid) == pid]

    def keepers(self) -> list[int]:
        """One for each session."""
        _, nursery = _children(self.pid("recorder"))[:2]
        return _children(nursery)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it. Raises HostError."""
        end = time.monotonic() + PATIENCE
        while not condition():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise HostError(f"the {name} ended: {self._log(name)}")
            if time.monotonic() > end:
                raise HostError(f"not in time: {what}: {self._log('recorder')}")
            time.sleep(0.005)

    def idle(self) -> None:
        """Wait until no session is left."""
        self.until(lambda: not self.workers() and not self.keepers(), "all sessions have ended")

    def journal(self, rec: str) -> list[bytes]:
        """The messages of a recording, as journalctl has them in JSON."""
        journalctl = ["journalctl", "--namespace", _NAMESPACE]
        subprocess.run([*journalctl, "--sync"], check=True)
        command = [*journalctl, "-o", "json", "--all", "--output-fields=MESSAGE", f"SESSREC_REC={rec}"]
        return subprocess.run(command, capture_output=True, check=True).stdout.splitlines()

    def close(self) -> None:
        """End what was started; sessions end with the service's workers."""
        for name in reversed(self._processes):
            process = self._processes[name]
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    def _until_listening(self, path: Path, kind: socket.SocketKind, name: str) -> None:
        self.until(lambda: _listens(path, kind), f"the {name} listens")

    def _begin(self, name: str, command: list[str]) -> None:
        log = (self.base / f"{name}.log").open("ab")
        environment = {"PATH": os.environ["PATH"]}
        self._processes[name] = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def _log(self, name: str) -> str:
        return (self.base / f"{name}.log").read_text(errors="replace")[-2000:]

    def _installed(self, source: str, name: str, mode: int = 0o755) -> Path:
        text = (ROOT / source).read_text()
        for constant, path in (
            ('"/usr/lib/session-recording/recorder/login_shell.py"', self.base / "login_shell.py"),
            ('RUN = "/run/session-recording"', self.run),
            ('CONFIG = "/etc/session-recording/config.toml"', self.config),
        ):
            before, _, _ = constant.partition('"')
            text = text.replace(constant, f"{before}{str(path)!r}")
        program = self.base / name
        program.write_text(text)
        program.chmod(mode)
        return program

    def _mount(self) -> None:
        names = {"recorded": RECORDED, "plain": PLAIN, "session-recording": RECORDER}
        passwd = "".join(f"{name}:x:{uid}:{uid}::/:{self.login_shell}\n" for name, uid in names.items())
        group = "".join(f"{name}:x:{uid}:\n" for name, uid in names.items())
        for file, more in (("passwd", passwd), ("group", group)):
            (self.base / file).write_text(Path("/etc", file).read_text() + more)
            _run("mount", "--bind", str(self.base / file), f"/etc/{file}")
        # As systemd mounts it: elsewhere users, and so tlog, cannot open a PTY.
        _run("mount", "-t", "devpts", "-o", "gid=5,mode=620,ptmxmode=666", "bench", "/dev/pts")
        _run("mount", "--bind", "/dev/pts/ptmx", "/dev/ptmx")
        _run("mount", "-t", "tmpfs", "-o", "mode=755,size=2g", "bench", "/run")
        # Where tlog enters its terminal.
        Path("/run/utmp").touch()
        Path("/run/utmp").chmod(0o664)
        shutil.chown("/run/utmp", group="utmp")
        # A journald of its own that leaves the kernel's messages and auditing alone, in the place of the machine's.
        settings = Path(f"/run/systemd/journald@{_NAMESPACE}.conf.d")
        settings.mkdir(parents=True)
        (settings / "bench.conf").write_text(
            "[Journal]\nAudit=\nStorage=volatile\nRuntimeMaxUse=1G\nRateLimitIntervalSec=0\nRateLimitBurst=0\n"
        )
        Path("/run/systemd/journal").symlink_to(f"journal.{_NAMESPACE}")
        # Elsewhere the package makes its program setuid for this directory.
        Path("/run/tlog").mkdir()
        Path("/run/tlog").chmod(0o1777)
        tlog = Path("/etc/tlog/tlog-rec-session.conf")
        if tlog.exists():
            (self.base / "tlog.conf").write_text(_TLOG)
            _run("mount", "--bind", str(self.base / "tlog.conf"), str(tlog))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise HostError(f"{' '.join(command)}: {error.stderr.strip()}") from error


def _listens(path: Path, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_UNIX, kind) as probe:
        return probe.connect_ex(str(path)) == 0


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
