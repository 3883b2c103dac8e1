"""A rule of the auditor's host acts on the session of a user: it is suspended, or ended, through FreeIPA."""

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from integration.entries import Policies
from integration.login import Logins, wait_for, wait_until_recorded
from integration.machine import LAB, Machine
from integration.recordings import Recording, Recordings
from tests.peers import unavailable

PROJECT = Path(__file__).parents[1]
HOME = "/root/auditing"
SERVICE = "sessrec/ipa.lab.test"
POLICY = """
recordingpolicy_add("ruled", hostcategory="all", iparecordingcapture=["output", "resize"], iparecordingaudit=["exec"])
recordingpolicy_add_user("ruled", user="bob")
"""
# The service of the auditor's host: what it may do it may without anybody's password.
AUDITOR = f"""
service_add("{SERVICE}", force=True)
role_add_member("Session Recording Auditor", service="{SERVICE}")
"""
RULES = """
[[rule]]
name = "deployed"
description = "Somebody deployed by hand"
severity = "high"
when = [{ command = '^deploy\\b' }]
match = [{ command = "deploy shop" }]
no_match = [{ command = "man deploy" }]
actions = { session = "suspend" }

[[rule]]
name = "forbidden"
description = "Somebody ran what nobody may run"
severity = "critical"
when = [{ event.action = "exec", process.executable = "/usr/local/bin/forbidden" }]
match = [{ event.action = "exec", process.executable = "/usr/local/bin/forbidden" }]
no_match = [{ event.action = "exec", process.executable = "/bin/true" }]
actions = { session = "terminate" }
"""
SOON = 60.0
"""Seconds from what a user does to what becomes of his session, on a busy machine."""


