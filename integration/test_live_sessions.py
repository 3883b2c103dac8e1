"""Recorded sessions of the client as FreeIPA has them, and what is done to them by `ipa`, D-Bus and `sessrec`."""

import json
import re
import time

import pytest

from integration.entries import HOST, Policies
from integration.ldap_as import OK, SESSIONS, delete, read, replace, results, user
from integration.login import Terminal, wait_for, wait_until_recorded
from integration.recordings import Recordings

RECORD_BOB = """
recordingpolicy_add("watch", hostcategory="all", iparecordingcapture=["output", "resize"])
recordingpolicy_add_user("watch", user="bob")
"""
SOON = 60.0
"""Seconds from what an auditor does to its effect on the host, and back."""
RESPONDER = "session-recording-responder"
BUS = ("org.freeipa.SessionRecording1", "/org/freeipa/SessionRecording1", "org.freeipa.SessionRecording1")


class Live:
    """The entries of the client, as the directory's manager sees them."""

    def __init__(self, server):
        self.server = server

    def all(self):
        found = read(self.server, "root", f"fqdn={HOST},{SESSIONS}", "(objectClass=ipaRecordedSession)", "*", "+")
        return {entry["cn"][0]: entry for entry in found.values()}

    def one(self, within=SOON):
        """The only session."""
        wait_for(self.all, within)
        [(rec, entry)] = self.all().items()
        return rec, entry

    def state(self, rec):
        return self.all().get(rec, {}).get("iparecordingstate", ["gone"])[0]

    def wait(self, rec, state, within=SOON):
        wait_for(lambda: self.state(rec) == state, within, every=0.05)

    def wait_for_none(self, within=60):
        wait_for(lambda: not self.all(), within)


@pytest.fixture(scope="module", autouse=True)
def policy(server, client, logins):
    policies = Policies(server)
    policies.make(RECORD_BOB)
    wait_until_recorded(client, True, "bob")
    yield
    policies.make()


@pytest.fixture
def live(server, client):
    live = Live(server)
    live.wait_for_none()
    yield live
    client.run("systemctl", "start", RESPONDER)


@pytest.fixture
def bob(logins, live):
    """At his prompt, on a terminal."""
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        yield terminal


def controls(recording):
    return [(event["sessrec"]["control"]["action"], event["sessrec"]["control"]["by"]) for event in recording]


def test_a_session_is_in_freeipa_while_it_goes_on(server, live, bob):
    rec, entry = live.one()
    assert entry["uid"] == ["bob"]
    assert entry["iparecordingstate"] == ["running"]
    assert entry["iparecordingpolicy"] == ["watch"]
    assert re.fullmatch(r"pts/\d+", entry["iparecordingterminal"][0])
    told = server.ipa("recordedsession-find", "--user=bob", principal="otto").stdout
    assert f"Recording: {rec}" in told
    assert "Stale: False" in told
    bob.log_out()
    live.wait(rec, "gone")


def test_an_auditor_suspends_and_resumes_a_session(server, live, bob, record_delay):
    rec, _ = live.one()
    server.ipa("recordedsession-suspend", rec, principal="otto")
    with record_delay("suspended after ipa recordedsession-suspend returned"):
        live.wait(rec, "suspended")
    bob.type("echo still-$((40+2))\n")
    time.sleep(1)
    assert b"still-42" not in bob.shown
    server.ipa("recordedsession-resume", rec, principal="otto")
    with record_delay("goes on after ipa recordedsession-resume returned"):
        bob.expect("still-42", SOON)
    live.wait(rec, "running")
    bob.log_out()


def test_an_auditor_terminates_a_session(server, live, bob, record_delay):
    rec, _ = live.one()
    server.ipa("recordedsession-terminate", rec, principal="otto")
    with record_delay("ended after ipa recordedsession-terminate returned"):
        bob.expect("ended by an administrator", SOON)
        bob.end(SOON)
    live.wait(rec, "ended")
    [entry] = [entry for name, entry in live.all().items() if name == rec]
    assert entry["iparecordingwanted"] == ["terminated"]
    live.wait(rec, "gone", 60)


