"""Who may read and change policies and the configuration: each right, and each refusal, with the ticket of whom it
concerns."""

import pytest

from integration.ldap_as import (
    COMPUTERS,
    CONFIG,
    OK,
    POLICIES,
    RECORDING,
    REFUSED,
    add,
    delete,
    read,
    replace,
    results,
    user,
)

HOSTS = {
    "rights-everywhere": ["--hostcat=all"],
    "rights-client": ["--hosts=client.lab.test"],
    "rights-group": ["--hostgroups=web"],
    "rights-nested": ["--hostgroups=production"],
    "rights-other": ["--hosts=other.lab.test"],
    "rights-nowhere": [],
}
POLICY = {
    "objectClass": ["ipaAssociation", "ipaRecordingPolicyObject"],
    "cn": "rights-smuggled",
    "ipaUniqueID": "autogenerate",
    "ipaRecordingAction": "exempt",
    "userCategory": "all",
    "hostCategory": "all",
}


@pytest.fixture(scope="module", autouse=True)
def policies(server):
    """Policies for various hosts, made by an administrator of session recording, and their DNs by name."""
    server.ipa("recordingpolicy-del", "--continue", *HOSTS, "rights-smuggled", check=False)
    for name, hosts in HOSTS.items():
        everywhere = hosts == ["--hostcat=all"]
        server.ipa("recordingpolicy-add", name, "--notice=Recorded", *(hosts if everywhere else []), principal="rita")
        server.ipa("recordingpolicy-add-user", name, "--users=bob", principal="rita")
        if hosts and not everywhere:
            server.ipa("recordingpolicy-add-host", name, *hosts, principal="rita")
    yield {entry["cn"][0]: dn for dn, entry in read(server, "root", POLICIES, "(cn=rights-*)").items()}
    server.ipa("recordingpolicy-del", "--continue", *HOSTS, principal="rita")


def names(machine, principal, filter="(objectClass=ipaRecordingPolicyObject)"):
    """The policies that somebody sees, of those made here."""
    seen = {entry.get("cn", ["?"])[0] for entry in read(machine, principal, POLICIES, filter).values()}
    return {name for name in seen if name.startswith(("rights-", "?"))}


def test_a_host_reads_policies_for_all_hosts_for_itself_and_for_its_groups_also_nested_ones(client):
    assert names(client, "host") == {"rights-everywhere", "rights-client", "rights-group", "rights-nested"}


def test_a_host_cannot_read_policies_of_other_hosts(server):
    assert names(server, "other") == {"rights-everywhere", "rights-other"}


def test_a_host_reads_all_that_its_policies_say(client, policies):
    [entry] = read(client, "host", policies["rights-client"]).values()
    assert entry["memberuser"] == [user("bob")]
    assert entry["memberhost"] == [f"fqdn=client.lab.test,{COMPUTERS}"]
    assert entry["ipaenabledflag"] == ["TRUE"]
    assert entry["ipaRecordingNotice".lower()] == ["Recorded"]


def test_a_host_learns_nothing_of_other_policies_by_guessing_what_they_say(server):
    for filter in ("(memberUser=*)", "(cn=rights-client)", f"(memberHost=fqdn=client.lab.test,{COMPUTERS})"):
        assert "rights-client" not in names(server, "other", filter)


def test_a_policy_concerns_a_host_from_when_it_joins_a_group_until_it_leaves(server):
    server.ipa("hostgroup-add-member", "web", "--hosts=other.lab.test")
    try:
        joined = names(server, "other")
    finally:
        server.ipa("hostgroup-remove-member", "web", "--hosts=other.lab.test")
    assert joined == {"rights-everywhere", "rights-other", "rights-group", "rights-nested"}
    assert names(server, "other") == {"rights-everywhere", "rights-other"}


def test_a_host_reads_the_configuration(client):
    [entry] = read(client, "host", CONFIG).values()
    assert entry["iparecordingonfailure"] == ["deny"]
    assert entry["iparecordingheartbeat"] == ["300"]


@pytest.mark.parametrize("principal", ["host", "other", "otto", "alice", ""])
def test_only_administrators_change_policies(server, policies, principal):
    changes = [add(f"ipaUniqueID=autogenerate,{POLICIES}", POLICY)]
    for dn in policies.values():
        changes += [replace(dn, "ipaRecordingAction", "exempt"), replace(dn, "ipaEnabledFlag", "FALSE"), delete(dn)]
    assert set(results(server, principal, *changes)) == {REFUSED}


