"""The responder of the client and policies of FreeIPA: in force soon, and still when FreeIPA is away."""

import json
import time

import pytest

from integration import ldap_as
from integration.entries import Policies
from integration.ldap_as import CONFIG, POLICIES, read

SOON = 60.0
"""Seconds after the command that changed a policy has returned."""

RESPONDER = "session-recording-responder"
LAST_KNOWN = "/var/lib/session-recording/last-known.json"

ASK = """
import json, socket, sys, time

def ask(question):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(2)
        s.connect("/run/session-recording/responder.socket")
        s.send(json.dumps(question).encode())
        return json.loads(s.recv(70000))
"""
UNTIL = """
question, wanted, seconds = json.loads(sys.argv[1])
begun = time.monotonic()
while True:
    answer = ask(question)
    if all(answer.get(name) == value for name, value in wanted.items()) or time.monotonic() - begun > seconds:
        break
    time.sleep(0.05)
print(json.dumps(answer))
"""
LATENCY = """
uid = int(sys.argv[1])
took = []
for _ in range(500):
    begun = time.perf_counter()
    ask({"ask": "decide", "uid": uid})
    took.append(time.perf_counter() - begun)
print(sorted(took)[250])
"""


class Responder:
    """That of the client."""

    def __init__(self, client):
        self.client = client
        self.uids = {user: int(client.run("id", "-u", user).stdout) for user in ("alice", "bob")}

    def ask(self, ask, **more):
        return self.until({}, ask, 0, **more)

    def until(self, wanted, ask, seconds=SOON, **more):
        """The first answer with these values, or what is said when the time is over."""
        said = json.dumps([{"ask": ask, **more}, wanted, seconds])
        return json.loads(self.client.run("python3", "-c", ASK + UNTIL, said).stdout)

    def decide(self, user, seconds=SOON, **wanted):
        answer = self.until(wanted, "decide", seconds, uid=self.uids[user])
        assert {name: answer.get(name) for name in wanted} == wanted, answer
        return answer

    def status(self):
        return self.ask("status")

    def restart(self):
        self.client.run("systemctl", "restart", RESPONDER)


@pytest.fixture(scope="module")
def responder(client):
    return Responder(client)


@pytest.fixture(autouse=True)
def policies(server, responder):
    policies = Policies(server)
    policies.make()
    responder.decide("alice", record=False)
    yield policies
    policies.make()


def test_what_ipa_does_to_a_policy_is_in_force_soon(server, client, responder):
    running = client.run("systemctl", "show", "-p", "MainPID", RESPONDER).stdout
    server.ipa("recordingpolicy-add", "p", "--action=record", "--hostcat=all")
    server.ipa("recordingpolicy-add-user", "p", "--users=alice")
    answer = responder.decide("alice", record=True, policies=["p"])
    assert answer["settings"]["notice"] == ""
    assert responder.decide("bob")["record"] is False
    server.ipa(
        "recordingpolicy-mod", "p", "--notice=This session is recorded.", "--capture=output", "--capture=input"
    )
    settings = {"capture": ["output", "input"], "audit": ["exec"], "on_failure": "deny"}
    responder.decide("alice", settings={**settings, "notice": "This session is recorded."})
    server.ipa("recordingpolicy-disable", "p")
    responder.decide("alice", record=False)
    server.ipa("recordingpolicy-enable", "p")
    responder.decide("alice", record=True)
    server.ipa("recordingpolicy-remove-user", "p", "--users=alice")
    responder.decide("alice", record=False)
    server.ipa("recordingpolicy-mod", "p", "--usercat=all")
    responder.decide("bob", record=True)
    server.ipa("recordingpolicy-del", "p")
    responder.decide("bob", record=False)
    assert client.run("systemctl", "show", "-p", "MainPID", RESPONDER).stdout == running


def test_the_configuration_is_in_force_soon(server, responder, policies):
    policies.make("recordingpolicy_add('p', iparecordingaction='record', usercategory='all', hostcategory='all')")
    try:
        server.ipa("recordingconfig-mod", "--on-failure=allow")
        settings = {"capture": ["output", "resize"], "audit": ["exec"], "notice": "", "on_failure": "allow"}
        responder.decide("alice", settings=settings)
    finally:
        server.ipa("recordingconfig-mod", "--on-failure=deny")


def test_groups_in_groups_count_of_users_and_of_hosts(responder, policies):
    policies.make("""
        recordingpolicy_add('nested', iparecordingaction='record')
        recordingpolicy_add_user('nested', group='externals')
        recordingpolicy_add_host('nested', hostgroup='production')
    """)
    responder.decide("bob", record=True, policies=["nested"])
    assert responder.decide("alice")["record"] is False
    assert responder.status()["directory"]["host_groups"] == ["production", "web"]


