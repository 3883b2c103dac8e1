"""What hosts have written into FreeIPA's directory is a key of that host, or it is left out and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.keys.host_directory import MOST, judged
from tests.sealing import key_of

KEY = key_of().public
BASE = "cn=keys,cn=session-recording,dc=example,dc=test"
HOST = "web1.example.test"
DN = f"cn={KEY.key_id},fqdn={HOST},{BASE}"


def entry(**more):
    said = {"cn": [KEY.key_id.encode()], "ipaRecordingPublicKey": [KEY.spki().encode()]}
    return said | {"createTimestamp": [b"20261123095351Z"]} | more


def test_a_key_counts_from_when_the_directory_has_it():
    found = judged([(DN, entry())])
    [key] = found.keys
    assert (key.raw, key.host, key.created) == (KEY.raw, HOST, 1_795_427_631.0)
    assert found.refused == {}


def test_how_the_names_of_attributes_and_the_dn_are_spelled_does_not_matter():
    spelled = {name.upper(): values for name, values in entry().items()}
    assert len(judged([(DN.replace("fqdn=web", "FQDN=Web"), spelled)]).keys) == 1


@pytest.mark.parametrize(
    "dn",
    [
        f"cn={KEY.key_id},fqdn=web1/../evil,{BASE}",
        f"cn={KEY.key_id},fqdn=..,{BASE}",
        f"cn={KEY.key_id},fqdn=,{BASE}",
        f"cn={KEY.key_id},{BASE}",
        f"cn={KEY.key_id},cn=x,fqdn={HOST},{BASE}",
        f"cn={KEY.key_id}+nsuniqueid=1-2-3-4,fqdn={HOST},{BASE}",
        f"cn={KEY.key_id},fqdn={HOST}\\,fqdn\\=x,{BASE}",
        f"cn={KEY.key_id},fqdn={HOST},cn=sessions,cn=session-recording,dc=example,dc=test",
        f"cn=0000000000000000,fqdn={HOST},{BASE}",
        f"cn={KEY.key_id},fqdn=wor\u212aer.example.test,{BASE}",
        "",
    ],
)
def test_an_entry_in_another_place_is_no_key(dn):
    found = judged([(dn, entry())])
    assert found.keys == []
    assert sum(found.refused.values()) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"ipaRecordingPublicKey": [key_of("other").public.spki().encode()]},
        {"ipaRecordingPublicKey": [b"\xff"]},
        {"ipaRecordingPublicKey": []},
        {"ipaRecordingPublicKey": [KEY.spki().encode(), b"x"]},
        {"cn": [KEY.key_id.encode(), b"x"]},
        {"cn": [b"x"]},
        {"createTimestamp": [b"20200101000000Z", b"20261123095351Z"]},
        {"createTimestamp": [b"20261123095351.5Z"]},
        {"createTimestamp": [b"20261323095351Z"]},
        {"createTimestamp": []},
    ],
)
def test_an_entry_with_anything_else_in_it_is_no_key(more):
    assert judged([(DN, entry(**more))]) == ([], {HOST: 1}, frozenset())


def test_a_time_that_the_host_claims_is_not_read():
    claims = {"createTimestamp;x": [b"20200101000000Z"], "createTimestamp;lang-en": [b"20200101000000Z"]}
    [key] = judged([(DN, claims | entry() | claims)]).keys
    assert key.created == 1_795_427_631.0


def test_a_host_with_more_keys_than_any_honest_one_has_fills_nobodys_disk():
    later = entry(createTimestamp=[b"20261124000000Z"])
    found = judged([(DN, later)] * (MOST + 4) + [(DN, entry())])
    assert (len(found.keys), found.refused) == (MOST, {HOST: 5})
    assert found.keys[0].created < found.keys[1].created


@given(st.text(), st.dictionaries(st.sampled_from([*entry(), "x"]), st.lists(st.binary(max_size=80), max_size=2)))
def test_prop_any_entry_is_a_key_or_left_out(dn, attributes):
    found = judged([(dn, attributes), (DN, entry() | attributes)])
    assert len(found.keys) + sum(found.refused.values()) == 2
