"""Canonical JSON against the rfc8785 package and the examples of the RFC."""

import json
import math
import struct

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from recorder.formats.canonical import canonical
from tests.sealing import messages

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(st.integers(0, 255))
)


@given(VALUES)
def test_prop_any_json_value_has_the_form_that_rfc8785_gives_it(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 3]))
def test_prop_another_json_text_of_a_value_has_the_same_form(value, ascii_only, indent):
    assert canonical(json.loads(json.dumps(value, ensure_ascii=ascii_only, indent=indent))) == canonical(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_prop_a_number_is_written_as_ecmascript_does_and_read_back_exactly(number):
    text = canonical(number)
    assert text == rfc8785.dumps(number)
    assert float(text) == number


@pytest.mark.parametrize(
    ("bits", "text"),
    # RFC 8785, appendix B.
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_the_numbers_of_the_rfc(bits, text):
    assert canonical(struct.unpack(">d", bytes.fromhex(bits))[0]) == text.encode()


def test_keys_are_sorted_by_utf16_units_as_the_rfc_has_it():
    keys = ["€", "\r", "\ufb33", "1", "\U0001f600", "\x80", "ö"]
    found = list(json.loads(canonical(dict.fromkeys(keys, 0))))
    assert found == ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**60, 10**22])
def test_a_large_integer_that_a_double_holds_has_the_form_of_that_double(number):
    assert canonical(number) == canonical(float(number))


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, "\ud800", {"\udfff": 1}, {1: 2}, {None: 1}, 2**53 + 1, 10**400, b"x", (1,), {1}],
)
def test_what_json_cannot_express_is_refused(value):
    for nested in (value, [value], {"a": value}):
        with pytest.raises(ValueError, match=r"."):
            canonical(nested)


def test_endless_nesting_is_refused():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        canonical(value)


def test_a_list_of_bytes_keeps_its_booleans():
    assert canonical([1, True, 0, False]) == b"[1,true,0,false]"


def test_a_message_has_the_form_that_rfc8785_gives_it():
    for message in messages(["é\x1b[1m\x7f\u2028", bytes(range(256)), "😀"]):
        assert canonical(message) == rfc8785.dumps(message)