def test_groups_without_a_number_count(responder, policies):
    policies.make("""
        recordingpolicy_add('everybody', iparecordingaction='record', hostcategory='all')
        recordingpolicy_add_user('everybody', group='ipausers')
    """)
    responder.decide("alice", record=True)


def test_a_host_that_leaves_a_group_is_free_of_its_policies(responder, policies):
    policies.make("""
        recordingpolicy_add('group', iparecordingaction='record', usercategory='all')
        recordingpolicy_add_host('group', hostgroup='web')
    """)
    responder.decide("alice", record=True)
    policies.change("hostgroup_remove_member('web', host='client.lab.test')")
    try:
        responder.decide("alice", record=False)
    finally:
        policies.change("hostgroup_add_member('web', host='client.lab.test')")
    responder.decide("alice", record=True)


def test_a_policy_that_names_a_host_no_more_does_not_hold_there(responder, policies):
    policies.make("""
        recordingpolicy_add('p', iparecordingaction='record', usercategory='all')
        recordingpolicy_add_host('p', host='client.lab.test')
    """)
    responder.decide("alice", record=True)
    policies.change("recordingpolicy_remove_host('p', host='client.lab.test')")
    responder.decide("alice", record=False)


def test_the_shell_of_a_login_is_the_users_own(server, client, responder):
    server.ipa("user-mod", "alice", "--shell=/bin/dash", check=False)
    client.run("sh", "-c", "systemctl stop sssd && rm /var/lib/sss/db/cache_lab.test.ldb && systemctl start sssd")
    assert client.run("getent", "passwd", "alice").stdout.endswith("/usr/libexec/session-recording/login-shell\n")
    answer = responder.decide("alice", 10, shell="/bin/dash")
    assert (answer["user"], answer["home"]) == ("alice", "/home/alice")


def test_what_does_not_concern_policies_is_not_read(server, responder):
    server.ipa("user-mod", "alice", f"--gecos={time.time()}")
    time.sleep(5)
    before = responder.status()["connection"]["reads"]
    for _ in range(3):
        server.ipa("user-mod", "alice", f"--gecos={time.time()}")
        time.sleep(3)
    assert responder.status()["connection"]["reads"] == before


def test_other_hosts_see_that_a_policy_was_written_and_nothing_of_it(server, policies):
    policies.make("""
        recordingpolicy_add('p', iparecordingaction='record', usercategory='all')
        recordingpolicy_add_host('p', host='client.lab.test')
    """)
    seen = read(server, "other", POLICIES, "(entryUSN>=1)", "*", "entryUSN", "memberUser", "memberHost", "cn")
    assert [set(entry) for entry in seen.values()] == [{"entryusn", "ipauniqueid"}]
    assert read(server, "other", POLICIES, "(|(cn=p)(ipaRecordingAction=*))") == {}
    assert read(server, "alice", POLICIES, "(entryUSN>=1)", "entryUSN") == {}


def test_whom_a_policy_names_that_cannot_be_read_is_left_to_the_hosts_on_failure(server, responder, policies):
    policies.make("""
        recordingpolicy_add('good', iparecordingaction='record', hostcategory='all')
        recordingpolicy_add_user('good', user='bob')
        recordingpolicy_add('bad', iparecordingaction='record', hostcategory='all')
        recordingpolicy_add_user('bad', user='alice')
    """)
    [bad] = read(server, "admin", POLICIES, "(cn=bad)", "cn")
    assert ldap_as.results(server, "root", ldap_as.replace(bad, "ipaRecordingCapture", "thoughts")) == [ldap_as.OK]
    problem = 'policy "bad": --capture: "thoughts" is not one of output, input, resize, command-bytes, none'
    responder.decide("alice", error=f"{problem}; correct it, or disable that policy")
    responder.decide("bob", record=True, policies=["good"])
    assert responder.status()["unreadable"] == [problem]


def test_a_configuration_that_cannot_be_read_is_told(server, responder):
    assert ldap_as.results(server, "root", ldap_as.replace(CONFIG, "ipaRecordingAudit", "dreams")) == [ldap_as.OK]
    try:
        wanted = ['configuration of session recording: --audit: "dreams" is not one of exec, network, none']
        assert responder.until({"unreadable": wanted}, "status")["unreadable"] == wanted
    finally:
        ldap_as.results(server, "root", ldap_as.replace(CONFIG, "ipaRecordingAudit", "exec"))


