"""The commands on the keys that hosts sign recordings with.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

import base64
import hashlib
from collections.abc import Iterator

import pytest
from ipalib import api, errors
from ipapython.dn import DN
from ipaserver.plugins.recordingkey_entry import ED25519, key_id
from ipatests.test_xmlrpc.recordedsession_expected import fuzzy_time, put
from ipatests.test_xmlrpc.recording_expected import as_directory_manager
from ipatests.test_xmlrpc.test_recordedsession_plugin import repr_of
from ipatests.test_xmlrpc.xmlrpc_test import XMLRPC_test, assert_deepequal, raises_exact

KEYS = DN(("cn", "keys"), ("cn", "session-recording"), api.env.basedn)
WEB, DB = (f"reckey{name}.{api.env.domain}" for name in ("web", "db"))


def public(name: str) -> str:
    """A public key, the same for the same name."""
    return base64.b64encode(ED25519 + hashlib.sha256(name.encode()).digest()).decode()


def id_of(name: str) -> str:
    return hashlib.sha256(hashlib.sha256(name.encode()).digest()).hexdigest()[:16]


def add(host: str, name: str, **attributes: str | list[str]) -> None:
    """A host's entry, and one of its keys, as the host would write them."""
    above = DN(("fqdn", host), KEYS)
    put(above, {"objectclass": ["top", "iparecordedhost"], "fqdn": host})
    said = {"cn": id_of(name), "iparecordingpublickey": public(name)} | attributes
    rdn = said["cn"] if isinstance(said["cn"], str) else said["cn"][0]
    put(DN(("cn", rdn), above), {"objectclass": ["top", "iparecordingkeyobject"]} | said)


def remove_all() -> None:
    with as_directory_manager() as ldap:
        try:
            entries = ldap.get_entries(KEYS, filter="(!(objectclass=nscontainer))", attrs_list=["dn"])
        except errors.NotFound:
            return
        for entry in sorted(entries, key=lambda entry: -len(entry.dn)):
            ldap.delete_entry(entry.dn)


@pytest.fixture(autouse=True)
def keys(xmlrpc_setup) -> Iterator[None]:
    remove_all()
    add(WEB, "one")
    add(WEB, "two")
    add(DB, "three")
    yield
    remove_all()


def found(*criteria: str, **options: object) -> set[str]:
    """The ids of the keys found."""
    return {entry["cn"][0] for entry in api.Command.recordingkey_find(*criteria, **options)["result"]}


@pytest.mark.tier1
class test_recordingkey(XMLRPC_test):
    """Finding, showing and removing."""

    def test_all_are_found_by_host(self) -> None:
        result = api.Command.recordingkey_find()
        assert result["summary"] == "3 recording keys matched"
        assert [entry["host"][0] for entry in result["result"]] == [DB, WEB, WEB]
        assert found() == {id_of(name) for name in ("one", "two", "three")}

    def test_they_are_found_by_host_and_by_key(self) -> None:
        assert found(host=WEB) == found(host="reckeyweb", pkey_only=True) == {id_of("one"), id_of("two")}
        assert found(host="nobody") == set()
        assert found(id_of("three")[:8]) == found(iparecordingpublickey=public("three")) == {id_of("three")}

    def test_one_is_shown_whole(self) -> None:
        expected = {
            "value": id_of("one"),
            "summary": None,
            "result": {
                "dn": f"cn={id_of('one')},fqdn={WEB},{KEYS}",
                "cn": (id_of("one"),),
                "host": (WEB,),
                "since": (fuzzy_time,),
                "iparecordingpublickey": (public("one"),),
            },
        }
        assert_deepequal(expected, api.Command.recordingkey_show(id_of("one")))

    def test_one_that_is_not_there(self) -> None:
        for options in ({}, {"host": WEB}, {"host": "nobody"}):
            for name in (id_of("none"), "*", "one,cn=x"):
                for command in ("show", "del"):
                    with raises_exact(errors.NotFound(reason=f"{name}: recording key not found")):
                        api.Command[f"recordingkey_{command}"](name, **options)

    @pytest.mark.parametrize("command", ["show", "del"])
    def test_of_two_hosts_that_claim_a_key_one_must_be_named(self, command: str) -> None:
        add(DB, "one")
        problem = f'several hosts have a key "{id_of("one")}" ({DB}, {WEB}): say with --host which is meant'
        with raises_exact(errors.ExecutionError(message=problem)):
            api.Command[f"recordingkey_{command}"](id_of("one"))
        api.Command[f"recordingkey_{command}"](id_of("one"), host=WEB)

    def test_with_the_last_key_goes_the_entry_of_its_host(self) -> None:
        result = api.Command.recordingkey_del(id_of("one"), id_of("three"))
        assert result["summary"] == f'Removed recording key "{id_of("one")},{id_of("three")}"'
        with as_directory_manager() as ldap:
            assert [ldap.entry_exists(DN(("fqdn", host), KEYS)) for host in (WEB, DB)] == [True, False]

    def test_keys_are_neither_added_nor_changed_by_command(self) -> None:
        assert not {"recordingkey_add", "recordingkey_mod"} & {command.name for command in api.Command()}


@pytest.mark.tier1
class test_recordingkey_hostile(XMLRPC_test):
    """What a hostile host writes reaches nobody's terminal, and is not taken for a key."""

    def test_control_characters_are_shown_as_escapes(self) -> None:
        add(WEB, "x", cn="rec\x1b[2J", iparecordingpublickey="\x1b]0;title\x07\u202e\n")
        for options in ({}, {"all": True}, {"all": True, "raw": True}, {"pkey_only": True}):
            text = repr_of(api.Command.recordingkey_find(**options))
            assert "rec\\x1b[2J" in text
            assert text.isprintable()

    @pytest.mark.parametrize("value", [public("other"), public("x")[:-4], "x" * 100_000, public("x").rstrip("=")])
    def test_what_is_not_the_key_of_its_name_is_shown_as_such(self, value: str) -> None:
        add(WEB, "x", iparecordingpublickey=value)
        [shown] = api.Command.recordingkey_show(id_of("x"))["result"]["iparecordingpublickey"]
        assert shown.startswith("not the key of this name (")
        assert len(shown) < 400

    def test_a_time_that_a_host_claims_is_not_shown(self) -> None:
        add(WEB, "x", **{"createtimestamp;x": "20200101000000Z"})
        result = api.Command.recordingkey_show(id_of("x"), all=True)["result"]
        assert result["since"] == (fuzzy_time,)
        assert result["since"][0].year > 2020

    def test_what_only_looks_like_a_key_is_none(self) -> None:
        entry = {"objectclass": ["top", "iparecordingkeyobject"], "iparecordingpublickey": public("x")}
        put(DN(("cn", id_of("x")), ("cn", id_of("one")), ("fqdn", WEB), KEYS), entry | {"cn": id_of("x")})
        assert found(id_of("x")) == set()

    def test_only_one_spelling_of_a_key_is_one(self) -> None:
        assert key_id(public("one").encode()) == id_of("one")
        # 44 bytes leave two bits of the last digit unused: another one there decodes to the same bytes.
        other = public("one")[:-2] + chr(ord(public("one")[-2]) + 1) + "="
        for value in (
            b"",
            b"MCowBQYDK2VwAyEA",
            public("one").encode() + b"\n",
            other.encode(),
            b"\xff",
        ):
            assert key_id(value) is None
