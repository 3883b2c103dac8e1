"""What `auditor.verify` answers, and on which evidence."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.verify import CLOCK_TOLERANCE, Verdict, Verification, verify
from recorder.formats.message import Input, Output, Resize
from recorder.keys.signing_key import PublicKey
from tests import fuzz
from tests.fuzz import fuzz_verify
from tests.golden import golden_key, golden_lines
from tests.sealing import BEGAN, key_of, line_of, messages, sealed, sealed_recording

KEY = key_of()
TRUSTED = [KEY.public]
TEXTS = ["one\r\n", "two\r\n", "three\r\n", "four\r\n"]

TLOG = (
    b'{"ver":"2.3","host":"vm","rec":"175bde1c5c8a47bb98d3b10e0555c888-4d12-593ea","user":"root","term":"xterm",'
    b'"session":4294967295,"id":1,"pos":0,"time":1795431231.220,"timing":"=80x24+10>18","in_txt":"","in_bin":[],'
    b'"out_txt":"\\u001b[?2004hbash-5.2# ","out_bin":[]}\n'
)


@given(
    st.lists(st.binary(max_size=20) | st.text(max_size=20), max_size=8),
    st.integers(1, 5),
    st.sampled_from([str.encode, lambda text: text.rstrip("\n").encode()]),
)
def test_prop_a_recording_that_nobody_touched_is_complete(content, sign_every, encoded):
    lines = [encoded(line.decode()) for line in sealed_recording(content, KEY, sign_every=sign_every)]
    found = verify(lines, TRUSTED)
    assert (str(found), found.proven) == ("complete", len(content) + 2)


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.data())
def test_prop_a_changed_message_is_found_where_it_is(content, data):
    lines = sealed_recording(content, KEY, sign_every=data.draw(st.integers(1, 9)))
    index = data.draw(st.integers(0, len(lines) - 1))
    fields = json.loads(lines[index])
    name = data.draw(st.sampled_from([name for name in fields if name not in ("seal", "key", "sig")]))
    value = data.draw(st.none() | st.booleans() | st.integers() | st.text())
    if repr(value) != repr(fields[name]):
        lines[index] = line_of(fields | {name: value})
        assert str(verify(lines, TRUSTED)) == f"tampered at {index + 1}"


@given(st.lists(st.binary()))
def test_prop_any_lines_get_an_answer(lines):
    assert verify(lines, TRUSTED).verdict in (Verdict.UNSIGNED, Verdict.TAMPERED)


@given(st.lists(st.sampled_from(golden_lines()) | st.binary(max_size=9), max_size=12))
def test_prop_of_pieces_only_the_whole_recording_is_complete(lines):
    found = verify(lines, [golden_key()])
    whole = [line for line in lines if line.strip(b" \t\r\n")] == golden_lines()
    assert (found.verdict == Verdict.COMPLETE) == whole


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_prop_fields_of_any_type_get_an_answer(value):
    objects = messages(TEXTS, KEY)
    for name in (*objects[0], "seal", "sig", "key"):
        line = line_of(json.loads(sealed(objects, KEY)[0]) | {name: value})
        assert isinstance(verify([line], TRUSTED), Verification)


def test_a_key_that_is_not_trusted_makes_it_unsigned_and_is_named():
    found = verify(sealed_recording(TEXTS, key_of("other")), TRUSTED)
    assert str(found) == "unsigned"
    assert key_of("other").key_id in found.reason
    assert str(verify(sealed_recording(TEXTS, KEY), [])) == "unsigned"


def test_a_recording_of_tlog_is_unsigned():
    found = verify([TLOG, TLOG.replace(b'"id":1', b'"id":2')], TRUSTED)
    assert (str(found), found.reason) == ("unsigned", "no message has a seal")


@pytest.mark.parametrize("lines", [[], [b""], [b"\n"], [b"hello\n"], [b"{}\n"], [b"\0\xff\n"], [b"[]"], [b"5"]])
def test_what_is_no_recording_is_unsigned(lines):
    assert str(verify(lines, TRUSTED)) == "unsigned"


def test_a_recording_without_all_its_seals_is_unsigned_never_complete():
    lines = [line_of(fields) for fields in messages(TEXTS, KEY)]
    assert str(verify(lines, TRUSTED)) == "unsigned"


def test_a_session_that_still_runs_is_truncated_at_its_last_signature():
    lines = sealed_recording(TEXTS, KEY, sign_every=3)
    found = verify(lines[:5], TRUSTED)
    assert (found.verdict, found.at, found.proven) == (Verdict.TRUNCATED, 4, 4)
    assert "5 to 5" in found.reason


def test_messages_that_anyone_could_have_added_to_the_chain_are_not_proven():
    whole = messages(TEXTS, KEY)
    # The chain needs no key: an end is put behind message 4, which is the last signed one.
    forged = [*whole[:4], whole[-1] | {"id": 5, "pos": whole[3]["pos"], "time": whole[3]["time"]}]
    lines = sealed(forged, signed_by=lambda index: KEY if index in (0, 3) else None)
    found = verify(lines, TRUSTED)
    assert str(found) == "truncated at 4"
    assert "the end is not signed" in found.reason


def test_one_signature_at_the_end_proves_all():
    objects = messages(TEXTS, KEY)
    lines = sealed(objects, signed_by=lambda index: KEY if index == len(objects) - 1 else None)
    found = verify(lines, TRUSTED)
    assert (str(found), found.proven) == ("complete", 6)


def test_signatures_before_the_last_may_be_missing():
    lines = sealed_recording(TEXTS, KEY, sign_every=1)
    for index in range(len(lines) - 1):
        fields = {name: value for name, value in json.loads(lines[index]).items() if name not in ("sig", "key")}
        assert str(verify([*lines[:index], line_of(fields), *lines[index + 1 :]], TRUSTED)) == "complete"


def test_a_second_key_in_one_recording_is_found_even_if_both_are_trusted():
    other = key_of("other")
    objects = messages(TEXTS, KEY)
    lines = sealed(objects, signed_by=lambda index: KEY if index < 3 else other)
    assert str(verify(lines, [*TRUSTED, other.public])) == "tampered at 4"
    unnamed = sealed(messages(TEXTS), signed_by=lambda index: KEY if index < 3 else other)
    assert str(verify(unnamed, [*TRUSTED, other.public])) == "tampered at 4"


def test_a_key_that_the_start_of_the_session_does_not_name_is_found():
    other = key_of("other")
    assert str(verify(sealed(messages(TEXTS, KEY), other), [*TRUSTED, other.public])) == "tampered at 1"


@pytest.mark.parametrize(("early", "answer"), [(0.5, "complete"), (1.5, "tampered at 1")])
def test_a_recording_may_begin_before_its_key_only_by_the_tolerance(early, answer):
    key = key_of(created=BEGAN + early * CLOCK_TOLERANCE)
    assert str(verify(sealed_recording(TEXTS, key), [key.public])) == answer


def test_of_two_claims_when_a_key_was_created_the_later_one_counts():
    later = PublicKey(KEY.public.raw, BEGAN + 1000)
    for trusted in ([KEY.public, later], [later, KEY.public]):
        assert str(verify(sealed_recording(TEXTS, KEY), trusted)) == "tampered at 1"


def bound(key, host, created=BEGAN - 3600):
    return PublicKey(key.public.raw, created, host)


@pytest.mark.parametrize("host", ["web1.example.test", "Web1.Example.Test", "web1.example.test."])
def test_the_key_of_a_host_proves_recordings_of_that_host(host):
    lines = sealed_recording(TEXTS, KEY, host=host)
    assert str(verify(lines, [bound(KEY, "web1.example.test")])) == "complete"


@pytest.mark.parametrize(
    "host", ["web2.example.test", "web1", "", "web1.example.test.evil", " web1.example.test", None, 5]
)
def test_the_key_of_a_host_proves_nothing_of_another(host):
    found = verify(sealed_recording(TEXTS, KEY, host=host), [bound(KEY, "web1.example.test")])
    assert (str(found), found.proven) == ("unsigned", 0)
    assert "is that of web1.example.test, but" in found.reason


def test_a_host_that_claims_the_key_of_another_proves_and_spoils_nothing_of_it():
    claims = [bound(KEY, "web1.example.test"), bound(KEY, "web2.example.test", created=BEGAN + 1000)]
    for trusted in (claims, claims[::-1]):
        assert str(verify(sealed_recording(TEXTS, KEY), trusted)) == "complete"
        assert str(verify(sealed_recording(TEXTS, KEY, host="web2.example.test"), trusted)) == "tampered at 1"
        assert str(verify(sealed_recording(TEXTS, KEY, host="web3.example.test"), trusted)) == "unsigned"


def test_of_a_key_that_is_trusted_with_and_without_a_host_the_later_creation_counts():
    later = bound(KEY, "web1.example.test", created=BEGAN + 1000)
    assert str(verify(sealed_recording(TEXTS, KEY), [KEY.public, later])) == "tampered at 1"
    assert str(verify(sealed_recording(TEXTS, KEY, host="web2"), [KEY.public, later])) == "complete"


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "web2"},
        {"user": "mallory"},
        {"session": 8},
        {"rec": "another"},
        {"id": 4},
        {"id": 2},
        {"pos": 5},
        {"pos": None},
        {"pos": True},
        {"time": BEGAN - 1},
        {"time": "now"},
        {"host": None},
    ],
)
def test_a_signed_message_that_does_not_belong_into_its_recording_is_found(changed):
    objects = messages(TEXTS, KEY)
    objects[2] |= changed
    assert str(verify(sealed(objects, KEY), TRUSTED)) == "tampered at 3"


def test_a_signed_message_after_the_end_is_found():
    objects = messages(TEXTS, KEY)
    last = objects[-1]
    objects.append(last | {"id": last["id"] + 1})
    assert str(verify(sealed(objects, KEY), TRUSTED)) == f"tampered at {last['id'] + 1}"


@pytest.mark.parametrize("tail", [b"x\n", b"{", b'{"ver":', b"{}\n", b"]\n", b"\0", b"5\n"])
def test_anything_after_the_end_is_found(tail):
    assert str(verify([*sealed_recording(TEXTS, KEY), tail], TRUSTED)) == "tampered at 7"


def test_a_key_twice_in_one_object_is_found():
    lines = sealed_recording(TEXTS, KEY)
    for index, line in enumerate(lines):
        # Readers that keep the last of two would show "root", the seal is over "alice".
        twice = line.replace(b'"user":', b'"user":"root","user":')
        assert str(verify([*lines[:index], twice, *lines[index + 1 :]], TRUSTED)) == f"tampered at {index + 1}"


@pytest.mark.parametrize(
    "line",
    [
        b'{"seal":"' + b"0" * 64 + b'","id":1,"rec":"\\ud800","time":1,"pos":0}',
        b'{"seal":"x","id":1,"rec":"r","time":1e999,"pos":0}',
        b'{"seal":"x","id":1,"rec":"r","time":1,"pos":' + b"9" * 5000 + b"}",
        b'{"seal":"x","id":1,"rec":"r","time":1,"pos":0,"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"seal":"x","id":1,"rec":"r","time":1,"pos":0,"x":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"seal":"x","id":1,"rec":"r","time":1,"pos":NaN}',
        b'{"seal":"x"}',
    ],
)
def test_hostile_messages_are_tampered(line):
    assert str(verify([line], TRUSTED)) == "tampered at 1"


def test_a_long_recording_is_verified_in_the_memory_of_a_few_messages():
    lines = sealed_recording(["x" * 500_000] * 60, KEY)
    tracemalloc.start()
    try:
        assert str(verify(iter(lines), TRUSTED)) == "complete"
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


def test_all_kinds_of_packets_are_sealed():
    content = [Output(5, b"\xff\x00"), Input(6, "é".encode()), Input(7, b"\x80"), Resize(8, 100, 40), "x"]
    assert str(verify(sealed_recording(content[:4], KEY), TRUSTED)) == "complete"
    assert str(verify(sealed_recording(["a", *content[4:]], KEY), TRUSTED)) == "complete"


def test_fuzzing_finds_no_bytes_that_break_it():
    assert fuzz.run(fuzz_verify.target, fuzz_verify.SEEDS, runs=1000) > 10
