"""Sessions without a terminal (ssh host command, scp), and what policies ask for besides the output."""

import subprocess
import time

import pytest

from auditor.verify import Verdict, verify
from recorder.formats.message import Input, Output
from recorder.keys.signing_key import load
from tests.journald import running_journald
from tests.logins import POLICY, RECORDER, USER, Login, made
from tests.peers import needs
from tests.recorded import input_of, lines_of, messages_of, output_of

BECOME = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]
WITH_BYTES = POLICY + 'capture = ["output", "command-bytes"]\n'
WITH_INPUT = POLICY + 'capture = ["output", "input"]\n'


def command(host, *arguments, **options):
    """As sshd runs it where no terminal was asked for."""
    return subprocess.run(
        [*host.inside, *BECOME, str(host.login_shell), *arguments], capture_output=True, timeout=60, **options
    )


@pytest.fixture
def host():
    with made() as host:
        host.start()
        yield host


def test_a_command_has_its_own_descriptors_and_its_status_is_recorded(host):
    done = command(host, "-c", "readlink /proc/self/fd/0; cat; echo complaint >&2; exit 5", input=b"given\n")
    assert done.returncode == 5
    assert done.stdout.startswith(b"pipe:[")
    assert done.stdout.endswith(b"\ngiven\n")
    assert done.stderr == b"complaint\n"
    host.ended()
    first, last = messages_of(host.recording())[0], messages_of(host.recording())[-1]
    assert first.fields["process"]["args"][1] == "-c"
    assert last.fields["process"]["exit_code"] == 5
    assert output_of(host.recording()) == b""
    assert verify(lines_of(host.recording()), [load(host.state / "key.pem").public]).verdict is Verdict.COMPLETE


def test_nothing_is_printed_that_a_copying_program_would_stumble_over(host):
    host.policies.write_text(POLICY + 'notice = "You are recorded."\n')
    time.sleep(1.1)
    done = command(host, "-c", "true")
    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_copy_runs_at_full_speed_and_its_bytes_are_not_recorded(host):
    size = 512 * 1024 * 1024
    began = time.monotonic()
    done = subprocess.run([*host.inside, *BECOME, "/bin/bash", "-c", f"head -c {size} /dev/zero | wc -c"])
    bare = time.monotonic() - began
    began = time.monotonic()
    done = command(host, "-c", f"head -c {size} /dev/zero | wc -c")
    assert done.stdout.strip() == str(size).encode()
    assert time.monotonic() - began < 3 * bare + 1
    host.ended()
    assert host.recording().stat().st_size < 10_000


def test_bytes_of_a_command_are_recorded_where_the_policy_asks_for_them():
    with made(policies=WITH_BYTES) as host:
        host.start()
        given = bytes(range(256)) * 4000
        done = command(host, "-c", "cat; echo complaint >&2; exit 3", input=given)
        assert (done.returncode, done.stdout, done.stderr) == (3, given, b"complaint\n")
        host.ended()
        messages = messages_of(host.recording())
        typed = b"".join(p.data for m in messages for p in m.packets if isinstance(p, Input))
        printed = b"".join(p.data for m in messages for p in m.packets if isinstance(p, Output))
        assert typed == given
        assert printed.replace(b"complaint\n", b"", 1) == given
        assert messages[-1].fields["sessrec"]["streams"]["stdout"]["bytes"] == len(given)


def test_what_is_typed_is_recorded_where_the_policy_asks_for_it_but_for_secrets():
    with made(policies=WITH_INPUT) as host:
        host.start()
        login = Login(host)
        login.until("$ ")
        login.send("read -s -p 'Password: ' x; echo got ${#x}\n")
        login.until("Password: ")
        login.send("t0psecret\n")
        login.until("got 9")
        login.send("exit\n")
        assert login.finish() == 0
        host.ended()
        assert b"read -s -p" in input_of(host.recording())
        assert b"t0psecret" not in host.recording().read_bytes()


@needs("scp")
def test_a_program_that_expects_a_silent_shell_finds_one(host):
    """scp's own protocol, spoken by its other half."""
    (host.base / "home/file").write_bytes(b"content\n")
    done = command(host, "-c", "scp -f file", input=b"\0\0\0")
    assert done.stdout.endswith(b"file\ncontent\n\0")
    host.ended()
    assert b"scp -f file" in host.recording().read_bytes()


@pytest.mark.parametrize("on_failure", ["deny", "allow"])
def test_a_disk_that_fills_during_a_session(on_failure):
    with made(policies=POLICY + f'on_failure = "{on_failure}"\n') as host:
        host.config.write_text(host.config.read_text() + 'spool = "16K"\n')
        mount = ["mount", "-t", "tmpfs", "-o", f"size=128k,uid={RECORDER},mode=700", "none", str(host.recordings)]
        subprocess.run([*host.inside, *mount], check=True)
        host.start()
        login = Login(host)
        login.until("$ ")
        # What fills the disk comes after the first signature.
        login.run("sleep 1.5")
        login.send("yes | head -c 400000 | md5sum; cat /dev/urandom | base64 | head -c 600000; echo; echo o''n\n")
        if on_failure == "deny":
            login.until("This session ends here")
            assert login.finish() == 129
            host.until(lambda: not host.processes(), "nothing goes on")
        else:
            login.until("\non\r\n")
            assert login.run("echo still") == "still"
            login.send("exit 4\n")
            assert login.finish() == 4
        host.ended()
        # What there is of it is whole up to its end.
        read = subprocess.run(
            [*host.inside, "sh", "-c", f"cat {host.recordings}/*"], capture_output=True, check=True
        ).stdout
        assert read.endswith(b"\n")
        verdict = verify(read.splitlines(keepends=True), [load(host.state / "key.pem").public]).verdict
        assert verdict is Verdict.TRUNCATED


def test_entries_that_a_user_forges_in_the_journal_are_seen_to_be_his():
    with running_journald() as journald:
        settings = f'sink = "journald"\njournal_namespace = "{journald.namespace}"'
        with made(settings) as host:
            host.start()
            login = Login(host)
            login.until("$ ")
            [session] = host.live()
            login.run("echo genuine")
            forged = f"SYSLOG_IDENTIFIER=sessrec\\nREC={session['rec']}\\n_UID={RECORDER}\\nMESSAGE=forged\\n"
            socket = f"/run/systemd/journal.{journald.namespace}/socket"
            program = f"import socket as s; s.socket(s.AF_UNIX, s.SOCK_DGRAM).sendto(b'{forged}', '{socket}')"
            (host.base / "home/forge.py").write_text(program)
            assert login.run("python3 ~/forge.py") == ""
            login.send("exit\n")
            assert login.finish() == 0
            host.ended()
        entries = journald.entries()
        assert {entry["_UID"] for entry in entries if entry["MESSAGE"] != "forged"} == {str(RECORDER)}
        assert [entry["_UID"] for entry in entries if entry["MESSAGE"] == "forged"] == [str(USER)]
