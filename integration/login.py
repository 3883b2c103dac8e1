"""A user logs in to the client, as users do: by ssh with a key from FreeIPA, or at a console, with his password."""

import json
import os
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from ptyprocess import PtyProcess

from integration.machine import LAB, PASSWORD, Machine
from integration.ssh import KEY

PLACE = "/root/logins"
HOST = "client.lab.test"
SSH_CONFIG = f"""
Host *
  IdentityFile {KEY}
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null
  LogLevel ERROR
  BatchMode yes
  ConnectTimeout 20
"""


_ON_TERMINAL = (Path(__file__).parent / "lab_terminal.py").read_text()


class Terminal:
    """A program of a machine, on a terminal whose user is the test. A context: it is hung up at its end.

    `run` needs a shell at the other end; `expect` and `type` anything.
    """

    def __init__(self, machine: Machine, *argv: str, size: tuple[int, int] = (24, 80)) -> None:
        self._process = PtyProcess.spawn(
            [str(LAB), "run", machine.name, *argv], dimensions=size, env={**os.environ, "TERM": "xterm"}
        )
        self.shown = b""
        """All that was printed."""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.hang_up()

    def expect(self, pattern: str, within: float = 60) -> str:
        """Wait until a regular expression matches what follows what was expected before; what led up to its end."""
        until = time.monotonic() + within
        while True:
            found = re.search(pattern.encode(), self.shown[self._read :])
            if found:
                start, self._read = self._read, self._read + found.end()
                return self.shown[start : self._read].decode(errors="replace")
            assert self._more(until - time.monotonic()), f"{pattern!r} is not printed, but: {self.shown.decode()!r}"

    def type(self, text: str) -> None:
        """Have it typed, as it is."""
        self._process.write(text.encode())

    def run(self, command: str, within: float = 60) -> str:
        """What a command typed at a prompt prints, its line ends as on any terminal but for the last."""
        # What is typed is echoed: the marks stand in it in another form.
        self.type(f"printf '\\1%s' '<'; {command}; printf '%s\\1' '>'\n")
        self.expect("\1<", within)
        return self.expect(">\1", within).removesuffix(">\1").replace("\r\n", "\n").rstrip("\n")

    def resize(self, rows: int, columns: int) -> None:
        """The user's window has another size from now on."""
        self._process.setwinsize(rows, columns)

    def end(self, within: float = 60) -> int:
        """Wait for the end; the exit status."""
        until = time.monotonic() + within
        while self._more(until - time.monotonic()):
            pass
        assert time.monotonic() < until, f"it does not end, but prints {self.shown.decode()!r}"
        return int(self._process.wait() or 0)

    def log_out(self, within: float = 60) -> int:
        """Have `exit` typed, and wait for the end; the exit status."""
        self.type("exit\n")
        return self.end(within)

    def hang_up(self) -> None:
        """As if the window were closed."""
        self._process.close(force=True)

    def _more(self, within: float) -> bool:
        """Read what is printed; False if nothing is within so many seconds, or at the end."""
        if not select.select([self._process.fd], [], [], max(0.0, within))[0]:
            return False
        try:
            self.shown += self._process.read(65_536)
        except EOFError:
            return False
        return True


class Logins:
    """Ways into the client. ssh runs there too, as root without a login uid; the users' key is that of `Ssh`."""

    def __init__(self, client: Machine) -> None:
        self.client = client
        client.run("sh", "-c", f"mkdir -p {PLACE} && cat >{PLACE}/config", input=SSH_CONFIG)

    def ssh(self, user: str, *command: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The command line of ssh."""
        return ("ssh", "-F", f"{PLACE}/config", *options, f"{user}@{HOST}", *command)

    def terminal(
        self, user: str, *command: str, options: tuple[str, ...] = ("-tt",), size: tuple[int, int] = (24, 80)
    ) -> Terminal:
        """A login on a terminal: a shell, or a command."""
        return Terminal(self.client, *self.ssh(user, *command, options=options), size=size)

    def run(
        self, user: str, *command: str, input: bytes = b"", options: tuple[str, ...] = (), timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """A command without a terminal: `ssh host command`."""
        argv = [str(LAB), "run", "client", *self.ssh(user, *command, options=options)]
        return subprocess.run(argv, input=input, capture_output=True, timeout=timeout)

    def copy(self, program: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
        """scp, sftp or rsync, by our ssh."""
        own = ("-e", f"ssh -F {PLACE}/config") if program == "rsync" else ("-F", f"{PLACE}/config")
        argv = [str(LAB), "run", "client", program, *own, *arguments]
        return subprocess.run(argv, capture_output=True, timeout=timeout)

    def console(self, user: str, *, password: str = PASSWORD) -> Terminal:
        """A login at a console of the client, made by agetty and login(1)."""
        terminal = self.at_client("agetty", "--noclear", "--nohostname", "-", "linux")
        terminal.expect("login: ")
        terminal.type(f"{user}\r")
        terminal.expect("assword: ")
        terminal.type(f"{password}\r")
        return terminal

    def at_client(self, *command: str) -> Terminal:
        """A command of root, or his shell, on a terminal of the client, in no login."""
        return Terminal(self.client, "python3", "-c", _ON_TERMINAL, *(command or ("bash", "--norc")))


def asked(client: Machine, question: dict[str, object]) -> dict[str, Any]:
    """What the client's responder answers to a question; {} where it does not."""
    done = client.run("/usr/bin/python3", "-I", "-c", _ASK, json.dumps(question), check=False)
    return dict(json.loads(done.stdout or "{}"))


_ASK = """
import socket, sys
asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asking.connect("/run/session-recording/responder.socket")
asking.send(sys.argv[1].encode())
print(asking.recv(65536).decode())
"""


def wait_for(what: Callable[[], object], within: float = 60, every: float = 0.1) -> None:
    """Wait until it is true."""
    until = time.monotonic() + within
    while not what():
        assert time.monotonic() < until, f"not within {within} s"
        time.sleep(every)


def wait_until_recorded(client: Machine, recorded: bool, *users: str, within: float = 60) -> None:
    """Wait until logins of these users are recorded, or are not."""
    wait_for(
        lambda: all(asked(client, {"ask": "what-if", "user": user}).get("record") is recorded for user in users),
        within,
    )
