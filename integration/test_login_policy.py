"""Policies set by `ipa` decide the next logins over ssh, without a restart of anything."""

import time

import pytest

from integration.entries import Policies
from integration.login import wait_for
from integration.recordings import Recordings

WITHIN = 60.0
"""Seconds from the end of the command to the login that it decides, at most: the host hears of a policy
within five, and SSSD reads the groups of whom it has just let in again after another five."""


@pytest.fixture(scope="module", autouse=True)
def no_policies(server, logins):
    policies = Policies(server)
    policies.make()
    yield policies
    policies.make()
    server.ipa("group-remove-member", "externals", "--users=alice", check=False)
    server.ipa("hostgroup-del", "mail", check=False)


@pytest.fixture(autouse=True)
def policies_gone(no_policies, request):
    yield
    if request.session.testsfailed:
        no_policies.make()


@pytest.fixture
def in_force(server, client, logins):
    """Whether alice is recorded in a login after `ipa COMMAND`: tried again and again until she is, or is not."""

    def check(recorded, *commands, user="alice", again=True):
        for command in commands:
            server.ipa(*command)
        until = time.monotonic() + WITHIN
        while True:
            recordings = Recordings(client)
            began = time.monotonic()
            assert logins.run(user, "true").returncode == 0
            found = recordings.all()
            if bool(found) == recorded:
                return found
            # SSSD reads the groups of somebody anew when he logs in, unless a session of his goes on already.
            if again:
                client.run("loginctl", "terminate-user", user, check=False)
            assert began < until, f"a login {WITHIN} s after {commands[-1]} is as before"

    return check


def test_a_policy_is_in_force_at_the_next_login_and_so_is_every_change_of_it(server, in_force):
    in_force(False)
    in_force(
        True,
        ("recordingpolicy-add", "watch", "--hostcat=all"),
        ("recordingpolicy-add-user", "watch", "--users=alice"),
    )
    in_force(False, ("recordingpolicy-disable", "watch"))
    in_force(True, ("recordingpolicy-enable", "watch"))
    in_force(False, ("recordingpolicy-mod", "watch", "--action=exempt"))
    in_force(True, ("recordingpolicy-mod", "watch", "--action=record"))
    in_force(False, ("recordingpolicy-remove-user", "watch", "--users=alice"))
    [recording] = in_force(True, ("recordingpolicy-add-user", "watch", "--users=alice"))
    assert recording.start["sessrec"]["policies"] == ["watch"]
    in_force(False, ("recordingpolicy-del", "watch"))


def test_members_of_groups_and_host_groups_count_from_the_next_login_on(server, in_force):
    server.ipa("recordingpolicy-add", "watch")
    server.ipa("recordingpolicy-add-user", "watch", "--groups=externals")
    server.ipa("recordingpolicy-add-host", "watch", "--hostgroups=production")
    # Of the group by way of another one, on a host that is in the host group by way of another one.
    in_force(True, user="bob")
    in_force(False)
    in_force(True, ("group-add-member", "externals", "--users=alice"))
    in_force(False, ("group-remove-member", "externals", "--users=alice"))
    server.ipa("recordingpolicy-add-user", "watch", "--users=alice")
    in_force(True)
    in_force(
        False,
        ("recordingpolicy-remove-host", "watch", "--hostgroups=production"),
        ("hostgroup-add", "mail"),
        ("recordingpolicy-add-host", "watch", "--hostgroups=mail"),
    )
    in_force(True, ("hostgroup-add-member", "mail", "--hosts=client.lab.test"))
    in_force(False, ("hostgroup-remove-member", "mail", "--hosts=client.lab.test"))
    server.ipa("recordingpolicy-del", "watch")


def test_what_a_policy_says_is_what_happens(server, client, logins, in_force):
    in_force(
        True,
        ("recordingpolicy-add", "watch", "--usercat=all", "--hostcat=all", "--capture=output", "--audit=network"),
        ("recordingpolicy-mod", "watch", "--notice=You are recorded."),
    )
    wait_for(lambda: b"You are recorded." in shown(logins), WITHIN)
    uid = client.run("id", "-u", "alice").stdout.strip()
    # Whoever is logged in is watched as he was, and by what his other sessions are watched for.
    client.run("loginctl", "terminate-user", "alice", check=False)
    wait_for(lambda: f"auid={uid}" not in client.run("auditctl", "-l").stdout, 20)
    recordings = Recordings(client)
    with logins.terminal("alice") as terminal:
        terminal.expect(r"You are recorded\.\r?\n")
        terminal.expect(r"\$ ")
        terminal.run("echo seen")
        rules = client.run("auditctl", "-l").stdout
        assert (
            f"connect,accept,bind,accept4 -F auid={uid}" in rules.replace("bind,connect", "connect")
            or "connect" in rules
        )
        assert "execve" not in rules
        terminal.log_out()
    [recording] = recordings.wait()
    assert b"seen" in recording.printed
    assert recording.typed == b""
    server.ipa("recordingpolicy-mod", "watch", "--capture=input", "--capture=command-bytes", "--notice=")
    wait_for(lambda: "command-bytes" in client.run("sessrec", "host", "status", "alice").stdout, WITHIN)
    recordings = Recordings(client)
    done = logins.run("alice", "cat; echo wrong >&2", input=b"\0\xff in")
    assert (done.stdout, done.stderr) == (b"\0\xff in", b"wrong\n")
    [recording] = recordings.wait()
    assert recording.typed == b"\0\xff in"
    server.ipa("recordingpolicy-del", "watch")


def test_a_change_does_not_touch_sessions_that_go_on(server, client, logins, in_force):
    in_force(True, ("recordingpolicy-add", "watch", "--usercat=all", "--hostcat=all"))
    recordings = Recordings(client)
    with logins.terminal("alice") as terminal:
        terminal.expect(r"\$ ")
        server.ipa("recordingpolicy-disable", "watch")
        in_force(False, again=False)
        assert terminal.run("echo still here") == "still here"
        assert terminal.log_out() == 0
    wait_for(lambda: all(one.ended for one in recordings.all()))
    [recording] = [one for one in recordings.all() if b"still here" in one.printed]
    assert recording.reason == "exit"
    server.ipa("recordingpolicy-del", "watch")


def shown(logins):
    with logins.terminal("alice") as terminal:
        terminal.log_out()
        return terminal.shown
