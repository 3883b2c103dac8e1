"""Canonical JSON (RFC 8785): one value, one sequence of bytes, whoever wrote the JSON text.

A log collector may sort keys, respell numbers and escapes, or indent; what is sealed is this form.
"""

import json
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_EXACT = 2**53
_BYTES = [str(byte) for byte in range(256)]

# Escapes exactly what RFC 8785, 3.2.2.2 asks for, in C.
_string = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: "Any") -> bytes:
    """A JSON value (as `json` reads it) in canonical form, UTF-8.

    Raises ValueError for what has no such form: NaN and infinities, half a surrogate pair, an integer that a
    double cannot hold, keys that are not strings, types that JSON does not have, endless nesting.
    """
    try:
        return _text(value).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _text(value: "Any") -> str:
    kind = type(value)
    if kind is str:
        return _string(value)
    if kind is int:
        return str(value) if -_MAX_EXACT < value < _MAX_EXACT else _large(value)
    if kind is float:
        return _number(value)
    if kind is dict:
        return _object(value)
    if kind is list:
        return _array(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    raise ValueError(f"{kind.__name__} has no JSON form")


def _object(value: "Mapping[Any, Any]") -> str:
    if not all(type(key) is str for key in value):
        raise ValueError("a key is not a string")
    if all(map(str.isascii, value)):
        keys = sorted(value)
    else:
        # The order is that of UTF-16 code units; half a surrogate pair is refused later, by encode().
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join([f"{_string(key)}:{_text(value[key])}" for key in keys]) + "}"


def _array(value: "list[Any]") -> str:
    # Binary output is a list of up to 65,536 bytes: no call for each.
    if set(map(type, value)) == {int} and min(value) >= 0 and max(value) <= 255:
        return "[" + ",".join(map(_BYTES.__getitem__, value)) + "]"
    return "[" + ",".join(map(_text, value)) + "]"


def _large(value: int) -> str:
    """An integer beyond 2**53, which JSON implementations may hold as a double: allowed if none loses anything."""
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("integer out of range") from error
    if int(number) != value:
        raise ValueError(f"{value} cannot be held exactly in a double")
    return _number(number)


def _number(value: float) -> str:
    """As ECMAScript's Number::toString writes it: Python's shortest digits, laid out by other rules."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value} has no JSON form")
    if value == 0:
        return "0"
    text = repr(value)
    if "e" not in text:
        # From 0.0001 up to 10**16 both write the same, but for the ".0" of a whole number.
        return text.removesuffix(".0")
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    digits = mantissa.replace(".", "")
    point = int(exponent) + 1  # The decimal point stands after this many digits.
    if 0 < point <= 21:
        return sign + digits.ljust(point, "0")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"
