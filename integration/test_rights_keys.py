"""Who may do what with the keys of hosts: each right, and each refusal, with the ticket of whom it concerns."""

import time

import pytest

from integration.ldap_as import (
    KEYS,
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
from recorder.keys.host_directory import judged
from recorder.keys.signing_key import PublicKey, SigningKey

OWN = f"fqdn=client.lab.test,{KEYS}"
OTHER = f"fqdn=other.lab.test,{KEYS}"
EXISTS = 68
"""Result code entryAlreadyExists."""
EARLIER = "20200101000000Z"
ACI = f'(targetattr="*")(version 3.0; acl "mine"; allow (all) userdn="ldap:///{user("alice")}";)'


def key_of(name: str) -> PublicKey:
    """The same key for the same name."""
    return SigningKey(name.encode().ljust(32, b"\0"), 0.0).public


def key_entry(key: PublicKey, **more: str | list[str]) -> dict:
    said = {"objectClass": ["top", "ipaRecordingKeyObject"], "cn": key.key_id, "ipaRecordingPublicKey": key.spki()}
    return said | more


def recorded_host(name: str) -> dict:
    return {"objectClass": ["top", "ipaRecordedHost"], "fqdn": name}


MINE = f"cn={key_of('mine').key_id},{OWN}"
THEIRS = f"cn={key_of('theirs').key_id},{OTHER}"
NEW = f"cn={key_of('new').key_id},{OWN}"


@pytest.fixture(autouse=True)
def keys(server):
    """Two hosts with a key each, that they have put there themselves."""
    remove_below(server, KEYS)
    mine = add(OWN, recorded_host("client.lab.test")), add(MINE, key_entry(key_of("mine")))
    theirs = add(OTHER, recorded_host("other.lab.test")), add(THEIRS, key_entry(key_of("theirs")))
    assert results(server, "host", *mine) == [OK, OK]
    assert results(server, "other", *theirs) == [OK, OK]


@pytest.fixture(autouse=True, scope="module")
def nothing_left(server):
    yield
    remove_below(server, KEYS)


def seen(machine, principal):
    return set(read(machine, principal, KEYS)) - {KEYS}


def test_a_host_reads_its_own_keys_and_no_others(client, server):
    assert seen(client, "host") == {OWN, MINE}
    assert seen(server, "other") == {OTHER, THEIRS}


def test_a_host_adds_another_key_of_its_own(client):
    assert results(client, "host", add(NEW, key_entry(key_of("new")))) == [OK]
    assert seen(client, "host") == {OWN, MINE, NEW}


def test_a_host_can_neither_change_nor_remove_a_key_nor_put_another_in_its_place(client):
    changes = [
        replace(MINE, "ipaRecordingPublicKey", key_of("new").spki()),
        replace(MINE, "ipaRecordingPublicKey"),
        replace(MINE, "cn", key_of("mine").key_id, key_of("new").key_id),
        replace(MINE, "createTimestamp", EARLIER),
        replace(MINE, "creatorsName", user("alice")),
        replace(MINE, "description", "x"),
        replace(MINE, "objectClass", "top", "ipaRecordingKeyObject", "extensibleObject"),
        replace(MINE, "aci", ACI),
        replace(OWN, "ipaRecordingSeen", EARLIER),
        replace(OWN, "aci", ACI),
        delete(MINE),
        delete(OWN),
    ]
    assert let_through(client, "host", *changes) == []
    assert results(client, "host", add(MINE, key_entry(key_of("mine")))) == [EXISTS]


CLAIMS = (
    {"createTimestamp": EARLIER},
    {"createTimestamp": EARLIER, "modifyTimestamp": EARLIER, "creatorsName": user("admin")},
    {"2.5.18.1": EARLIER},
    {"createTimestamp;x-host": EARLIER},
    # As the directory itself notes changes, which it reads back after a restart.
    {"createTimestamp;vucsn-7f000000000000040000": EARLIER},
    {"createTimestamp;adcsn-7f000000000000040000;vucsn-7f000000000000040000": EARLIER},
)


def test_the_directory_alone_says_since_when_it_has_a_key(client, server):
    """Were it the host's word, root on the host could make a key and seal the past anew with it."""
    made = [(f"cn={key_of(f'claim {n}').key_id},{OWN}", key_of(f"claim {n}")) for n in range(len(CLAIMS))]
    adds = [add(dn, key_entry(key, **claim)) for (dn, key), claim in zip(made, CLAIMS, strict=True)]
    assert results(client, "host", *adds) == [OK] * len(CLAIMS)
    server.run("systemctl", "restart", "dirsrv@LAB-TEST")
    wanted = ("cn", "ipaRecordingPublicKey", "createTimestamp")
    for asker in ("otto", "host"):
        entries = read(server, asker, OWN, "(objectClass=ipaRecordingKeyObject)", *wanted)
        assert len(entries) == len(CLAIMS) + 1
        coded = [
            (dn, {name: [value.encode() for value in values] for name, values in entry.items()})
            for dn, entry in entries.items()
        ]
        found = judged(coded)
        assert {key.key_id for key in found.keys} >= {key_of("mine").key_id, key_of("claim 0").key_id}
        assert all(key.created > time.time() - 600 for key in found.keys)
    shown = server.ipa("recordingkey-find", "--all", principal="otto").stdout
    assert EARLIER not in shown


def test_a_host_cannot_speak_for_another(server):
    key = key_of("new")
    changes = [
        add(f"cn={key.key_id},{OTHER}", key_entry(key)),
        add(f"fqdn=third.lab.test,{KEYS}", recorded_host("third.lab.test")),
        delete(THEIRS),
        delete(OTHER),
        replace(THEIRS, "ipaRecordingPublicKey", key.spki()),
    ]
    assert let_through(server, "host", *changes) == []


def test_a_host_writes_in_its_own_place_only(server):
    key = key_of("new")
    name = f"{key.key_id},fqdn=client.lab.test"
    escaped = name.replace(",", "\\,").replace("=", "\\=")
    changes = [
        add(f"cn={key.key_id},{KEYS}", key_entry(key)),
        add(f"cn={escaped},{KEYS}", key_entry(key, cn=name)),
        add(f"cn={escaped},{OTHER}", key_entry(key, cn=name)),
        add(f"cn={key.key_id},{MINE}", key_entry(key)),
        add(f"cn={key.key_id}+fqdn=client.lab.test,{KEYS}", key_entry(key) | recorded_host("client.lab.test")),
        add(f"fqdn=client.lab.test,{OWN}", recorded_host("client.lab.test")),
        add(
            f"ipaRecordingPublicKey=MCowBQYDK2VwAyEAx,{OWN}",
            key_entry(key, ipaRecordingPublicKey="MCowBQYDK2VwAyEAx"),
        ),
    ]
    assert let_through(server, "host", *changes) == []


def test_a_key_of_a_host_has_no_place_among_sessions_and_no_session_among_keys(server):
    session = {
        "objectClass": ["top", "ipaRecordedSession"],
        "cn": "mine",
        "uid": "bob",
        "ipaRecordingStart": EARLIER,
        "ipaRecordingState": "running",
    }
    above = add(f"fqdn=client.lab.test,{SESSIONS}", recorded_host("client.lab.test"))
    assert results(server, "host", above) in ([OK], [EXISTS])
    changes = [
        add(f"cn={key_of('new').key_id},fqdn=client.lab.test,{SESSIONS}", key_entry(key_of("new"))),
        add(f"cn=mine,{OWN}", session),
    ]
    assert let_through(server, "host", *changes) == []
    results(server, "host", delete(f"fqdn=client.lab.test,{SESSIONS}"))


def test_what_is_plainly_no_key_is_refused(server):
    values = ("", "x", "MCowBQYDK2VwAyE", "mcowbqydk2vwayea" + "A" * 44, "-----BEGIN PUBLIC KEY-----", "\x1b[2J")
    changes = [add(NEW, key_entry(key_of("new"), ipaRecordingPublicKey=value)) for value in values]
    changes.append(add(NEW, key_entry(key_of("new"), ipaRecordingPublicKey=[key_of("new").spki(), "x"])))
    codes = results(server, "host", *changes)
    assert OK not in codes
    assert NEW not in seen(server, "root")


def test_an_entry_of_a_key_is_and_carries_nothing_else(server):
    key = key_of("new")
    changes = [
        add(NEW, key_entry(key, objectClass=["top", "ipaRecordingKeyObject", more], fqdn="x", krbPrincipalName="x"))
        for more in ("krbPrincipalAux", "nsContainer", "extensibleObject", "ipaRecordedHost", "nsTombstone")
    ]
    changes += [
        add(NEW, key_entry(key, **{attribute: value}))
        for attribute, value in (
            ("aci", ACI),
            ("userPassword", "Secret123"),
            ("krbPrincipalName", "root/admin@LAB.TEST"),
            ("nsds5ReplConflict", "x"),
            ("description", "x"),
            ("ipaRecordingSeen", EARLIER),
        )
    ]
    assert let_through(server, "host", *changes) == []
    results(server, "root", delete(MINE), delete(OWN))
    carried = [
        add(OWN, recorded_host("client.lab.test") | {attribute: value})
        for attribute, value in (("aci", ACI), ("ipaRecordingSeen", EARLIER), ("nsds5ReplConflict", "x"))
    ]
    assert let_through(server, "host", *carried) == []


@pytest.mark.parametrize("principal", ["host", "rita", "otto", "admin"])
def test_nobody_renames_or_moves_a_key(server, principal):
    changes = [
        rename(MINE, f"cn={key_of('new').key_id}"),
        rename(MINE, f"cn={key_of('mine').key_id}", below=OTHER),
        rename(OWN, "fqdn=third.lab.test"),
        rename(THEIRS, f"cn={key_of('theirs').key_id}", below=OWN),
    ]
    assert let_through(server, principal, *changes) == []


@pytest.mark.parametrize("principal", ["rita", "otto", "admin"])
def test_nobody_changes_a_key(server, principal):
    changes = [
        replace(MINE, "ipaRecordingPublicKey", key_of("new").spki()),
        replace(MINE, "cn", key_of("mine").key_id, "x"),
        replace(MINE, "createTimestamp", EARLIER),
        replace(MINE, "aci", ACI),
        replace(OWN, "fqdn", "client.lab.test", "other.lab.test"),
        replace(OWN, "aci", ACI),
    ]
    assert let_through(server, principal, *changes) == []


@pytest.mark.parametrize("principal", ["rita", "otto"])
def test_nobody_adds_a_key_for_a_host(server, principal):
    changes = [add(NEW, key_entry(key_of("new"))), add(f"fqdn=x.lab.test,{KEYS}", recorded_host("x.lab.test"))]
    assert let_through(server, principal, *changes) == []


@pytest.mark.parametrize("principal", ["rita", "otto", "admin"])
def test_administrators_and_auditors_of_session_recording_see_all_keys(server, principal):
    assert seen(server, principal) == {OWN, MINE, OTHER, THEIRS}
    told = server.ipa("recordingkey-find", principal=principal).stdout
    for name in ("mine", "theirs"):
        assert f"Key: {key_of(name).key_id}" in told
        assert f"Public key: {key_of(name).spki()}" in told


def test_an_administrator_of_session_recording_removes_keys_and_an_auditor_does_not(server):
    assert results(server, "otto", delete(MINE)) == [REFUSED]
    refused = server.ipa("recordingkey-del", key_of("mine").key_id, principal="otto", check=False)
    assert refused.returncode != 0
    assert "Insufficient" in refused.stderr
    server.ipa("recordingkey-del", key_of("mine").key_id, principal="rita")
    assert seen(server, "root") == {OTHER, THEIRS}
    server.ipa("recordingkey-del", key_of("theirs").key_id, principal="admin")
    assert seen(server, "root") == set()


@pytest.mark.parametrize("principal", ["alice", ""])
def test_nobody_else_sees_keys(server, principal):
    assert seen(server, principal) == set()
    assert let_through(server, principal, delete(MINE), add(NEW, key_entry(key_of("new")))) == []


def test_who_may_not_see_keys_is_told_so(server):
    for command in (("find",), ("show", key_of("mine").key_id), ("del", key_of("mine").key_id)):
        done = server.ipa(f"recordingkey-{command[0]}", *command[1:], principal="alice", check=False)
        assert done.returncode != 0
        assert "you may not see recording keys" in done.stderr


def test_keys_outlive_their_host(server):
    """The recordings that they have signed do."""
    name = "passing.lab.test"
    key = key_of("passing")
    above = f"fqdn={name},{KEYS}"
    server.ipa("host-add", "--force", name)
    try:
        entries = add(above, recorded_host(name)), add(f"cn={key.key_id},{above}", key_entry(key))
        assert results(server, "root", *entries) == [OK, OK]
    finally:
        server.ipa("host-del", name)
    assert key.key_id in server.ipa("recordingkey-find", f"--host={name}", principal="otto").stdout
