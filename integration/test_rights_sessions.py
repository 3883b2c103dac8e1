"""Who may do what with the entries of recorded sessions: each right, and each refusal, with the ticket of whom it
concerns."""

import time

import pytest

from integration.ldap_as import (
    BASE,
    OK,
    REFUSED,
    SESSIONS,
    add,
    delete,
    let_through,
    read,
    remove_below,
    rename,
    replace,
    results,
    user,
)

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
LATER = "20300101000000Z"
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
    remove_below(server, SESSIONS)
    mine = add(OWN, recorded_host("client.lab.test")), add(MINE, SESSION | {"cn": "mine"})
    theirs = add(OTHER, recorded_host("other.lab.test")), add(THEIRS, SESSION | {"cn": "theirs"})
    assert results(server, "host", *mine) == [OK, OK]
    assert results(server, "other", *theirs) == [OK, OK]


@pytest.fixture(autouse=True, scope="module")
def nothing_left(server):
    yield
    remove_below(server, SESSIONS)


def seen(machine, principal):
    return {dn.removesuffix(f",{SESSIONS}") for dn in read(machine, principal, SESSIONS)} - {SESSIONS}


def test_a_host_reads_its_own_sessions_and_no_others(client, server):
    assert seen(client, "host") == {"fqdn=client.lab.test", "cn=mine,fqdn=client.lab.test"}
    assert seen(server, "other") == {"fqdn=other.lab.test", "cn=theirs,fqdn=other.lab.test"}


def test_a_host_keeps_its_sessions_up_to_date(client):
    changes = [
        replace(OWN, "ipaRecordingSeen", LATER),
        replace(MINE, "ipaRecordingState", "suspended"),
        replace(MINE, "ipaRecordingPolicy", "one", "two"),
        replace(MINE, "ipaRecordingTerminal", "pts/7"),
        replace(MINE, "ipaRecordingFrom", "10.0.0.1"),
        delete(MINE),
        delete(OWN),
    ]
    assert set(results(client, "host", *changes)) == {OK}


def test_a_host_cannot_speak_for_another(server):
    changes = [
        add(f"cn=new,{OTHER}", SESSION | {"cn": "new"}),
        add(f"fqdn=third.lab.test,{SESSIONS}", recorded_host("third.lab.test")),
        replace(OTHER, "ipaRecordingSeen", LATER),
        replace(THEIRS, "ipaRecordingState", "ended"),
        delete(THEIRS),
        delete(OTHER),
    ]
    assert let_through(server, "host", *changes) == []


def test_a_host_writes_in_its_own_place_only(server):
    new = SESSION | {"cn": "new"}
    feigned = SESSION | {"cn": "new,fqdn=client.lab.test"}
    changes = [
        add(f"cn=new,{SESSIONS}", new),
        add(f"cn=new\\,fqdn\\=client.lab.test,{SESSIONS}", feigned),
        add(f"cn=new\\,fqdn\\=client.lab.test,{OTHER}", feigned),
        add(f"cn=new+fqdn=client.lab.test,{SESSIONS}", recorded_host("client.lab.test") | new),
        add(f"cn=new,{MINE}", new),
        add(f"uid=bob,{MINE}", new),
        add(f"uid=bob,{OWN}", new),
        add(f"ipaRecordingSeen={LATER},{OWN}", recorded_host("x") | {"ipaRecordingSeen": LATER}),
        add(f"fqdn=client.lab.test,{OWN}", recorded_host("client.lab.test")),
    ]
    assert let_through(server, "host", *changes) == []


def test_an_entry_of_a_host_is_nothing_else(server):
    changes = []
    for more in ("krbPrincipalAux", "nsContainer", "extensibleObject", "ipaRecordedHost", "nsTombstone"):
        classes = {"objectClass": [*SESSION["objectClass"], more], "fqdn": "client.lab.test"}
        changes.append(add(f"cn={more},{OWN}", SESSION | classes | {"cn": more}))
        changes.append(replace(MINE, "objectClass", "top", "ipaRecordedSession", more))
    assert let_through(server, "host", *changes) == []


