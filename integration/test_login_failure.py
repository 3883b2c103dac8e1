"""What a user meets when a part of what records him is down: one clear line, or his shell, as somebody decided."""

import json
import re
import time

import pytest

from auditor.verify import Verdict
from integration.entries import Policies
from integration.login import asked, wait_for, wait_until_recorded
from integration.recordings import Recordings
from integration.test_login_ways import RECORD_BOB

RECORDER, RESPONDER = "session-recorder.service", "session-recording-responder.service"
CONFIG = "/etc/session-recording/config.toml"
LAST_KNOWN = "/var/lib/session-recording/last-known.json"
SESSIONS = "/run/session-recording/sessions"
JOURNALD = (
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald.service",
)
NO_RECORDER = "sessions on this host are recorded, and the recorder does not answer\n"
CANNOT = "sessions on this host are recorded, and this cannot be: "
NOT_STORED = "this session cannot be recorded: "
REFUSED = 254
RECORDING = re.compile("[0-9a-f]{20}")
PROMPT = r"bob@client:~\$ "


@pytest.fixture(scope="module", autouse=True)
def policy(server, client, logins):
    policies = Policies(server)
    policies.make(RECORD_BOB)
    wait_until_recorded(client, True, "bob")
    yield policies
    policies.make()


@pytest.fixture
def recordings(client):
    return Recordings(client)


@pytest.fixture
def down(client):
    """Stops units, which are up again at the end: down(RECORDER)."""
    stopped = []

    def stop(*units):
        client.run("systemctl", "stop", *units)
        stopped.extend(units)

    def again():
        client.run("systemctl", "start", *stopped)
        stopped.clear()
        wait_until_up(client)

    stop.again = again
    yield stop
    if stopped:
        again()


@pytest.fixture
def configured(client):
    """Another configuration of the host, for as long as a test takes: configured('on_failure = "allow"')."""
    client.run("cp", CONFIG, f"{CONFIG}.before")

    def set_to(*lines):
        client.run("sh", "-c", f"cat >{CONFIG}", input="\n".join(["[host]", *lines, ""]))
        client.run("systemctl", "restart", RECORDER)
        wait_until_up(client)

    yield set_to
    client.run("mv", f"{CONFIG}.before", CONFIG)
    client.run("systemctl", "restart", RECORDER)
    wait_until_up(client)


@pytest.fixture
def away(client, logins):
    """FreeIPA, its directory and its KDC, answers nothing, as behind a cable that was cut."""
    # Whom it has never seen SSSD does not know then.
    before = Recordings(client)
    for user in ("alice", "bob"):
        assert logins.run(user, "echo in").stdout == b"in\n"
    before.wait(1)
    # A bind that is under way holds up the responder for seconds (docs/decisions.md); that of his session is through.
    time.sleep(4)
    neighbour = ("ip", "neigh", "replace", "10.99.0.10", "dev", "eth0")
    client.run(*neighbour, "lladdr", "02:00:00:00:00:01", "nud", "permanent")
    yield
    client.run("ip", "neigh", "del", "10.99.0.10", "dev", "eth0")
    client.run("systemctl", "restart", "sssd")
    wait_for(lambda: asked(client, {"ask": "status"}).get("connection", {}).get("reachable"), 90, every=0.5)
    wait_until_up(client)


def wait_until_up(client):
    script = f"until systemctl is-active --quiet {RECORDER} {RESPONDER}; do sleep 0.1; done"
    client.run("sh", "-c", script, timeout=30)
    wait_until_recorded(client, True, "bob")


def refusal(logins, user="bob"):
    """What a user is told who is refused, the same on a terminal and without; nothing else is printed."""
    done = logins.run(user, "echo in")
    assert (done.returncode, done.stdout) == (REFUSED, b""), done
    with logins.terminal(user) as terminal:
        assert terminal.end() == REFUSED
    line = RECORDING.sub("REC", done.stderr.decode())
    assert RECORDING.sub("REC", terminal.shown.decode()).replace("\r", "").endswith(f"\n{line}")
    assert line.count("\n") == 1
    return line