def test_the_recording_says_which_auditor_asked(server, client, live, logins):
    recordings = Recordings(client)
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        rec, _ = live.one()
        for verb, state in (("suspend", "suspended"), ("resume", "running")):
            server.ipa(f"recordedsession-{verb}", rec, principal="otto")
            live.wait(rec, state)
        server.ipa("recordedsession-terminate", rec, principal="otto")
        terminal.end(SOON)
    [recording] = recordings.wait()
    assert recording.rec == rec
    asked = controls(recording.events("control"))
    assert asked == [(verb, user("otto")) for verb in ("suspend", "resume", "terminate")]
    assert recording.reason == "terminated"


def test_the_same_by_d_bus(client, live, bob):
    rec, _ = live.one()
    done = client.run("busctl", "call", *BUS, "Suspend", "ss", rec, "on call")
    assert done.stdout == 's "suspended"\n'
    live.wait(rec, "suspended")
    client.run("busctl", "call", *BUS, "Resume", "ss", rec, "")
    live.wait(rec, "running")
    listed = json.loads(client.run("busctl", "--json=short", "call", *BUS, "Sessions").stdout)
    assert [session["rec"]["data"] for session in listed["data"][0]] == [rec]
    assert client.run("busctl", "call", *BUS, "Terminate", "ss", "nothing", "", check=False).returncode != 0
    refused = client.run("runuser", "-u", "nobody", "--", "busctl", "call", *BUS, "Sessions", check=False)
    assert refused.returncode != 0
    client.run("busctl", "call", *BUS, "Terminate", "ss", rec, "")
    bob.end(SOON)
    live.wait(rec, "gone", 10)


def test_an_auditor_may_want_the_same_again_after_root_has_undone_it(server, client, live, bob):
    rec, _ = live.one()
    server.ipa("recordedsession-suspend", rec, principal="otto")
    live.wait(rec, "suspended")
    client.run("busctl", "call", *BUS, "Resume", "ss", rec, "")
    live.wait(rec, "running")
    time.sleep(5)
    assert live.state(rec) == "running"
    server.ipa("recordedsession-suspend", rec, principal="otto")
    live.wait(rec, "suspended")


def test_the_same_by_sessrec_host(client, live, bob):
    rec, _ = live.one()
    assert client.run("sessrec", "host", "suspend", rec).stdout == f"{rec}: suspended\n"
    # Past the responder, which looks by itself.
    live.wait(rec, "suspended", 25)
    client.run("sessrec", "host", "resume", rec)
    assert bob.run("echo here") == "here"
    client.run("sessrec", "host", "terminate", rec)
    bob.end(SOON)


def test_a_session_is_watched_and_what_is_typed_shown_at_once(client, live, bob, record_delay):
    rec, _ = live.one()
    bob.run("echo before")
    with Terminal(client, "sessrec", "host", "watch", rec, size=(30, 100)) as auditor:
        auditor.expect("before")
        auditor.expect(f"bob on pts/[0-9]+, session {rec}")
        delays = []
        for number in range(20):
            bob.type(f"echo mark{number}$((7))x\n")
            bob.expect(f"mark{number}7x")
            begun = time.monotonic()
            auditor.expect(f"mark{number}7x")
            delays.append(time.monotonic() - begun)
            time.sleep(0.1)
        record_delay.note("on the auditor's screen after the user's, worst of 20", max(delays))
        assert sorted(delays)[10] < 1
        auditor.type("q")
        assert auditor.end() == 0
    assert bob.run("echo here") == "here"


def let_by_sssd(logins, user):
    """A login on a terminal, at its prompt. SSSD itself refuses some who come while FreeIPA is away, when it looks
    whether it is back; no session has begun then."""
    tried = []

    def let_in():
        tried.append(logins.terminal(user))
        try:
            return tried[-1].expect(r"\$ ")
        except AssertionError:
            tried[-1].hang_up()
            return None

    wait_for(let_in, 120, every=1)
    return tried[-1]


