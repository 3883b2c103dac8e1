"""A host's key from its file into the directory, and from there to the auditor who verifies what it has signed."""

import json
import time
from pathlib import Path

import pytest

from integration.ldap_as import BASE, KEYS, OK, delete, read, results
from recorder.keys.signing_key import SigningKey
from tests.sealing import sealed_recording

ROOT = Path(__file__).parent.parent
PLACE = "/root/host-keys"
HOST = "client.lab.test"
KEY = SigningKey(b"host key".ljust(32, b"\0"), 1_700_000_000.0)
PUBLISH = f"""
import sys, ldap, ldap.sasl
sys.path.insert(0, {PLACE!r})
from recorder.keys.signing_key import SigningKey
from sssd_responder.freeipa.host_key import HostKeyError, publish
connection = ldap.initialize("ldap://ipa.lab.test")
connection.set_option(ldap.OPT_X_SASL_NOCANON, ldap.OPT_ON)
connection.sasl_interactive_bind_s("", ldap.sasl.gssapi())
key = SigningKey(bytes.fromhex(sys.argv[1]), 5.0).public
try:
    print(*publish(connection, {BASE!r}, sys.argv[2], key))
except HostKeyError as error:
    print(error)
"""


@pytest.fixture(autouse=True)
def no_keys(server):
    remove_all(server)
    yield
    remove_all(server)


@pytest.fixture(autouse=True, scope="module")
def placed(client):
    client.run("mkdir", "-p", PLACE)
    for name in ("recorder", "sssd_responder", "auditor", "ipa_plugin", "sessrec.py"):
        client.copy_in(ROOT / name, f"{PLACE}/{name}")


def remove_all(server):
    entries = [dn for dn in read(server, "root", KEYS, "(objectClass=*)", "cn") if dn != KEYS]
    results(server, "root", *(delete(dn) for dn in sorted(entries, key=lambda dn: -dn.count(","))))


def publish(client, seed=KEY.seed, fqdn=HOST, principal="host"):
    return client.run("python3", "-c", PUBLISH, seed.hex(), fqdn, principal=principal).stdout.strip()


def sessrec(machine, *argv, principal="otto", python=("python3",)):
    program = ("env", f"XDG_DATA_HOME={PLACE}/data", "TZ=UTC", *python, f"{PLACE}/sessrec.py", *argv)
    return machine.run(*program, principal=principal, check=False)


@pytest.fixture
def auditor(client):
    """`sessrec` of an auditor who trusts nothing yet: auditor("key", "fetch")."""
    client.run("rm", "-rf", f"{PLACE}/data")
    return lambda *argv, **how: sessrec(client, *argv, **how)


def recording(client, key, host, began):
    lines = b"".join(sealed_recording(["$ "], key, host=host, began=began))
    client.run("sh", "-c", f"cat >{PLACE}/recording.jsonl", input=lines.decode())
    return f"{PLACE}/recording.jsonl"


def test_a_host_puts_its_key_into_the_directory_once(client, server):
    new, since = publish(client).split()
    assert new == "True"
    assert abs(float(since) - time.time()) < 60
    assert publish(client) == f"False {since}"
    assert publish(client, KEY.seed[::-1]).startswith("True ")
    assert KEY.key_id in server.ipa("recordingkey-find", f"--host={HOST}", principal="otto").stdout


def test_a_host_that_cannot_publish_says_why_in_one_line(client):
    assert publish(client, fqdn="other.lab.test") == (
        "the directory refuses a key of other.lab.test: is this the host's name in FreeIPA?"
    )
    assert publish(client, principal="alice").startswith("the directory refuses a key")
    assert publish(client, fqdn="client.lab.test,cn=x").startswith("the directory refuses a key")


@pytest.mark.parametrize("python", [("python3",), ("python3", "-S")], ids=["with python-ldap", "without"])
def test_an_auditor_fetches_the_key_and_verifies_with_it(client, auditor, python):
    publish(client)
    path = recording(client, KEY, HOST, time.time() + 5)
    assert auditor("verify", path).stdout == "unsigned\n"
    done = auditor("key", "fetch", python=python)
    assert done.returncode == 0, done.stderr
    assert f"trusted: {KEY.key_id} of {HOST}" in done.stdout
    assert "1 keys of 1 hosts, 1 of them new" in done.stdout
    assert auditor("verify", path).stdout == "complete\n"
    assert "0 of them new" in auditor("key", "fetch", HOST, python=python).stdout
    assert "0 of them new" in auditor("key", "fetch", "client").stdout


def test_what_began_before_the_directory_had_the_key_is_found(client, auditor):
    """Root on the host makes a key, says that it is old, and seals last week anew."""
    publish(client)
    auditor("key", "fetch")
    path = recording(client, KEY, HOST, time.time() - 7 * 86_400)
    done = auditor("verify", path)
    assert done.stdout == "tampered at 1\n"
    assert "created after it began" in done.stderr


def test_the_key_of_a_host_proves_nothing_of_another(client, auditor):
    publish(client)
    auditor("key", "fetch")
    done = auditor("verify", recording(client, KEY, "other.lab.test", time.time() + 5))
    assert done.stdout == "unsigned\n"
    assert f"is that of {HOST}" in done.stderr


def test_another_host_that_claims_the_key_spoils_nothing(client, auditor):
    publish(client)
    path = recording(client, KEY, HOST, time.time() + 5)
    time.sleep(2)
    publish(client, fqdn="other.lab.test", principal="other")
    assert "2 keys of 2 hosts" in auditor("key", "fetch").stdout
    assert auditor("verify", path).stdout == "complete\n"


def test_a_key_that_was_removed_is_named_and_a_later_one_counts_from_then_on(client, server, auditor):
    publish(client)
    auditor("key", "fetch")
    assert results(server, "rita", delete(f"cn={KEY.key_id},fqdn={HOST},{KEYS}")) == [OK]
    done = auditor("key", "fetch", HOST)
    assert done.returncode == 1
    assert f"{HOST} has no key in the directory" in done.stderr
    assert f"not in the directory: {KEY.key_id} of {HOST}" in done.stderr
    time.sleep(1)
    publish(client)
    assert "changed: " in auditor("key", "fetch").stdout


def test_as_json(client, auditor):
    _, since = publish(client).split()
    shown = json.loads(auditor("key", "fetch", "--json").stdout)
    assert shown == {"host": HOST, "key": KEY.key_id, "created": float(since), "new": True}


def test_who_cannot_ask_is_told_why_in_one_line(client, auditor):
    for how, told in (
        (("alice", "fetch"), "shows no hosts' keys: get the role Session Recording Auditor"),
        (("", "fetch"), "see with klist that there is a ticket"),
        (("otto", "fetch", "--server", "nowhere.lab.test"), "nowhere.lab.test cannot be asked"),
    ):
        for python in (("python3",), ("python3", "-S")):
            done = auditor("key", *how[1:], principal=how[0], python=python)
            assert done.returncode == 1
            assert told in done.stderr
            assert done.stderr.count("\n") == 1
