"""Real logins on this machine: recorder service, responder with local policies, and users of a mount namespace's own.

Everything is below a directory of the test's; the users are in a passwd that is mounted over the machine's in that
namespace only. All processes are started by a test and end with it.
"""

import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.peers import unavailable

ROOT = Path(__file__).parent.parent
INSTALLED = "/usr/lib/session-recording/recorder/login_shell.py"
PATIENCE = 20.0
USER, OTHER = 42_420, 42_421
RECORDER = 42_422

POLICY = """
[[policy]]
name = "all"
action = "record"
users = ["recorded"]
audit = ["none"]
"""

SETTINGS = """
[host]
freeipa = false
hostname = "host.example.test"
shells = { recorded = "/bin/bash", other = "/bin/sh" }
"""


PROGRAMS = ("nsenter", "unshare", "mount", "setpriv")


def needs_root():
    """Skip where logins cannot be made; fail in CI."""
    if os.geteuid() == 0 and Path("/proc/self/loginuid").exists() and all(map(shutil.which, PROGRAMS)):
        return
    unavailable("logins of other users need root: sudo make test")


class Host:
    """A recorded host. `sink` is file, so that recordings are read back without a journal, unless `settings` say it.

    `more` settings come on top.
    """

    def __init__(self, base: Path, settings: str = "", policies: str = POLICY, more: str = "") -> None:
        self.base = base
        self.run, self.state = base / "run", base / "state"
        self.config, self.policies = base / "config.toml", base / "policies.toml"
        self.login_shell = base / "login-shell"
        self.recordings = self.state / "recordings"
        self.sessions = self.run / "sessions"
        for directory in (self.run, self.state, base / "home"):
            directory.mkdir()
        self.recordings.mkdir(mode=0o700)
        os.chown(self.recordings, RECORDER, RECORDER)
        os.chown(base / "home", USER, USER)
        base.chmod(0o755)
        self.state.chmod(0o711)
        settings = settings or f'sink = "file"\ndirectory = "{self.recordings}"'
        self.config.write_text(f"{SETTINGS}{settings}\n{more}\n")
        self.policies.write_text(policies)
        self._place_login_shell()
        self.variables: dict[str, str] = {}
        """Of the services' environment, besides what they have anyway."""
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._enter_namespace()

    def _place_login_shell(self) -> None:
        module = self.base / "login_shell.py"
        source = (ROOT / "recorder/login_shell.py").read_text()
        source = source.replace('RUN = "/run/session-recording"', f"RUN = {str(self.run)!r}")
        source = source.replace('CONFIG = "/etc/session-recording/config.toml"', f"CONFIG = {str(self.config)!r}")
        module.write_text(source)
        module.chmod(0o644)
        subprocess.run(["/usr/bin/python3", "-I", "-m", "compileall", "-q", module], check=True)
        starter = (ROOT / "host/files/login-shell").read_text()
        self.login_shell.write_text(starter.replace(INSTALLED, str(module)))
        self.login_shell.chmod(0o755)

    def _enter_namespace(self) -> None:
        passwd = self.base / "passwd"
        passwd.write_text(
            Path("/etc/passwd").read_text()
            + f"recorded:*:{USER}:{USER}::{self.base}/home:{self.login_shell}\n"
            + f"other:*:{OTHER}:{OTHER}::/:{self.login_shell}\n"
            + f"session-recording:x:{RECORDER}:{RECORDER}::/:/usr/sbin/nologin\n"
        )
        group = self.base / "group"
        group.write_text(
            Path("/etc/group").read_text()
            + f"recorded:x:{USER}:\nother:x:{OTHER}:\nsession-recording:x:{RECORDER}:\n"
        )
        script = f"mount --bind {passwd} /etc/passwd && mount --bind {group} /etc/group && echo && exec sleep 86400"
        self.holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE
        )
        assert self.holder.stdout is not None
        self.holder.stdout.readline()
        self.inside = ["nsenter", "-t", str(self.holder.pid), "-m", "-r", f"--wdns={self.base}/home", "--"]

    def start(self, *names: str) -> None:
        for name in names or ("responder", "recorder"):
            assert name not in self._processes, f"the {name} would be left behind"
            module = {"responder": "sssd_responder.responder", "recorder": "recorder.service"}[name]
            options = ["--run", self.run, "--config", self.config, "--state", self.state]
            if name == "responder":
                options += ["--policies", self.policies]
            log = (self.base / f"{name}.log").open("ab")
            self._processes[name] = subprocess.Popen(
                [*self.inside, sys.executable, "-m", module, *map(str, options)],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            self.until(lambda path=self.run / f"{name}.socket": listens(path), f"the {name} listens", name)
            if name == "recorder":
                self.until(lambda: len(children_of(self.pid("recorder"))) == 2, "it is ready for logins")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        process = self._processes.pop(name)
        process.send_signal(number)
        process.wait(PATIENCE)

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def zygote(self) -> int:
        """The process that is forked for workers."""
        return next(pid for pid in children_of(self.pid("recorder")) if b"keeper.py" not in command_line(pid))

    def nursery(self) -> int:
        """That which is forked for keepers."""
        return next(pid for pid in children_of(self.pid("recorder")) if b"keeper.py" in command_line(pid))

    def workers(self) -> list[int]:
        """One for each session that is awake; not the one that is forked ahead, which does not lead a session yet."""
        return [pid for pid in children_of(self.zygote()) if os.getsid(pid) == pid]

    def forked(self) -> list[int]:
        """The processes of all logins."""
        others = {self.zygote(), self.nursery()}
        return [
            *(pid for pid in children_of(self.pid("recorder")) if pid not in others),
            *children_of(self.nursery()),
            *self.workers(),
        ]

    def until(self, condition, what: str, name: str = "recorder"):
        end = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < end, f"not in time: {what}\n{self.log(name)}"
            time.sleep(0.01)
        return found

    def log(self, name: str = "recorder") -> str:
        path = self.base / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def live(self) -> list[dict]:
        found = []
        for path in sorted(self.sessions.glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                found.append(json.loads(path.read_text()))
        return found

    def ask(self, rec: str, **said) -> dict:
        with self.connected(rec) as connection:
            connection.send(json.dumps({"by": "the test", **said}).encode())
            return json.loads(connection.recv(65_536))

    def connected(self, rec: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.sessions / f"{rec}.socket"))
        return connection

    def recording(self) -> Path:
        """The only one there is."""
        (path,) = self.recordings.glob("*.jsonl")
        return path

    def ended(self) -> None:
        """Wait until no session is left."""
        self.until(lambda: not list(self.sessions.glob("*")), "the sessions have ended")

    def processes(self, *command: str) -> list[int]:
        """The users' own of this host, which others of their numbers may run beside, with a command line if given."""
        home, wanted, found = f"HOME={self.base}/home".encode(), [word.encode() for word in command], []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (path / "cmdline").read_bytes().split(b"\0")[:-1]
                his = path.stat().st_uid in (USER, OTHER) and home in (path / "environ").read_bytes().split(b"\0")
                if his and wanted in ([], words):
                    found.append(int(path.name))
        return found

    def close(self) -> None:
        # Those of sessions that are over may still wait for a sink.
        with contextlib.suppress(KeyError, OSError, StopIteration):
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
        for name in list(self._processes):
            self.stop(name)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for session in self.live():
            with contextlib.suppress(ProcessLookupError):
                os.kill(session["worker"], signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()


@contextlib.contextmanager
def made(settings: str = "", policies: str = POLICY, more: str = "") -> Iterator[Host]:
    """A host, gone afterwards; its services are not started."""
    needs_root()
    # Not below pytest's own directory, which only root may enter.
    directory = Path(tempfile.mkdtemp(prefix="sessrec-host-"))
    host = Host(directory, settings, policies, more)
    try:
        yield host
    finally:
        host.close()
        shutil.rmtree(directory)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(str(path)) == 0


class Login:
    """The login shell as sshd starts it: leader of a session on a terminal of its own, as the user."""

    def __init__(self, host: Host, *arguments: str, uid: int = USER, argv: list[str] | None = None, **variables: str):
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
        # nsenter and setpriv become the command: it is what the terminal's session begins with, as under sshd.
        command = [*host.inside, *(argv or [*become, str(host.login_shell), *arguments])]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(host.base / "home"),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "PS1": "$ ",
            **variables,
        }
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if argv is None:
                    os.fchown(0, uid, 5)
                os.fchmod(0, 0o620)
                os.execvpe(command[0], command, environment)
            except BaseException as error:
                os.write(2, f"{error!r}\n".encode())
            finally:
                os._exit(99)
        self.seen = b""
        self._searched = 0
        self._status = 0
        # As sshd does it: only to a parent that asks at once the kernel's answer is there for the recorder in time.
        self._parent = threading.Thread(target=self._reap, daemon=True)
        self._parent.start()

    def _reap(self) -> None:
        _, self._status = os.waitpid(self.pid, 0)

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def until(self, text: str, timeout: float = PATIENCE) -> bytes:
        wanted = text.encode()
        end = time.monotonic() + timeout
        while wanted not in self.seen[self._searched :]:
            os.set_blocking(self.fd, False)
            try:
                data = os.read(self.fd, 65_536)
            except BlockingIOError:
                time.sleep(0.005)
                data = b""
            except OSError as error:
                raise AssertionError(f"the session ended before {text!r}: {self.seen[-2000:]!r}") from error
            self.seen += data
            assert time.monotonic() < end, f"{text!r} was not printed: {self.seen[-2000:]!r}"
        found = self.seen.index(wanted, self._searched)
        said = self.seen[self._searched : found]
        self._searched = found + len(wanted)
        return said

    def run(self, command: str) -> str:
        """What a command prints, which is typed at a prompt."""
        self.send(f"echo BE''GIN; {command}; echo EN''D\n")
        self.until("BEGIN\r\n")
        return self.until("END\r\n").decode().replace("\r\n", "\n").strip()

    def finish(self, timeout: float = PATIENCE) -> int:
        """Read to the end; the exit status as a shell has it."""
        os.set_blocking(self.fd, False)
        end = time.monotonic() + timeout
        while True:
            try:
                data = os.read(self.fd, 65_536)
            except BlockingIOError:
                time.sleep(0.005)
                assert time.monotonic() < end, f"the session goes on: {self.seen[-2000:]!r}"
                continue
            except OSError:
                break
            if not data:
                break
            self.seen += data
        self._parent.join()
        os.close(self.fd)
        code = os.waitstatus_to_exitcode(self._status)
        return code if code >= 0 else 128 - code

    def hang_up(self) -> None:
        """The connection is gone."""
        os.close(self.fd)
        self._parent.join()
