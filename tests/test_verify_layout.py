"""The same JSON in another layout, as log collectors and people with jq leave it, is the same recording."""

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.json_objects import CutShortError, json_objects
from auditor.verify import verify, verify_file
from recorder.formats.message import MAX_LINE, MessageError
from tests.golden import golden_key, golden_lines

LINES = golden_lines()
OBJECTS = [json.loads(line) for line in LINES]
TRUSTED = [golden_key()]

LAYOUTS = {
    "jq .": lambda: "\n".join(json.dumps(each, indent=2, ensure_ascii=False) for each in OBJECTS) + "\n",
    "jq -S .": lambda: "\n".join(json.dumps(each, indent=2, sort_keys=True) for each in OBJECTS),
    "jq -s .": lambda: json.dumps(OBJECTS, indent=2),
    "jq -s -c .": lambda: json.dumps(OBJECTS, separators=(",", ":"), ensure_ascii=False) + "\n",
    "jq -j -c .": lambda: "".join(json.dumps(each, ensure_ascii=False) for each in OBJECTS),
    "python": lambda: "\n".join(json.dumps(each) for each in OBJECTS),
    "tabs and CR": lambda: "\r\n\r\n".join(json.dumps(each, indent="\t").replace("\n", "\r\n") for each in OBJECTS),
    "numbers": lambda: re.sub(r'"(id|session)": (\d+)', r'"\1": \2.0', "\n".join(map(json.dumps, OBJECTS))),
    "exponent": lambda: re.sub(r'"time": 1(\d+)\.(\d+)', r'"time": 1.\1\2e9', "\n".join(map(json.dumps, OBJECTS))),
    "upper-case escapes": lambda: re.sub(
        r"\\u[0-9a-f]{4}", lambda match: "\\u" + match[0][2:].upper(), "\n".join(map(json.dumps, OBJECTS))
    ),
    "escaped slash": lambda: "\n".join(json.dumps(each).replace("/", "\\/") for each in OBJECTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_json_in_another_layout_still_verifies(layout):
    text = LAYOUTS[layout]()
    assert text.encode() != b"".join(LINES)
    assert str(verify_file(io.BytesIO(text.encode()), TRUSTED)) == "complete"
    lines = text.encode().split(b"\n")
    assert str(verify(lines, TRUSTED)) == "complete"
    assert str(verify([line + b"\n" for line in lines], TRUSTED)) == "complete"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_change_in_another_layout_is_found(layout):
    text = LAYOUTS[layout]()
    for number, (old, new) in enumerate(
        [("session-start", "session-Start"), ("alice@", "al1ce@"), ("ls ", "rm ")], 1
    ):
        if old in text:
            assert (
                str(verify_file(io.BytesIO(text.replace(old, new, 1).encode()), TRUSTED)) == f"tampered at {number}"
            )


@pytest.mark.parametrize("layout", ["jq .", "jq -s .", "jq -s -c .", "tabs and CR", "python"])
def test_any_layout_cut_anywhere_is_truncated(layout):
    data = LAYOUTS[layout]().encode()
    start, end = data.index(b'"id": 4' if b'"id": 4' in data else b'"id":4'), len(data)
    for length in range(start, end, 3):
        found = verify_file(io.BytesIO(data[:length]), TRUSTED)
        if str(found) == "complete":
            # What is missing holds no message: closing bracket, line end.
            assert not data[length:].strip(b" \t\r\n]")
        else:
            assert str(found) in ("truncated at 1", "truncated at 4", "truncated at 7"), (length, found)


@given(st.data())
def test_prop_how_a_log_is_cut_into_chunks_does_not_matter(data):
    text = LAYOUTS[data.draw(st.sampled_from(list(LAYOUTS)))]().encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=20)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert list(json_objects(chunks)) == OBJECTS
    assert list(json_objects(text[index : index + 1] for index in range(len(text)))) == OBJECTS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), st.booleans(), st.sampled_from([None, 1]))
def test_prop_every_beginning_of_an_object_counts_as_cut_short(value, ascii_only, indent):
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert list(json_objects([data])) == [value]
    for length in range(1, len(data)):
        with pytest.raises(CutShortError):
            list(json_objects([data[:length]]))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a" 1',
        b'{"a":x',
        b'{"a":1]',
        b'{"a":[}',
        b'{"a":"\n',
        b'{"a":"\\q',
        b'{"a":\xff',
        b'{"a":"\xff',
        b'{"a":1 {"b":2}',
        b'{"a":1,"a":2}',
        b'{"a":u12',
        b"{'a",
        b'{"a":{"b":1,"b":2},',
        b"[{} {}]",
        b"[{},,{}]",
        b"[[{}]]",
        b"[,{}]",
        b"{}]",
        b"{},{}",
        b"[{}]{}",
        b"x",
        b'"a"',
        b"1",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_beginning_of_a_log_does_not_count_as_cut_short(text):
    with pytest.raises(MessageError) as caught:
        list(json_objects([text]))
    assert not isinstance(caught.value, CutShortError)


@pytest.mark.parametrize("chunks", [[b"{}\n", b"[{}]"], [b"{}\n", b",{}"], [b"[{}]", b"{}"], [b"[{}", b"{}]"]])
def test_a_log_is_a_sequence_or_an_array_not_both(chunks):
    with pytest.raises(MessageError, match="should begin"):
        list(json_objects(chunks))


def test_an_object_longer_than_any_message_is_refused_before_all_of_it_is_read():
    def endless():
        yield b'{"a":[\n'
        for _ in range(MAX_LINE // 30_000 + 1):
            yield b"1,\n" * 10_000
        pytest.fail("read on")

    with pytest.raises(MessageError, match="longer than"):
        list(json_objects(endless()))


def test_a_line_broken_within_a_text_is_found():
    line = LINES[0].rstrip(b"\n")
    middle = line.index(b"web1") + 2
    assert str(verify([line[:middle], line[middle:], *LINES[1:]], TRUSTED)) == "tampered at 1"


def test_a_message_of_64_kib_of_bytes_may_be_spread_over_lines():
    text = json.dumps({"out_bin": [255] * 65536}, indent=8).encode()
    assert [len(each["out_bin"]) for each in json_objects(text.splitlines(keepends=True))] == [65536]
