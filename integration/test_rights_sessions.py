"""Who may do what with the entries of recorded sessions: each right, and each refusal, with the ticket of whom it
concerns."""

import time

import pytest

from integration.ldap_as import BAD_SCHEMA, BASE, OK, REFUSED, SESSIONS, add, delete, read, rename, replace, user

OWN = f"fqdn=client.lab.test,{SESSIONS}"
OTHER = f"fqdn=other.lab.test,{SESSIONS}"
MINE = f"cn=mine,{OWN}"
THEIRS = f"cn=theirs,{OTHER}"
SESSION = {
    "objectClass": ["top", "ipaRecordedSession"],
    "uid": "bob",
    "ipaRecordingStart": "20260101000000Z",
    "ipaRecordingState": "running",
}
ACI = f'(targetattr="*")(version 3.0; acl "mine"; allow (all) userdn="ldap:///{user("alice")}";)'


def recorded_host(name: str) -> dict:
    return {
        "objectClass": ["top", "ipaRecordedHost"],
        "fqdn": name,
        "ipaRecordingSeen": time.strftime("%Y%m%d%H%M%SZ", time.gmtime()),
    }


@pytest.fixture(autouse=True)
def sessions(server):
    """Two hosts with a session each, that they have made themselves."""
    remove_all(server)
    assert add(server, "host", OWN, recorded_host("client.lab.test")) == OK
    assert add(server, "other", OTHER, recorded_host("other.lab.test")) == OK
    assert add(server, "host", MINE, SESSION | {"cn": "mine"}) == OK
    assert add(server, "other", THEIRS, SESSION | {"cn": "theirs"}) == OK
    yield
    remove_all(server)


def remove_all(server):
    entries = read(server, "root", SESSIONS, "(objectClass=*)", "cn")
    for dn in sorted(entries, key=lambda dn: -dn.count(",")):
        if dn != SESSIONS:
            delete(server, "root", dn)


def seen(machine, principal):
    return {dn.removesuffix(f",{SESSIONS}") for dn in read(machine, principal, SESSIONS)} - {SESSIONS}


def test_a_host_reads_its_own_sessions_and_no_others(client, server):
    assert seen(client, "host") == {"fqdn=client.lab.test", "cn=mine,fqdn=client.lab.test"}
    assert seen(server, "other") == {"fqdn=other.lab.test", "cn=theirs,fqdn=other.lab.test"}


def test_a_host_keeps_its_sessions_up_to_date(client):
    assert replace(client, "host", OWN, "ipaRecordingSeen", "20300101000000Z") == OK
    assert replace(client, "host", MINE, "ipaRecordingState", "suspended") == OK
    assert replace(client, "host", MINE, "ipaRecordingPolicy", "one", "two") == OK
    assert replace(client, "host", MINE, "ipaRecordingTerminal", "pts/7") == OK
    assert replace(client, "host", MINE, "ipaRecordingFrom", "10.0.0.1") == OK
    assert delete(client, "host", MINE) == OK
    assert delete(client, "host", OWN) == OK


def test_a_host_cannot_speak_for_another(server):
    assert add(server, "host", f"cn=new,{OTHER}", SESSION | {"cn": "new"}) == REFUSED
    assert add(server, "host", f"fqdn=third.lab.test,{SESSIONS}", recorded_host("third.lab.test")) == REFUSED
    assert replace(server, "host", OTHER, "ipaRecordingSeen", "20300101000000Z") == REFUSED
    assert replace(server, "host", THEIRS, "ipaRecordingState", "ended") == REFUSED
    assert delete(server, "host", THEIRS) == REFUSED
    assert delete(server, "host", OTHER) == REFUSED


@pytest.mark.parametrize(
    ("dn", "attributes"),
    [
        (f"cn=new,{SESSIONS}", SESSION | {"cn": "new"}),
        (f"cn=new\\,fqdn\\=client.lab.test,{SESSIONS}", SESSION | {"cn": "new,fqdn=client.lab.test"}),
        (f"cn=new\\,fqdn\\=client.lab.test,{OTHER}", SESSION | {"cn": "new,fqdn=client.lab.test"}),
        (f"cn=new+fqdn=client.lab.test,{SESSIONS}", recorded_host("client.lab.test") | SESSION | {"cn": "new"}),
        (f"cn=new,{MINE}", SESSION | {"cn": "new"}),
        (f"uid=bob,{MINE}", SESSION | {"cn": "new"}),
        (f"uid=bob,{OWN}", SESSION | {"cn": "new"}),
        (f"ipaRecordingSeen=20300101000000Z,{OWN}", recorded_host("x") | {"ipaRecordingSeen": "20300101000000Z"}),
        (f"fqdn=client.lab.test,{OWN}", recorded_host("client.lab.test")),
    ],
)
def test_a_host_writes_in_its_own_place_only(server, dn, attributes):
    assert add(server, "host", dn, attributes) in (REFUSED, BAD_SCHEMA)
    assert len(read(server, "root", SESSIONS)) == 5