def let_by_sssd(logins, user):
    """A login. SSSD itself refuses some who come before it has noticed that FreeIPA is away, and again whenever it
    looks whether it is back: ssh then ends with a status of its own, and no session has begun.
    """
    attempts = []
    wait_for(lambda: attempts.append(logins.run(user, "echo in")) or attempts[-1].returncode != 255, 120)
    return attempts[-1]


def goes_in(logins, user):
    done = let_by_sssd(logins, user)
    assert (done.stdout, done.stderr) == (b"in\n", b"")


def test_without_the_recorder_nobody_gets_a_shell(logins, down):
    down(RECORDER)
    assert refusal(logins) == NO_RECORDER
    down.again()
    assert logins.run("bob", "echo in").stdout == b"in\n"


def test_without_the_responder_nobody_gets_a_shell(logins, down):
    down(RESPONDER)
    assert refusal(logins) == f"{CANNOT}the responder of session recording does not answer\n"


def test_a_host_may_let_logins_go_on_unrecorded(logins, down, recordings, configured):
    configured('on_failure = "allow"', 'shell = "/bin/bash"')
    for unit in (RESPONDER, RECORDER):
        down(unit)
        done = logins.run("bob", "echo in $SHELL")
        assert (done.stdout, done.stderr, done.returncode) == (b"in /bin/bash\n", b"", 0)
        down.again()
    assert recordings.all() == []


def test_policies_are_in_force_while_freeipa_is_away(client, logins, away, recordings):
    goes_in(logins, "alice")
    for _ in range(4):
        goes_in(logins, "bob")
    # A host that has just started knows them, too.
    client.run("systemctl", "restart", RESPONDER)
    goes_in(logins, "bob")
    assert [one.user for one in recordings.wait(5)] == ["bob"] * 5
    # One that has never read any knows nothing.
    client.run("systemctl", "stop", RESPONDER)
    client.run("mv", LAST_KNOWN, "/root/last-known")
    try:
        client.run("systemctl", "start", RESPONDER)
        done = let_by_sssd(logins, "bob")
        assert (done.returncode, done.stdout) == (REFUSED, b"")
        assert done.stderr.decode().startswith(f"{CANNOT}no policies were ever read from FreeIPA: ")
    finally:
        client.run("systemctl", "stop", RESPONDER)
        client.run("mv", "/root/last-known", LAST_KNOWN)
        client.run("systemctl", "start", RESPONDER)


def test_a_restart_of_sssd_ends_no_session_and_keeps_nobody_out(client, logins, recordings):
    with logins.terminal("bob") as terminal:
        terminal.expect(PROMPT)
        client.run("systemctl", "restart", "sssd")
        assert logins.run("bob", "echo in").stdout == b"in\n"
        assert terminal.run("echo still") == "still"
        assert terminal.log_out() == 0
    assert len(recordings.wait(2)) == 2


def test_without_a_journal_nobody_gets_a_shell_unless_his_policy_allows_it(client, server, logins, down, recordings):
    with logins.terminal("bob") as terminal:
        terminal.expect(PROMPT)
        # What is on its way as journald stops, as audit events of a login are, is lost with it.
        time.sleep(2)
        down(*JOURNALD)
        assert terminal.run("echo still") == "still"
        line = refusal(logins)
        assert line == f"{NOT_STORED}journald at /run/systemd/journal/socket: Connection refused\n"
        # What a session prints meanwhile waits for journald.
        terminal.run("seq 1000")
        down.again()
        assert terminal.run("echo again") == "again"
        assert terminal.log_out() == 0
    found = [one for one in recordings.wait() if one.printed]
    assert b"still" in found[0].printed
    assert b"\r\n999\r\n1000\r\n" in found[0].printed
    assert recordings.verified(found[0]).verdict is Verdict.COMPLETE