@pytest.fixture(scope="module")
def auditing(
    server: Machine, client: Machine, logins: Logins, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Auditing"]:
    policies = Policies(server)
    policies.make(POLICY + AUDITOR)
    client.run("install", "-m", "755", "/bin/true", "/usr/local/bin/forbidden")
    made = Auditing(server, client, tmp_path_factory.mktemp("auditing"))
    wait_until_recorded(client, True, "bob")
    yield made
    made.close()
    policies.make(f'service_del("{SERVICE}")')
    client.run("rm", "/usr/local/bin/forbidden")


@pytest.fixture
def recordings(client: Machine) -> Recordings:
    return Recordings(client)


class Auditing:
    """The auditor's host, which is not the one that is recorded: here the machine of the server. What the client's
    journal has comes to it as a log server would bring it, and is taken in by `sessrec ingest` with rules of its own.
    """

    def __init__(self, server: Machine, client: Machine, here: Path) -> None:
        self.server, self.client, self.here = server, client, here
        server.run("mkdir", "-p", f"{HOME}/rules", f"{HOME}/logs")
        for name in ("auditor", "recorder", "sessrec.py"):
            server.copy_in(PROJECT / name, f"{HOME}/{name}")
        server.copy_in(_wheels_of_another_python(server, here / "re2"), f"{HOME}/re2")
        server.run("sh", "-c", f"cat >{HOME}/rules/rules.toml", input=RULES)
        server.run("ipa-getkeytab", "-s", "ipa.lab.test", "-p", SERVICE, "-k", f"{HOME}/keytab", principal="admin")

    @contextmanager
    def following(self, *ticket: str) -> Iterator[Path]:
        """An ingest that goes on meanwhile, with these variables for Kerberos; the file of what it says."""
        said = self.here / "said"
        begun = f"""
            rm -rf {HOME}/store* {HOME}/logs/*; cd {HOME}; echo $$ >pid
            exec env PYTHONPATH={HOME}:{HOME}/re2 {" ".join(ticket)} \\
            python3 sessrec.py ingest --follow --quiet --rules rules --store store.sqlite logs
        """
        # From here on, and not from when it has started.
        last = self.client.run("journalctl", "--lines=1", "--show-cursor", "--output=cat").stdout.splitlines()[-1]
        journal = (
            "journalctl",
            "--quiet",
            "--follow",
            f"--after-cursor={last.partition('cursor: ')[2]}",
            "--output=cat",
        )
        matches = ("_SYSTEMD_UNIT=session-recorder.service", "SESSREC_TYPE=io", "SESSREC_TYPE=event")
        with said.open("wb") as out, ExitStack() as begins:
            ingest = begins.enter_context(_begun("server", "sh", "-c", begun, stderr=out))
            wait_for(lambda: self.server.run("test", "-e", f"{HOME}/store.sqlite", check=False).returncode == 0, SOON)
            sender = begins.enter_context(_begun("client", *journal, *matches, stdout=subprocess.PIPE))
            # Between them a log server would stand; what arrives is the same.
            receiver = ("sh", "-c", f"exec cat >{HOME}/logs/client.jsonl")
            begins.enter_context(_begun("server", *receiver, stdin=sender.stdout))
            yield said
            self.server.run("sh", "-c", f"kill -INT $(cat {HOME}/pid)")
            assert ingest.wait(30) == 0, said.read_text()

    def alerts(self, rec: str) -> list[str]:
        """The rules that have alerted in a recording, as the store has them."""
        reader = "from auditor.sqlite.store import SqliteStore\nfrom pathlib import Path\nimport json, sys\n"
        reader += "store = SqliteStore(Path('store.sqlite'))\n"
        reader += "print(json.dumps([each.detail for each in store.events(sys.argv[1]) if each.action == 'alert']))"
        told = self.server.run("sh", "-c", f'cd {HOME} && exec python3 - "$@"', "-", rec, input=reader).stdout
        return [json.loads(detail)["rule"]["name"] for detail in json.loads(told)]

    def wait_for_alert(self, rec: str) -> None:
        """Until there is one."""
        wait_for(lambda: self.alerts(rec), SOON)

    def journal(self, rec: str) -> list[str]:
        """The same, as the journal of the auditor's host has them."""
        found = ("SESSREC_TYPE=alert", f"SESSREC_REC={rec}")
        told = self.server.run("sh", "-c", 'journalctl --sync; journalctl -qo json "$@"', "-", *found).stdout
        return [json.loads(line)["SESSREC_RULE"] for line in told.splitlines()]

    def close(self) -> None:
        self.server.run("rm", "-rf", HOME)


KEYTAB = (f"KRB5_CLIENT_KTNAME={HOME}/keytab", "KRB5CCNAME=MEMORY:")
NO_AUDITOR = "KRB5CCNAME=/root/lab/alice.ccache"


def test_who_enters_a_command_that_a_rule_forbids_is_suspended_until_an_auditor_lets_him_go_on(
    auditing: Auditing, server: Machine, logins: Logins, recordings: Recordings
) -> None:
    with auditing.following(*KEYTAB) as said, logins.terminal("bob") as bob:
        bob.expect(r"\$ ")
        bob.type("deploy shop\n")
        [rec] = [each.rec for each in recordings.all()]
        wait_for(lambda: state(server, rec) == "suspended", SOON)
        bob.type("echo still-$((40+2))\n")
        with pytest.raises(AssertionError):
            bob.expect("still-42", 1)
        server.ipa("recordedsession-resume", rec, principal="otto")
        bob.expect("still-42", SOON)
        bob.log_out()
        assert auditing.journal(rec) == auditing.alerts(rec) == ["deployed"]
    assert said.read_text() == ""
    [recording] = recordings.wait()
    asked = [(event["action"], event["by"]) for event in controls(recording)]
    assert [action for action, _ in asked] == ["suspend", "resume"]
    assert f"krbprincipalname={SERVICE}@" in asked[0][1]
    assert "uid=otto," in asked[1][1]


def test_who_runs_a_program_that_a_rule_forbids_loses_his_session(
    auditing: Auditing, logins: Logins, recordings: Recordings
) -> None:
    with auditing.following(*KEYTAB) as said, logins.terminal("bob", "forbidden; sleep 60") as bob:
        # That soon FreeIPA may not have heard of the session.
        bob.expect("ended by an administrator", SOON)
        bob.end(SOON)
        [recording] = recordings.wait()
        assert auditing.journal(recording.rec) == auditing.alerts(recording.rec) == ["forbidden"]
    assert said.read_text() == ""
    assert recording.reason == "terminated"
    assert [event["action"] for event in controls(recording)] == ["terminate"]


def test_without_the_right_nothing_becomes_of_it_and_that_is_said_once(
    auditing: Auditing, server: Machine, logins: Logins, recordings: Recordings
) -> None:
    server.run("true", principal="alice")
    with auditing.following(NO_AUDITOR) as said:
        for number in (1, 2):
            with logins.terminal("bob") as bob:
                bob.expect(r"\$ ")
                bob.type("deploy shop\n")
                wait_for(lambda: "Insufficient" in said.read_text(), SOON)
                rec = recordings.all()[-1].rec
                auditing.wait_for_alert(rec)
                assert bob.run(f"echo here {number}") == f"here {number}"
                bob.log_out()
        first, second = (each.rec for each in recordings.wait(2))
        assert auditing.alerts(first) == auditing.alerts(second) == ["deployed"]
    for rec in (first, second):
        server.run("grep", f"alice@LAB.TEST: recordedsession_suspend.*{rec}.*ACIError", "/var/log/apache2/error.log")
    assert said.read_text() == (
        f"sessrec: session {first} on client.lab.test is not suspended: ipa: ERROR: Insufficient access: you may not "
        "see recorded sessions; let sessrec have the Kerberos ticket of an auditor: the alert is in the store\n"
    )


def state(server: Machine, rec: str) -> str:
    """Of a session, as FreeIPA has it."""
    told = server.ipa("recordedsession-show", rec, "--raw", principal="otto", check=False).stdout
    return next((line.split(": ")[1] for line in told.splitlines() if "iparecordingstate: " in line), "")


def controls(recording: Recording) -> list[dict[str, Any]]:
    """What was done to a session, and for whom."""
    return [event["sessrec"]["control"] for event in recording.events("control")]


def _wheels_of_another_python(machine: Machine, target: Path) -> Path:
    """google-re2 for the machine's own Python, which has no network to get it by."""
    version = machine.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").stdout.strip()
    locked = (PROJECT / "requirements/runtime.txt").read_text().split("\n")
    begin = next(number for number, line in enumerate(locked) if line.startswith("google-re2"))
    end = next(number for number in range(begin + 1, len(locked)) if not locked[number].startswith(" "))
    (target.parent / "re2.txt").write_text("\n".join(locked[begin:end]))
    platforms = [f"--platform=manylinux_2_{minor}_{platform.machine()}" for minor in (17, 27, 28)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--require-hashes", "--only-binary=:all:", f"--python-version={version}", *platforms,
         "--target", target, "-r", target.parent / "re2.txt"],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        unavailable(f"google-re2 is not to be had: {done.stderr}")
    return target


@contextmanager
def _begun(machine: str, *argv: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command of a machine that goes on until the context ends."""
    command = [str(LAB), "run", machine, *argv]
    process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **streams}, start_new_session=True)
    try:
        yield process
    finally:
        # All of the group: what enters the machine forks on its way.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