@pytest.mark.parametrize(
    "more", ["krbPrincipalAux", "nsContainer", "extensibleObject", "ipaRecordedHost", "nsTombstone"]
)
def test_an_entry_of_a_host_is_nothing_else(server, more):
    attributes = SESSION | {"objectClass": [*SESSION["objectClass"], more], "cn": "new", "fqdn": "client.lab.test"}
    assert add(server, "host", f"cn=new,{OWN}", attributes) in (REFUSED, BAD_SCHEMA)
    assert replace(server, "host", MINE, "objectClass", "top", "ipaRecordedSession", more) == REFUSED


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("aci", ACI),
        ("ipaRecordingWanted", "running"),
        ("ipaRecordingWanted;lang-en", "running"),
        ("memberOf", f"cn=admins,cn=groups,cn=accounts,{BASE}"),
        ("userPassword", "Secret123"),
        ("krbPrincipalName", "root/admin@LAB.TEST"),
        ("nsds5ReplConflict", "x"),
    ],
)
def test_an_entry_of_a_host_carries_nothing_else(server, attribute, value):
    attributes = SESSION | {"cn": "new", attribute: value}
    assert add(server, "host", f"cn=new,{OWN}", attributes) in (REFUSED, BAD_SCHEMA)
    assert replace(server, "host", MINE, attribute, value) == REFUSED
    assert replace(server, "host", OWN, attribute, value) == REFUSED


@pytest.mark.parametrize("principal", ["host", "admin"])
def test_nobody_renames_a_session(server, principal):
    assert rename(server, principal, MINE, "cn=yours") == REFUSED
    assert rename(server, principal, MINE, "ipaRecordingState=running") == REFUSED
    assert rename(server, "host", OWN, "fqdn=third.lab.test") == REFUSED
    assert rename(server, "host", MINE, "cn=mine", below=OTHER) == REFUSED
    assert rename(server, "host", MINE, "cn=mine", below=SESSIONS) == REFUSED


def test_a_host_sees_what_is_wanted_and_who_asked_and_can_neither_set_nor_clear_it(client, server):
    assert replace(server, "otto", MINE, "ipaRecordingWanted", "suspended") == OK
    [entry] = read(client, "host", MINE, "(objectClass=*)", "ipaRecordingWanted", "modifiersName").values()
    assert entry == {"iparecordingwanted": ["suspended"], "modifiersname": [user("otto")]}
    assert replace(client, "host", MINE, "ipaRecordingWanted", "running") == REFUSED
    assert replace(client, "host", MINE, "ipaRecordingWanted") == REFUSED


def test_a_host_removes_what_an_auditor_wants_only_when_it_has_ended(client, server):
    assert replace(server, "otto", MINE, "ipaRecordingWanted", "terminated") == OK
    assert delete(client, "host", MINE) == REFUSED
    assert replace(client, "host", MINE, "ipaRecordingState", "ended") == OK
    assert delete(client, "host", MINE) == OK


def test_an_auditor_sees_the_sessions_of_all_hosts(server):
    assert seen(server, "otto") == seen(server, "admin") == seen(server, "host") | seen(server, "other")
    told = server.ipa("recordedsession-find", principal="otto").stdout
    assert "Recording: mine" in told
    assert "Recording: theirs" in told


@pytest.mark.parametrize("principal", ["otto", "admin"])
def test_an_auditor_wants_only_states_that_hosts_know(server, principal):
    for state in ("suspended", "running", "terminated"):
        assert replace(server, principal, THEIRS, "ipaRecordingWanted", state) == OK
    assert replace(server, principal, THEIRS, "ipaRecordingWanted", "exploded") == REFUSED
    assert replace(server, principal, THEIRS, "ipaRecordingWanted") == OK


def test_an_auditor_cannot_rewrite_what_hosts_say(server):
    for attribute, value in (
        ("ipaRecordingState", "ended"),
        ("uid", "alice"),
        ("ipaRecordingStart", "20300101000000Z"),
        ("ipaRecordingFrom", "10.0.0.1"),
        ("aci", ACI),
    ):
        assert replace(server, "otto", MINE, attribute, value) == REFUSED
    assert replace(server, "otto", OWN, "ipaRecordingSeen", "20300101000000Z") == REFUSED
    assert add(server, "otto", f"cn=new,{OWN}", SESSION | {"cn": "new"}) == REFUSED


def test_an_auditor_removes_entries(server):
    assert delete(server, "otto", MINE) == OK
    assert delete(server, "otto", OWN) == OK


@pytest.mark.parametrize("principal", ["rita", "alice", "bob", ""])
def test_nobody_else_sees_or_controls_sessions(server, principal):
    assert seen(server, principal) == set()
    assert replace(server, principal, MINE, "ipaRecordingWanted", "terminated") == REFUSED
    assert delete(server, principal, MINE) == REFUSED
    assert add(server, principal, f"cn=new,{OWN}", SESSION | {"cn": "new"}) == REFUSED


@pytest.mark.parametrize("principal", ["rita", "alice"])
def test_who_may_not_see_sessions_is_told_so(server, principal):
    for command in (("find",), ("show", "mine"), ("terminate", "mine"), ("del", "mine", "--host=client.lab.test")):
        verb, *arguments = command
        done = server.ipa(f"recordedsession-{verb}", *arguments, principal=principal, check=False)
        assert done.returncode != 0
        assert "you may not see recorded sessions" in done.stderr


def test_the_administrator_of_the_realm_controls_sessions(server):
    assert "as soon as its host acts" in server.ipa("recordedsession-terminate", "mine").stdout
    [entry] = read(server, "root", MINE, "(objectClass=*)", "ipaRecordingWanted", "modifiersName").values()
    assert entry == {"iparecordingwanted": ["terminated"], "modifiersname": [user("admin")]}