def test_a_policy_may_allow_sessions_that_cannot_be_recorded(client, logins, policy, down, recordings):
    policy.change('recordingpolicy_mod("watch", iparecordingonfailure="allow")')
    try:
        wait_for(lambda: asked(client, {"ask": "what-if", "user": "bob"})["settings"]["on_failure"] == "allow")
        with logins.terminal("bob") as terminal:
            terminal.expect(PROMPT)
            down(*JOURNALD)
            assert terminal.run("echo still") == "still"
            assert logins.run("bob", "echo in").stdout == b"in\n"
            with logins.terminal("bob") as other:
                other.expect(PROMPT)
                assert other.run("echo in") == "in"
                other.log_out()
            down.again()
            terminal.log_out()
        wait_for(lambda: recordings.all()[0].ended)
        assert b"still" in recordings.all()[0].printed
    finally:
        policy.change('recordingpolicy_mod("watch", iparecordingonfailure=None)')
        wait_for(lambda: asked(client, {"ask": "what-if", "user": "bob"})["settings"]["on_failure"] == "deny")


def test_on_a_full_disk_a_session_ends_and_none_begins(client, logins, configured):
    place = "/var/lib/session-recording/recordings"
    client.run("mount", "-t", "tmpfs", "-o", "size=256k,mode=700,uid=session-recording", "tmpfs", place)
    try:
        configured('sink = "file"', 'spool = "64K"')
        with logins.terminal("bob") as terminal:
            terminal.expect(PROMPT)
            assert "REC" not in terminal.run("echo in")
            client.run("sh", "-c", f"head -c 1M /dev/zero >{place}/full", check=False)
            terminal.type("yes\n")
            terminal.end(30)
            assert b"This session ends here: " in terminal.shown[-300:]
        assert refusal(logins) == f"{NOT_STORED}cannot write '{place}/REC.jsonl': No space left on device\n"
        client.run("rm", f"{place}/full")
        assert logins.run("bob", "echo in").stdout == b"in\n"
    finally:
        client.run("systemctl", "stop", RECORDER)
        client.run("umount", "-l", place)


def sessions(client):
    """The descriptions of live sessions, by the user's own terminal."""
    script = f"import glob, json; print(json.dumps([json.load(open(p)) for p in glob.glob('{SESSIONS}/*.json')]))"
    return {one["terminal"]: one for one in json.loads(client.run("python3", "-c", script).stdout)}


def test_a_session_ends_with_its_recorder(client, logins, recordings):
    with logins.terminal("bob") as terminal:
        terminal.expect(PROMPT)
        terminal.run("trap '' HUP; sleep 1")
        [session] = sessions(client).values()
        client.run("kill", "-9", str(session["worker"]))
        terminal.end(15)
    wait_for(lambda: not sessions(client))
    assert client.run("ps", "-o", "pid=", "-s", str(session["leader"]), check=False).stdout == ""
    [recording] = recordings.all()
    assert not recording.ended
    assert recordings.verified(recording).verdict is Verdict.TRUNCATED


def test_the_terminal_of_su_is_given_back_when_the_recorder_is_killed(client, logins):
    with logins.at_client() as terminal:
        terminal.expect("# ")
        before = terminal.run("tty; stty -g; stat -c %u:%g:%a $(tty)")
        terminal.type("su bob\n")
        terminal.expect(r"\$ ")
        [session] = sessions(client).values()
        assert client.run("stat", "-c", "%u:%a", f"/dev/{session['terminal']}").stdout == "0:600\n"
        client.run("kill", "-9", str(session["worker"]))
        terminal.expect("# ")
        # The shell that waited for su has its prompt some milliseconds before the device has its owner.
        wait_for(lambda: terminal.run("tty; stty -g; stat -c %u:%g:%a $(tty)") == before)
        terminal.log_out()