def test_what_happens_while_freeipa_is_away_is_made_up_for(server, client, live, logins):
    with logins.terminal("bob") as first, logins.terminal("bob") as second:
        first.expect(r"\$ ")
        second.expect(r"\$ ")
        wait_for(lambda: len(live.all()) == 2, SOON)
        server.run("systemctl", "stop", "dirsrv@LAB-TEST")
        try:
            first.log_out()
            time.sleep(3)
            assert second.run("echo here") == "here"
            with let_by_sssd(logins, "bob") as third:
                time.sleep(3)
                server.run("systemctl", "start", "dirsrv@LAB-TEST")
                wait_for(lambda: len(live.all()) == 2, 60)
                second.log_out()
                wait_for(lambda: len(live.all()) == 1, 60)
                third.log_out()
        finally:
            server.run("systemctl", "start", "dirsrv@LAB-TEST")
            server.run("systemctl", "restart", "ipa")
            # It looks by itself whether FreeIPA is back, and less often the longer it was away.
            client.run("systemctl", "restart", "sssd")
    live.wait_for_none()


def test_what_happens_while_the_responder_is_away_is_made_up_for(client, live, logins):
    with logins.terminal("bob") as first:
        first.expect(r"\$ ")
        rec, _ = live.one()
        client.run("systemctl", "stop", RESPONDER)
        first.log_out()
        assert live.state(rec) == "running"
        client.run("systemctl", "start", RESPONDER)
        live.wait(rec, "gone", 10)


def test_an_order_given_while_the_responder_was_away_is_carried_out(server, client, live, bob):
    rec, _ = live.one()
    client.run("systemctl", "kill", "--signal=KILL", RESPONDER)
    server.ipa("recordedsession-terminate", rec, principal="otto")
    client.run("systemctl", "restart", RESPONDER)
    bob.end(15)
    live.wait(rec, "ended")


def test_an_order_for_a_session_that_has_just_ended_is_answered(server, client, live, logins):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        rec, _ = live.one()
        client.run("systemctl", "stop", RESPONDER)
        terminal.log_out()
    server.ipa("recordedsession-terminate", rec, principal="otto")
    client.run("systemctl", "start", RESPONDER)
    live.wait(rec, "ended", 10)
    assert "State: ended" in server.ipa("recordedsession-show", rec, principal="otto").stdout
    journal = client.run("journalctl", "-u", RESPONDER, "-n", "50", "-o", "cat").stdout
    assert f"{user('otto')} wants session {rec} terminated, and it has ended" in journal
    live.wait(rec, "gone", 60)


def test_an_entry_that_was_removed_comes_back(server, live, bob):
    rec, _ = live.one()
    assert results(server, "otto", delete(f"cn={rec},fqdn={HOST},{SESSIONS}")) == [OK]
    live.wait(rec, "running", 90)


def test_a_heartbeat_keeps_the_host_from_being_stale(server, client, live, bob):
    config = f"cn=config,{SESSIONS.partition(',')[2]}"
    assert results(server, "root", replace(config, "ipaRecordingHeartbeat", "30")) == [OK]
    try:
        live.one()
        client.run("systemctl", "restart", RESPONDER)
        host = f"fqdn={HOST},{SESSIONS}"

        def seen():
            [entry] = read(server, "root", host, "(objectClass=ipaRecordedHost)", "ipaRecordingSeen").values()
            return entry["iparecordingseen"]

        time.sleep(5)
        first = seen()
        wait_for(lambda: seen() != first, 90, every=2)
    finally:
        results(server, "root", replace(config, "ipaRecordingHeartbeat", "300"))


class Delays:
    """What took how long, printed at the end."""

    def __init__(self):
        self.taken = []

    def __call__(self, what):
        self.what = what
        return self

    def __enter__(self):
        self.begun = time.monotonic()

    def __exit__(self, *_):
        self.note(self.what, time.monotonic() - self.begun)

    def note(self, what, seconds):
        self.taken.append(f"{what}: {seconds:.2f} s")


@pytest.fixture(scope="module")
def record_delay():
    delays = Delays()
    yield delays
    print("\n".join(["", *delays.taken]))