def test_a_decision_is_made_from_memory(client, responder):
    responder.decide("bob")
    took = float(client.run("python3", "-c", ASK + LATENCY, str(responder.uids["bob"])).stdout)
    assert took < 0.05


def test_who_would_be_recorded_is_told_with_all_policies_that_match(responder, policies):
    policies.make("""
        recordingpolicy_add('low', iparecordingaction='record', usercategory='all', hostcategory='all')
        recordingpolicy_add('high', iparecordingaction='exempt', iparecordingorder=9, hostcategory='all')
        recordingpolicy_add_user('high', group='contractors')
    """)
    responder.decide("bob", record=False, policies=["high"])
    assert responder.ask("what-if", user="bob")["matched"] == ["high", "low"]
    assert "there is no user" in responder.ask("what-if", user="nobody-of-that-name")["error"]


@pytest.fixture(scope="class")
def away(server, client, responder):
    """FreeIPA is stopped, its KDC too. The client has read a policy that records alice and bob."""
    Policies(server).make("""
        recordingpolicy_add('p', iparecordingaction='record', hostcategory='all')
        recordingpolicy_add_user('p', user='alice')
        recordingpolicy_add_user('p', group='contractors')
    """)
    for user in ("alice", "bob"):
        responder.decide(user, record=True)
    # What is learned is written within two seconds.
    time.sleep(3)
    server.run("systemctl", "stop", "krb5-kdc", "dirsrv@LAB-TEST")
    yield
    # The KDC does not start without its directory.
    server.run("systemctl", "start", "dirsrv@LAB-TEST")
    server.run("systemctl", "start", "krb5-kdc")
    client.run("systemctl", "restart", "sssd")
    # Longer than the longest pause between two attempts.
    until = time.monotonic() + 60
    while not responder.status()["connection"]["reachable"]:
        assert time.monotonic() < until
        time.sleep(0.5)


@pytest.mark.usefixtures("away")
class TestWithoutFreeipa:
    @pytest.fixture(autouse=True)
    def policies(self):
        """None are made anew."""

    def test_what_was_read_stays_in_force_and_its_age_is_told(self, responder):
        time.sleep(5)
        assert responder.decide("alice")["record"]
        status = responder.status()
        assert status["directory"]["age"] > 2
        assert status["directory"]["error"].startswith("ldap://ipa.lab.test: ")
        assert status["connection"]["reachable"] is False

    def test_a_host_that_starts_offline_decides_from_disk(self, client, responder):
        responder.restart()
        assert responder.decide("alice")["policies"] == ["p"]
        assert responder.decide("bob")["record"]
        assert client.run("stat", "-c", "%a %U", LAST_KNOWN).stdout == "600 root\n"

    def test_users_are_as_they_were_while_sssd_is_down(self, client, responder):
        client.run("systemctl", "stop", "sssd", "sssd-ifp")
        # So that D-Bus does not start it again.
        client.run("systemctl", "mask", "--runtime", "sssd-ifp")
        try:
            responder.restart()
            for user, shell in (("alice", "/bin/dash"), ("bob", "/bin/sh")):
                answer = responder.decide(user)
                assert answer["record"], answer
                assert answer["shell"] in (shell, "/bin/bash")
            assert responder.decide("bob")["user"] == "bob"
            assert responder.until({}, "decide", 0, uid=4_000_000)["error"].startswith(
                "the user with the number 4000000"
            )
        finally:
            client.run("systemctl", "unmask", "--runtime", "sssd-ifp")
            client.run("systemctl", "start", "sssd")

    def test_without_what_was_last_known_nobody_is_decided_about(self, client, responder):
        client.run("systemctl", "stop", RESPONDER)
        client.run("mv", LAST_KNOWN, "/root/last-known")
        try:
            client.run("systemctl", "start", RESPONDER)
            answer = responder.ask("decide", uid=responder.uids["alice"])
            assert answer["error"].startswith("no policies were ever read from FreeIPA: ")
        finally:
            client.run("systemctl", "stop", RESPONDER)
            client.run("mv", "/root/last-known", LAST_KNOWN)
            client.run("systemctl", "start", RESPONDER)
        assert responder.decide("alice")["record"]


def test_a_server_that_was_restarted_is_found_within_seconds(server, responder):
    server.run("systemctl", "restart", "dirsrv@LAB-TEST")
    server.run("sh", "-c", "until ipa ping; do sleep 0.2; done", principal="admin")
    server.ipa("recordingpolicy-add", "p", "--action=record", "--hostcat=all", "--usercat=all")
    responder.decide("alice", 10, record=True)
    assert responder.status()["connection"]["reachable"]
