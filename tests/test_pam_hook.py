"""What PAM runs when somebody logs in: who is asked about, who is refused, and what can never go wrong."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from host.pam_lines import PAM_LINES
from sssd_responder import pam_hook
from tests.peers import unavailable

HOOK = Path(pam_hook.__file__)
PYTHON = HOOK.read_text().splitlines()[0].removeprefix("#!")
UNSET = "4294967295"


class Responder:
    """Says `answer` to whoever asks, or with None nothing; `asked` is what it was asked."""

    def __init__(self, run):
        self.answer = b'{"allow":true}'
        self.asked = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(str(run / "responder.socket"))
        self._socket.listen(4)
        self._mute = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        for connection in self._mute:
            connection.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.asked.append(connection.recv(1 << 20))
                if self.answer is None:
                    self._mute.append(connection)
                else:
                    connection.send(self.answer)
                    connection.close()


@pytest.fixture
def responder(tmp_path):
    responder = Responder(tmp_path)
    yield responder
    responder.close()


def installed(tmp_path, login="1001", limit=60):
    """The hook as it is installed, but for its constants. login=None leaves the kernel's."""
    text = (
        HOOK.read_text()
        .replace('"/run/session-recording"', repr(str(tmp_path)))
        .replace("LIMIT = 2", f"LIMIT = {limit}")
    )
    if login is not None:
        (tmp_path / "loginuid").write_text(login)
        text = text.replace('"/proc/self/loginuid"', repr(str(tmp_path / "loginuid")))
    hook = tmp_path / "pam-hook"
    hook.write_text(text)
    hook.chmod(0o755)
    return hook


def opens(hook, **variables):
    """A session opened: the exit status and what the user is told."""
    environment = {"PAM_TYPE": "open_session", **{f"PAM_{name.upper()}": value for name, value in variables.items()}}
    done = subprocess.run([hook], env=environment, capture_output=True, timeout=60)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


def test_the_responder_is_told_of_a_login(tmp_path, responder):
    assert opens(installed(tmp_path), user="alice", service="sshd", rhost="192.0.2.1", tty="ssh") == (0, "")
    (question,) = responder.asked
    assert json.loads(question) == {
        "ask": "open", "user": "alice", "service": "sshd", "rhost": "192.0.2.1", "tty": "ssh"
    }  # fmt: skip


def test_what_daemons_run_is_nobodys_login(tmp_path, responder):
    responder.answer = b'{"allow":false}'
    assert opens(installed(tmp_path, login=UNSET), user="alice") == (0, "")
    assert responder.asked == []


def test_a_kernel_without_auditing_lets_everybody_in(tmp_path, responder):
    hook = installed(tmp_path)
    (tmp_path / "loginuid").unlink()
    assert opens(hook, user="alice") == (0, "")


def test_a_refusal_is_one_clean_line(tmp_path, responder):
    responder.answer = b'{"allow": false, "message": "no room:\\ntry \\u001b[2Jagain\\u202e"}'
    assert opens(installed(tmp_path), user="alice") == (1, "no room: try ?[2Jagain?\n")
    responder.answer = b'{"allow":false}'
    assert opens(installed(tmp_path), user="alice") == (1, "this session is refused\n")


def test_a_refusal_that_nobody_reads_is_one_all_the_same(tmp_path, responder):
    responder.answer = b'{"allow":false,"message":"no"}'
    with open("/dev/full", "w") as full:
        assert subprocess.run([installed(tmp_path)], stdout=full).returncode == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"false",
        b"[false]",
        b'{"allow":"false"}',
        b'{"allow":0,"x":false}',
        b'{"error":"false"}',
        b"\xff false",
        b"[" * 60000 + b"false",
    ],
)
def test_only_a_clear_no_refuses(tmp_path, responder, answer):
    responder.answer = answer
    assert opens(installed(tmp_path), user="alice") == (0, "")


def test_nobody_waits_for_a_responder_that_is_down(tmp_path):
    assert opens(installed(tmp_path), user="alice") == (0, "")
    (tmp_path / "responder.socket").touch()
    assert opens(installed(tmp_path), user="alice") == (0, "")


def test_nobody_waits_long_for_a_responder_that_is_mute(tmp_path, responder):
    responder.answer = None
    began = time.monotonic()
    assert opens(installed(tmp_path, limit=0.3), user="alice") == (0, "")
    assert 0.3 <= time.monotonic() - began < 10


def test_nobody_waits_long_where_the_queue_is_full(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stuck:
        stuck.bind(str(tmp_path / "responder.socket"))
        stuck.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
            first.connect(str(tmp_path / "responder.socket"))
            began = time.monotonic()
            assert opens(installed(tmp_path, limit=0.3), user="alice") == (0, "")
            assert 0.3 <= time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b'al"ice\\', 'al"ice\\'),
        (b"alice\n\x00"[:6] + b"\x1b[2J\t", "alice\n\x1b[2J\t"),
        ("ünïcode 🙂".encode(), "ünïcode 🙂"),
        (b"\xff\xfe\xed\xa0\x80", "\ufffd\ufffd\ufffd\ufffd\ufffd"),
        (b"x" * 100_000, "x" * 1024),
        (b"\x01" * 100_000, "\x01" * 1024),
    ],
)
def test_hostile_descriptions_arrive_as_what_they_are(tmp_path, responder, sent, told):
    assert opens(installed(tmp_path), user=sent, rhost=sent, service=sent, tty=sent) == (0, "")
    assert len(responder.asked[0]) <= 64 * 1024
    assert json.loads(responder.asked[0])["user"] == told