@pytest.mark.parametrize("signal", ["-TERM", "-KILL"])
def test_sessions_go_on_when_the_services_are_killed_and_end_as_ever(client, logins, recordings, signal):
    with logins.terminal("bob") as one, logins.terminal("bob") as other:
        for terminal in (one, other):
            terminal.expect(PROMPT)
        for unit in (RECORDER, RESPONDER):
            client.run("systemctl", "kill", "--kill-whom=main", f"--signal={signal[1:]}", unit)
        assert one.run("echo still here") == "still here"
        wait_until_up(client)
        assert logins.run("bob", "echo in").stdout == b"in\n"
        wait_for(lambda: len(sessions(client)) == 2)
        known = sessions(client)
        assert one.log_out() == 0
        outer = [f"/dev/{name}" for name in known]
        wait_for(lambda: len(sessions(client)) == 1)
        [left] = sessions(client)
        assert client.run("stat", "-c", "%U", f"/dev/{left}").stdout == "root\n"
        for terminal_of_ended in set(outer) - {f"/dev/{left}"}:
            owner = client.run("stat", "-c", "%U", terminal_of_ended, check=False).stdout
            assert owner in ("", "bob\n", "root\n")
        assert other.run("echo me too") == "me too"
        assert other.log_out() == 0
    for recording in recordings.wait(3):
        assert recordings.verified(recording).verdict is Verdict.COMPLETE


def test_the_terminal_of_su_is_given_back_after_the_services_were_killed(client, logins, recordings):
    with logins.at_client() as terminal:
        terminal.expect("# ")
        before = terminal.run("tty; stty -g; stat -c %u:%g:%a $(tty)")
        terminal.type("su bob\n")
        terminal.expect(r"\$ ")
        for unit in (RECORDER, RESPONDER):
            client.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)
        assert terminal.run("echo still here") == "still here"
        wait_until_up(client)
        terminal.type("exit 3\n")
        terminal.expect("# ")
        # The shell that waited for su has its prompt some milliseconds before the device has its owner.
        wait_for(lambda: terminal.run("tty; stty -g; stat -c %u:%g:%a $(tty)") == before)
        terminal.log_out()
    [recording] = recordings.wait()
    assert recording.reason == "exit"


MANY = """
import os, sys, time
shell, users, each = "/usr/libexec/session-recording/login-shell", sys.argv[1].split(","), int(sys.argv[2])
children = []
for user in users:
    for number in range(each):
        child = os.fork()
        if not child:
            os.execvp("setpriv", ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", shell, "-c",
                                  f"echo {user} {number}; sleep 2"])
        children.append(child)
print(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children), "failed")
"""


def test_two_hundred_logins_at_once_are_all_recorded(client, logins, recordings, policy):
    policy.change('recordingpolicy_add_user("watch", user="alice")')
    wait_until_recorded(client, True, "alice")
    done = client.run("python3", "-c", MANY, "alice,bob", "100", timeout=60)
    lines = done.stdout.splitlines()
    assert lines.pop() == "0 failed", done.stderr
    assert sorted(lines) == sorted(f"{user} {number}" for user in ("alice", "bob") for number in range(100))
    found = recordings.wait(200)
    assert {one.command[-1] for one in found} == {f"echo {line}; sleep 2" for line in lines}
    assert all(recordings.verified(one).verdict is Verdict.COMPLETE for one in found)
    # As many sessions as one user may have at once, and one more.
    policy.change('recordingpolicy_remove_user("watch", user="alice")')


def test_a_user_who_may_have_no_more_processes_is_told_so(client, logins):
    client.run("sh", "-c", "echo 'bob hard nproc 0' >/etc/security/limits.d/bob.conf")
    try:
        with logins.at_client() as terminal:
            terminal.expect("# ")
            terminal.run("su - bob -s /bin/true")
            said = terminal.run("su - bob; echo status $?")
            # su does not come as far as the login shell where there are more than enough already.
            assert said.endswith((f"status {REFUSED}", "status 126")), said
            assert said.count("\n") == 1, said
            assert terminal.run("echo usable") == "usable"
            terminal.log_out()
    finally:
        client.run("rm", "/etc/security/limits.d/bob.conf")