def test_an_entry_of_a_host_carries_nothing_else(server):
    carried = (
        ("aci", ACI),
        ("ipaRecordingWanted", "running"),
        ("ipaRecordingWanted;lang-en", "running"),
        ("memberOf", f"cn=admins,cn=groups,cn=accounts,{BASE}"),
        ("userPassword", "Secret123"),
        ("krbPrincipalName", "root/admin@LAB.TEST"),
        ("nsds5ReplConflict", "x"),
    )
    changes = [
        change
        for attribute, value in carried
        for change in (
            add(f"cn=new,{OWN}", SESSION | {"cn": "new", attribute: value}),
            replace(MINE, attribute, value),
            replace(OWN, attribute, value),
        )
    ]
    assert let_through(server, "host", *changes) == []


def test_nobody_renames_a_session(server):
    names = [rename(MINE, "cn=yours"), rename(MINE, "ipaRecordingState=running"), rename(OWN, "fqdn=third.lab.test")]
    places = [rename(MINE, "cn=mine", below=place) for place in (OTHER, SESSIONS)]
    assert let_through(server, "host", *names, *places) == []
    assert let_through(server, "admin", *names) == []


def test_a_host_sees_what_is_wanted_and_who_asked_and_can_neither_set_nor_clear_it(client, server):
    assert results(server, "otto", replace(MINE, "ipaRecordingWanted", "suspended")) == [OK]
    [entry] = read(client, "host", MINE, "(objectClass=*)", "ipaRecordingWanted", "modifiersName").values()
    assert entry == {"iparecordingwanted": ["suspended"], "modifiersname": [user("otto")]}
    changes = replace(MINE, "ipaRecordingWanted", "running"), replace(MINE, "ipaRecordingWanted")
    assert let_through(client, "host", *changes) == []


def test_a_host_removes_what_an_auditor_wants_only_when_it_has_ended(client, server):
    assert results(server, "otto", replace(MINE, "ipaRecordingWanted", "terminated")) == [OK]
    changes = delete(MINE), replace(MINE, "ipaRecordingState", "ended"), delete(MINE)
    assert results(client, "host", *changes) == [REFUSED, OK, OK]


def test_an_auditor_sees_the_sessions_of_all_hosts(server):
    assert seen(server, "otto") == seen(server, "admin") == seen(server, "host") | seen(server, "other")
    told = server.ipa("recordedsession-find", principal="otto").stdout
    assert "Recording: mine" in told
    assert "Recording: theirs" in told


@pytest.mark.parametrize("principal", ["otto", "admin"])
def test_an_auditor_wants_only_states_that_hosts_know(server, principal):
    states = ("suspended", "running", "terminated", "exploded")
    changes = [replace(THEIRS, "ipaRecordingWanted", state) for state in states]
    cleared = replace(THEIRS, "ipaRecordingWanted")
    assert results(server, principal, *changes, cleared) == [OK, OK, OK, REFUSED, OK]


def test_an_auditor_cannot_rewrite_what_hosts_say(server):
    changes = [
        replace(MINE, "ipaRecordingState", "ended"),
        replace(MINE, "uid", "alice"),
        replace(MINE, "ipaRecordingStart", LATER),
        replace(MINE, "ipaRecordingFrom", "10.0.0.1"),
        replace(MINE, "aci", ACI),
        replace(OWN, "ipaRecordingSeen", LATER),
        add(f"cn=new,{OWN}", SESSION | {"cn": "new"}),
    ]
    assert let_through(server, "otto", *changes) == []


def test_an_auditor_removes_entries(server):
    assert results(server, "otto", delete(MINE), delete(OWN)) == [OK, OK]


@pytest.mark.parametrize("principal", ["rita", "alice", ""])
def test_nobody_else_sees_or_controls_sessions(server, principal):
    assert seen(server, principal) == set()
    changes = [
        replace(MINE, "ipaRecordingWanted", "terminated"),
        delete(MINE),
        add(f"cn=new,{OWN}", SESSION | {"cn": "new"}),
    ]
    assert let_through(server, principal, *changes) == []


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