@pytest.mark.parametrize("principal", ["host", "other", "otto", "alice", ""])
def test_only_administrators_change_the_configuration(server, principal):
    changes = [replace(CONFIG, "ipaRecordingOnFailure", "allow"), replace(CONFIG, "ipaRecordingCapture")]
    assert results(server, principal, *changes) == [REFUSED, REFUSED]


@pytest.mark.parametrize("principal", ["host", "rita", "otto", "alice"])
def test_nobody_gives_himself_rights(server, policies, principal):
    aci = f'(targetattr="*")(version 3.0; acl "mine"; allow (all) userdn="ldap:///{user("alice")}";)'
    changes = [replace(dn, "aci", aci) for dn in (RECORDING, POLICIES, CONFIG, policies["rights-everywhere"])]
    assert set(results(server, principal, *changes)) == {REFUSED}


def test_an_administrator_of_session_recording_manages_policies_and_configuration(server):
    assert set(HOSTS) <= names(server, "rita")
    server.ipa("recordingpolicy-add", "rights-smuggled", principal="rita")
    server.ipa("recordingpolicy-mod", "rights-smuggled", "--order=5", principal="rita")
    server.ipa("recordingpolicy-disable", "rights-smuggled", principal="rita")
    server.ipa("recordingpolicy-del", "rights-smuggled", principal="rita")
    server.ipa("recordingconfig-mod", "--heartbeat=301", principal="rita")
    server.ipa("recordingconfig-mod", "--heartbeat=300", principal="rita")


def test_an_auditor_sees_policies_and_configuration_and_is_refused_to_change_them(server):
    assert set(HOSTS) <= names(server, "otto")
    assert "rights-nested" in server.ipa("recordingpolicy-find", "rights-", principal="otto").stdout
    assert "Heartbeat: 300" in server.ipa("recordingconfig-show", principal="otto").stdout
    for command in (
        ("recordingpolicy-add", "rights-smuggled"),
        ("recordingpolicy-mod", "rights-everywhere", "--action=exempt", "--notice="),
        ("recordingpolicy-disable", "rights-everywhere"),
        ("recordingpolicy-add-user", "rights-everywhere", "--users=alice"),
        ("recordingpolicy-del", "rights-everywhere"),
        ("recordingconfig-mod", "--on-failure=allow"),
    ):
        done = server.ipa(*command, principal="otto", check=False)
        assert done.returncode == 1 or "1 object" not in done.stdout, command
        assert "Insufficient" in done.stdout + done.stderr, command
    assert "rights-everywhere" in names(server, "otto", "(ipaEnabledFlag=TRUE)")


@pytest.mark.parametrize("principal", ["alice", "bob", ""])
def test_ordinary_users_and_strangers_see_containers_and_nothing_in_them(server, principal):
    seen = read(server, principal, RECORDING)
    assert {dn.split(",")[0] for dn in seen} <= {"cn=session-recording", "cn=policies", "cn=sessions", "cn=keys"}
    assert not {name for entry in seen.values() for name in entry} - {"objectclass", "cn"}
    assert names(server, principal, "(memberUser=*)") == set()


def test_an_ordinary_user_is_told_that_he_may_not_see_them(server):
    for command in (("recordingconfig-show",), ("recordedsession-find",)):
        done = server.ipa(*command, principal="alice", check=False)
        assert done.returncode != 0, command
    assert "rights-" not in server.ipa("recordingpolicy-find", principal="alice", check=False).stdout


def test_nobody_learns_from_a_user_or_host_that_policies_name_it(server):
    for dn in (user("bob"), f"fqdn=client.lab.test,{COMPUTERS}"):
        [entry] = read(server, "alice", dn, "(objectClass=*)", "memberOf").values()
        assert not [value for value in entry.get("memberof", []) if "session-recording" in value]


def test_the_administrator_of_the_realm_may_do_everything(server, policies):
    assert set(HOSTS) <= names(server, "admin")
    changes = [
        replace(policies["rights-nowhere"], "description", "x"),
        replace(CONFIG, "ipaRecordingHeartbeat", "300"),
    ]
    assert results(server, "admin", *changes) == [OK, OK]
