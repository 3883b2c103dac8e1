"""Logins over ssh on the client, with a key that FreeIPA has for its users."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from integration.machine import LAB, Machine

KEY = "/root/lab/login"
USERS = ("alice", "bob")
COMMAND = (
    *(
        "ssh",
        "-i",
        KEY,
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ),
    *("-o", "LogLevel=ERROR"),
)


class Ssh:
    """From the client to itself: sshd, PAM and SSSD take part as for any other address."""

    def __init__(self, server: Machine, client: Machine) -> None:
        self.server, self.client = server, client
        client.run("sh", "-c", f"test -e {KEY} || ssh-keygen -q -t ed25519 -N '' -f {KEY}")
        public = client.run("cat", f"{KEY}.pub").stdout.strip()
        for user in USERS:
            server.ipa("user-mod", user, f"--sshpubkey={public}", check=False)
            # SSSD reads a user anew when a session is opened for him.
            client.run("su", "-s", "/bin/true", user)

    def run(
        self, user: str, *command: str, tty: bool = False, input: str = "", check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """`ssh USER@client COMMAND...`; with `tty` on a terminal of the remote side (ssh -tt)."""
        argv = self.argv(user, *command, tty=tty)
        return self.client.run(*argv, input=input, check=check, timeout=timeout)

    @contextmanager
    def begun(self, user: str, *command: str, tty: bool = True) -> Iterator[subprocess.Popen[bytes]]:
        """A login that goes on, until it ends by itself or the context does; its input and output are pipes."""
        argv = [LAB, "run", self.client.name, *self.argv(user, *command, tty=tty)]
        login = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield login
        finally:
            # All of the group: what enters the machine forks on its way.
            with suppress(ProcessLookupError):
                os.killpg(login.pid, signal.SIGKILL)
            login.communicate()

    def argv(self, user: str, *command: str, tty: bool) -> list[str]:
        """The command, for the client."""
        return [*COMMAND, *(["-tt"] if tty else ["-T"]), f"{user}@client.lab.test", *command]

    def close(self) -> None:
        """Take the key out of FreeIPA."""
        for user in USERS:
            self.server.ipa("user-mod", user, "--sshpubkey=", check=False)
