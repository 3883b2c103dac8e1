"""Every way to change the golden recording a little is noticed, and where it happened is said."""

import hashlib
import io
import json
from pathlib import Path

import pytest
import rfc8785

from auditor.verify import Verdict, verify, verify_file
from tests.golden import KEY, golden_key, golden_lines
from tests.golden.make import build
from tests.sealing import REC, key_of, line_of, messages, sealed

LINES = golden_lines()
DATA = b"".join(LINES)
TRUSTED = [golden_key()]
SIGNED = [number for number, line in enumerate(LINES, 1) if b'"sig"' in line]


def judge(data, trusted=TRUSTED):
    return verify_file(io.BytesIO(data), trusted)


def same_values(data):
    """Whether `data` holds the same messages, as strict JSON readers see them; types count, 1 is not True."""
    try:
        return [repr(json.loads(line)) for line in data.splitlines()] == [repr(json.loads(line)) for line in LINES]
    except ValueError:
        return False


def test_the_golden_recording_is_complete():
    assert str(judge(DATA)) == str(verify(LINES, TRUSTED)) == "complete"
    assert judge(DATA).proven == len(LINES) == 8
    assert SIGNED == [1, 4, 7, 8]


def test_the_golden_recording_is_what_its_script_makes():
    lines, key = build()
    assert lines == LINES
    assert key.public.file_text() == KEY.read_bytes()


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_flipped_byte_is_found_in_its_message(mask):
    found = exempt = 0
    for position in range(len(DATA)):
        data = bytearray(DATA)
        data[position] ^= mask
        verdict, at, *_ = judge(bytes(data))
        if same_values(bytes(data)):
            # Another spelling of the same JSON, \u001B for \u001b: no change.
            assert verdict == Verdict.COMPLETE
            exempt += 1
            continue
        message = DATA.count(b"\n", 0, position) + 1
        # A newline that is none any more spoils the message behind it.
        assert (verdict, at) == (Verdict.TAMPERED, message + (DATA[position] == 0x0A)), position
        found += 1
    print(f"{found} of {len(DATA) - exempt} flipped bytes found, {exempt} flips changed nothing")
    assert found + exempt == len(DATA)
    assert exempt <= 10


def test_every_byte_left_out_or_put_in_is_found():
    found = 0
    for position in range(len(DATA)):
        for replacement in (DATA[position : position + 1] * 2, b"0" + DATA[position : position + 1], b""):
            data = DATA[:position] + replacement + DATA[position + 1 :]
            same = same_values(data) or (DATA[position] == 0x0A and not replacement.strip())
            assert (judge(data).verdict == Verdict.COMPLETE) == same, (position, replacement)
            found += not same
    print(f"{found} changes found")
    assert found > 2.9 * len(DATA)


@pytest.mark.parametrize("index", range(len(LINES)))
def test_a_deleted_message_is_found(index):
    lines = LINES[:index] + LINES[index + 1 :]
    expected = f"tampered at {index + 1}" if index < len(LINES) - 1 else "truncated at 7"
    assert str(judge(b"".join(lines))) == str(verify(lines, TRUSTED)) == expected


@pytest.mark.parametrize("index", range(len(LINES)))
def test_a_repeated_message_is_found(index):
    lines = LINES[: index + 1] + LINES[index:]
    assert str(judge(b"".join(lines))) == str(verify(lines, TRUSTED)) == f"tampered at {index + 2}"


@pytest.mark.parametrize("index", range(len(LINES) - 1))
def test_swapped_neighbours_are_found(index):
    lines = [*LINES[:index], LINES[index + 1], LINES[index], *LINES[index + 2 :]]
    assert str(judge(b"".join(lines))) == str(verify(lines, TRUSTED)) == f"tampered at {index + 1}"


def proven(count):
    """The answer where only the first `count` messages are left."""
    last = max((number for number in SIGNED if number <= count), default=0)
    return f"truncated at {last}" if last else "unsigned"


@pytest.mark.parametrize("count", range(len(LINES)))
def test_a_tail_cut_between_messages_is_found(count):
    assert str(judge(b"".join(LINES[:count]))) == str(verify(LINES[:count], TRUSTED)) == proven(count)


def test_a_tail_cut_at_any_byte_is_found():
    for length in range(len(DATA)):
        count = DATA.count(b"\n", 0, length)
        if DATA[length : length + 1] == b"\n":
            count += 1  # The message is whole, only its newline is missing.
        expected = proven(count) if count < len(LINES) else "complete"
        assert str(judge(DATA[:length])) == expected, length


def test_a_tail_sealed_again_with_a_newer_key_is_found():
    objects = [json.loads(line) for line in LINES]
    newer = key_of("newer", created=objects[0]["time"] + 100)
    for first in range(1, len(LINES)):
        changed = [dict(each) for each in objects]
        changed[first]["out_txt"] += "x"
        lines = sealed(changed, signed_by=lambda index, first=first: newer if index >= first else None)
        for trusted in ([*TRUSTED, newer.public], TRUSTED):
            # The key that the session's start names is none that signs.
            assert str(verify(lines, trusted)) == f"tampered at {first + 1}"
            # Before the tail everything is as it was, signatures and all.
            assert verify(LINES[:first] + lines[first:], trusted).verdict == Verdict.TAMPERED