def test_it_does_not_depend_on_what_it_is_told_about_itself(tmp_path, responder):
    done = subprocess.run([installed(tmp_path)], env={"PAM_TYPE": "close_session", "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0
    assert len(responder.asked) == 1


def test_it_imports_nothing_heavy(tmp_path, responder):
    command = [*PYTHON.split(), "-X", "importtime", installed(tmp_path)]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported & {"os", "json", "re", "socket", "signal", "enum", "site", "struct"} == set()
    assert "_socket" in imported


PAM_PROGRAM = """
import ctypes, json, sys
service, confdir, auid = sys.argv[1:]
open("/proc/self/loginuid", "w").write(auid)
pam, libc = ctypes.CDLL("libpam.so.0"), ctypes.CDLL(None)
libc.calloc.restype = ctypes.c_void_p
class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]
Messages, Responses = ctypes.POINTER(ctypes.POINTER(Message)), ctypes.POINTER(ctypes.c_void_p)
Talk = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, Messages, Responses, ctypes.c_void_p)
class Conversation(ctypes.Structure):
    _fields_ = [("talk", Talk), ("data", ctypes.c_void_p)]
told = []
def talk(count, messages, responses, data):
    told.extend(messages[number].contents.text.decode() for number in range(count))
    responses[0] = libc.calloc(count, 16)
    return 0
conversation, handle = Conversation(Talk(talk), None), ctypes.c_void_p()
started = pam.pam_start_confdir(
    service.encode(), b"root", ctypes.byref(conversation), confdir.encode(), ctypes.byref(handle)
)
assert started == 0, started
pam.pam_setcred(handle, 2)
opened = pam.pam_open_session(handle, 0) == 0
pam.pam_close_session(handle, 0)
print(json.dumps([opened, told]))
"""


def documented_lines():
    return re.findall(r"^    (session .*)$", HOOK.read_text(), re.MULTILINE)


def test_the_lines_that_are_documented_are_those_that_are_installed():
    profile = (HOOK.parent.parent / "host/files/pam-profile").read_text().partition("Session:\n")[2]
    installed = [f"session {' '.join(line.split())}" for line in profile.splitlines()]
    assert documented_lines() == list(PAM_LINES) == installed


def through_pam(tmp_path, hook, auid, before=""):
    """A session through the real pam_exec.so with the lines that the hook documents: opened or not, what was said."""
    if os.geteuid() != 0:
        unavailable("only root can have a login uid set")
    lines = "\n".join(documented_lines())
    lines = lines.replace("/usr/lib/session-recording/sssd_responder", str(HOOK.parent))
    lines = lines.replace("/usr/libexec/session-recording/pam-hook", str(hook))
    (tmp_path / "pam.d").mkdir()
    (tmp_path / "pam.d" / "test").write_text(f"auth required pam_permit.so\n{before}{lines}\n")
    done = subprocess.run(
        [sys.executable, "-c", PAM_PROGRAM, "test", tmp_path / "pam.d", auid], capture_output=True, text=True
    )
    if "loginuid" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("the kernel does not let this container set login uids")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_pam_asks_when_a_session_is_opened_and_not_when_it_is_closed(tmp_path, responder):
    assert through_pam(tmp_path, installed(tmp_path, login=None), "54321") == [True, []]
    (question,) = responder.asked
    assert json.loads(question) == {"ask": "open", "user": "root", "service": "test", "rhost": "", "tty": ""}


def test_pam_tells_the_user_why_he_is_refused(tmp_path, responder):
    responder.answer = b'{"allow":false,"message":"this host is closed"}'
    assert through_pam(tmp_path, installed(tmp_path, login=None), "54321") == [False, ["this host is closed"]]


def test_who_writes_his_own_environment_cannot_have_it_obeyed_by_root(tmp_path):
    # As atd reads ~/.pam_environment before it opens a session.
    lines = (HOOK.parent / "pam_env.conf").read_text().splitlines()
    variables = [line for line in lines if line and not line.startswith("#") and " " not in line]
    assert "LD_PRELOAD" in variables
    (tmp_path / "users").write_text("".join(f"{name}=/tmp/evil\n" for name in [*variables, "HARMLESS"]))
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    hook.chmod(0o755)
    before = f"auth required pam_env.so readenv=1 envfile={tmp_path}/users\n"
    assert through_pam(tmp_path, hook, "54321", before)[0]
    seen = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert "HARMLESS" in seen
    assert seen & set(variables) == set()
