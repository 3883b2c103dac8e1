"""Secrets typed at real programs on a real terminal: the mask decides from the terminal's own modes."""

import os
import pty
import select
import signal
import sys
import termios
import time

import pytest

from recorder.capture.masking import InputMask
from tests.peers import needs

PATIENCE = 30.0
"""Seconds after which a program that does not get on has failed."""


class Person:
    """At a terminal with a program on it, recorded by an InputMask."""

    def __init__(self, *command):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                os.environ.update(LC_ALL="C.UTF-8", TERM="xterm", HISTFILE="/dev/null")
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        self.mask = InputMask()
        self.recorded = b""
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def sees(self, text):
        """Wait until `text` has been printed, and forget what stood up to there."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.terminal], [], [], 0.1)[0]:
                data = os.read(self.terminal, 4096)
                self.mask.printed(data)
                self.seen += data
        self.seen = self.seen.partition(text)[2]

    def modes(self):
        flags = termios.tcgetattr(self.terminal)[3]
        return {"echo": bool(flags & termios.ECHO), "canonical": bool(flags & termios.ICANON)}

    def waits_for_modes(self, **modes):
        end = time.monotonic() + PATIENCE
        while self.modes() != modes:
            assert time.monotonic() < end, self.modes()
            time.sleep(0.01)

    def types(self, keys):
        """Key by key, as a person does it."""
        for key in keys:
            data = bytes([key])
            self.recorded += self.mask.typed(data, **self.modes())
            os.write(self.terminal, data)


def bash(script):
    return Person("bash", "--norc", "--noprofile", "-c", script)


AFTER = '; echo; echo "read: ${#x}"; read -p "next: " y; echo "then: $y"'


def reads_on(person):
    """The program got its secret, and what is typed after it is recorded."""
    person.sees(b"read: 6")
    person.sees(b"next: ")
    person.types(b"visible\r")
    person.sees(b"then: visible")
    assert person.recorded.endswith(b"visible\r")
    assert b"s3cr3t" not in person.recorded


def test_a_password_typed_at_read_s_is_not_recorded():
    with bash(f"read -s x{AFTER}") as person:
        person.waits_for_modes(echo=False, canonical=True)
        person.types(b"s3cr3t\r")
        reads_on(person)
        assert person.recorded == b"*\rvisible\r"


def test_a_password_typed_at_read_s_with_a_question_of_any_wording_is_not_recorded():
    with bash(f"read -s -p 'say friend ' x{AFTER}") as person:
        person.sees(b"say friend ")
        person.waits_for_modes(echo=False, canonical=True)
        person.types(b"s3cr3t\r")
        reads_on(person)
        assert person.recorded == b"*\rvisible\r"


@pytest.mark.parametrize("options", ["-s -e", "-s -n 6", "-s -N 6", "-s -d ''"])
def test_a_password_typed_at_read_s_without_line_editing_is_not_recorded(options):
    """These read key by key, with ICANON clear like a full-screen program: only the question tells."""
    with bash(f"read {options} -p 'Password: ' x{AFTER}") as person:
        person.sees(b"Password: ")
        person.waits_for_modes(echo=False, canonical=False)
        person.types(b"s3cr3t" + {"-s -e": b"\r", "-s -d ''": b"\0"}.get(options, b""))
        person.sees(b"read: 6")
        assert person.recorded.startswith(b"*")
        assert b"s3" not in person.recorded


def test_a_password_typed_at_a_prompt_like_that_of_sudo_is_not_recorded():
    script = (
        "import getpass; x = getpass.getpass('[sudo] password for alice: '); print(len(x)); print(input('next: '))"
    )
    with Person(sys.executable, "-c", script) as person:
        person.sees(b"[sudo] password for alice: ")
        person.types(b"s3cr3x\x7ft\r")
        person.sees(b"6\r\nnext: ")
        person.types(b"visible\r")
        person.sees(b"visible\r\nvisible")
        assert person.recorded == b"*\rvisible\r"


@needs("su")
@pytest.mark.skipif(os.geteuid() != 0, reason="root makes itself somebody else, whom su then asks")
def test_a_password_typed_at_su_is_not_recorded():
    with Person("su", "-s", "/bin/sh", "-c", "su root; echo 'it is'; read x", "nobody") as person:
        person.sees(b"Password: ")
        person.types(b"s3cr3t\x03")
        person.sees(b"\r\n")
        assert person.recorded == b"*\x03"


@needs("ssh-keygen")
def test_a_passphrase_typed_at_ssh_keygen_is_not_recorded(tmp_path):
    with Person("ssh-keygen", "-q", "-t", "ed25519", "-f", str(tmp_path / "key")) as person:
        for _ in range(2):
            person.sees(b"passphrase")
            person.sees(b": ")
            person.types(b"s3cr3t\r")
        assert person.recorded == b"*\r*\r"


@needs("script")
def test_a_password_typed_over_a_further_terminal_is_not_recorded():
    """As over ssh: the near terminal is raw, and the modes of the far one cannot be seen."""
    inner = f"bash --norc -c 'read -s -p \"alice@far password: \" x{AFTER.replace('echo; ', '', 1)}'"
    with Person("script", "-qec", inner, "/dev/null") as person:
        person.sees(b"alice@far password: ")
        assert person.modes() == {"echo": False, "canonical": False}
        person.types(b"s3cr3t\r")
        person.sees(b"read: 6")
        person.sees(b"next: ")
        person.types(b"visible\r")
        person.sees(b"then: visible")
        assert person.recorded == b"*\rvisible\r"


def test_commands_typed_at_a_shell_are_recorded():
    with Person("bash", "--norc", "--noprofile", "-i") as person:
        person.sees(b"$ " if os.geteuid() else b"# ")
        person.types(b"echo $((6 * 7))\r")
        person.sees(b"42\r\n")
        assert person.recorded == b"echo $((6 * 7))\r"


def test_a_command_typed_after_a_password_was_given_up_is_recorded():
    with Person("bash", "--norc", "--noprofile", "-i") as person:
        ready = b"$ " if os.geteuid() else b"# "
        person.sees(ready)
        person.types(b"read -s -p 'Password: ' x\r")
        person.sees(b"\r\n")
        person.sees(b"Password: ")
        person.waits_for_modes(echo=False, canonical=True)
        person.types(b"s3cr3t\x03")
        person.sees(ready)
        person.waits_for_modes(echo=False, canonical=False)
        person.types(b"echo $((6 * 7))\r")
        person.sees(b"42\r\n")
        assert b"s3c" not in person.recorded
        assert person.recorded.endswith(b"*\x03echo $((6 * 7))\r")