def test_a_recording_sealed_again_as_a_whole_with_a_newer_key_is_found():
    newer = key_of("newer", created=json.loads(LINES[0])["time"] + 100)
    objects = [json.loads(line) for line in LINES]
    objects[0]["sessrec"]["key"] = newer.key_id
    lines = sealed(objects, newer)
    found = verify(lines, [*TRUSTED, newer.public])
    assert str(found) == "tampered at 1"
    assert found.proven == 0
    assert "created after it began" in found.reason
    older = key_of("newer")
    assert str(verify(lines, [older.public])) == "complete"
    assert str(verify(lines, TRUSTED)) == "unsigned"


def test_a_signature_taken_from_another_message_is_found():
    for index in (number - 1 for number in SIGNED):
        for other in (number - 1 for number in SIGNED):
            if other != index:
                fields = json.loads(LINES[index]) | {"sig": json.loads(LINES[other])["sig"]}
                lines = [*LINES[:index], line_of(fields), *LINES[index + 1 :]]
                assert str(verify(lines, TRUSTED)) == f"tampered at {index + 1}"


def test_a_signature_taken_from_another_recording_is_found():
    key = key_of("golden")
    other = sealed(messages(["x"] * 6, key, rec=REC[::-1]), key)
    for number in SIGNED:
        fields = json.loads(LINES[number - 1]) | {"sig": json.loads(other[number - 1])["sig"]}
        lines = [*LINES[: number - 1], line_of(fields), *LINES[number:]]
        assert str(verify(lines, TRUSTED)) == f"tampered at {number}"


@pytest.mark.parametrize("number", SIGNED)
@pytest.mark.parametrize(
    "spelling",
    [
        lambda fields: {"seal": fields["seal"].upper()},
        lambda fields: {"seal": fields["seal"] + " "},
        lambda fields: {"seal": [fields["seal"]]},
        lambda fields: {"seal": None},
        lambda fields: {"sig": fields["sig"].rstrip("=")},
        lambda fields: {"sig": fields["sig"] + "\n"},
        # 64 bytes leave four bits of the last digit unused: another one there decodes to the same bytes.
        lambda fields: {"sig": fields["sig"][:-3] + chr(ord(fields["sig"][-3]) + 1) + "=="},
        lambda fields: {"sig": fields["sig"].replace("+", "-").replace("/", "_") + "-"},
        lambda fields: {"sig": None},
        lambda fields: {"sig": 5},
        lambda fields: {"sig": ""},
        lambda fields: {"key": fields["key"].upper() + "A"},
        lambda fields: {"key": None},
        lambda fields: {"key": {}},
    ],
)
def test_another_spelling_of_a_seal_or_signature_is_found(number, spelling):
    fields = json.loads(LINES[number - 1])
    lines = [*LINES[: number - 1], line_of(fields | spelling(fields)), *LINES[number:]]
    assert str(verify(lines, TRUSTED)) == f"tampered at {number}"


@pytest.mark.parametrize("missing", [("seal",), ("sig",), ("key",), ("seal", "sig"), ("seal", "key")])
@pytest.mark.parametrize("number", SIGNED)
def test_a_seal_without_one_of_its_parts_is_found(number, missing):
    fields = {name: value for name, value in json.loads(LINES[number - 1]).items() if name not in missing}
    lines = [*LINES[: number - 1], line_of(fields), *LINES[number:]]
    assert str(verify(lines, TRUSTED)) == f"tampered at {number}"


@pytest.mark.parametrize("count", range(1, len(LINES)))
def test_seals_that_begin_in_the_middle_are_found(count):
    bare = [
        {name: value for name, value in json.loads(line).items() if name not in ("seal", "key", "sig")}
        for line in LINES
    ]
    lines = [line_of(fields) for fields in bare[:count]] + LINES[count:]
    assert str(verify(lines, TRUSTED)) == "tampered at 1"
    lines = LINES[:count] + [line_of(fields) for fields in bare[count:]]
    assert str(verify(lines, TRUSTED)) == f"tampered at {count + 1}"
    assert str(verify([line_of(fields) for fields in bare], TRUSTED)) == "unsigned"


def test_an_additional_message_after_the_end_is_found():
    objects = [json.loads(line) for line in LINES]
    more = [*objects, objects[1] | {"id": len(LINES) + 1, "pos": objects[-1]["pos"], "time": objects[-1]["time"]}]
    assert str(verify(sealed(more, key_of("golden")), TRUSTED)) == f"tampered at {len(LINES) + 1}"


def test_the_example_in_the_documentation_is_the_first_message():
    text = (Path(__file__).parent.parent / "docs" / "seal.md").read_text()
    fields = json.loads(LINES[0])
    seal, key, sig = (fields.pop(name) for name in ("seal", "key", "sig"))
    start = hashlib.sha256(b"freeipa-session-recording chain 1\0" + REC.encode()).hexdigest()
    for line in (f"value(0)  {start}", f"value(1)  {seal}", f"key(1)    {key}", f"sig(1)    {sig}"):
        assert f"    {line}\n" in text
    assert f"    {rfc8785.dumps(fields).decode()}\n" in text
    assert all(f"    {line}\n" in text for line in KEY.read_text().splitlines())
