"""Conditions on one value: a pattern, a regular expression, a number, a network.

Expressions are those of RE2, which never goes back over a text: the time for a line grows with its length and with
nothing else, whatever is written in a rule and whatever is printed in a session. A pattern with * and ? becomes such
an expression too.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import re2

from auditor.rules.event_fields import values

MAX_EXPRESSION = 1000
"""Characters of one expression or pattern."""

MAX_PROGRAM = 2000
"""Instructions of the automaton that RE2 makes of an expression; each costs memory, and with hostile text time."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Expression:
    """A regular expression of RE2. Raises re2.error, and ValueError where it is too large."""

    __slots__ = ("_set", "pattern")

    def __init__(self, text: str) -> None:
        self.pattern = encoded(text)
        steps = re2.compile(self.pattern, options()).programsize
        if steps > MAX_PROGRAM:
            raise ValueError(f"it is too large ({steps} steps, {MAX_PROGRAM} at most); repeat fewer times")
        # A set of one answers with nothing but whether it is found, in a third of the time that a search takes which
        # makes an object of it.
        self._set = re2.Set.SearchSet(options())
        self._set.Add(self.pattern)
        self._set.Compile()

    def found(self, text: str) -> bool:
        """Whether it is found anywhere in a text."""
        return self._set.Match(encoded(text)) is not None


@dataclass(frozen=True, slots=True)
class Criterion:
    """Holds for a value that one of these fits: `expression` (found anywhere in a text), a number `low` to `high`, an
    address in `network`. `plain` is a text that is all the expression asks for, "" where there is none."""

    expression: Expression | None = None
    plain: str = ""
    low: int = 0
    high: int = -1
    network: Network | None = None

    def holds(self, value: Any) -> bool:
        """Whether the value, a text or a number, fits."""
        if isinstance(value, int):
            return self.low <= value <= self.high or (
                self.expression is not None and self.expression.found(str(value))
            )
        if self.network is not None:
            return _is_in(value, self.network)
        if self.plain:
            return bool(value == self.plain)
        return self.expression is not None and self.expression.found(value)


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the field's values must meet one of the criteria."""

    field: str
    criteria: tuple[Criterion, ...]

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether it holds for an event."""
        criteria = self.criteria
        for value in values(event, self.field):
            for criterion in criteria:
                if criterion.holds(value):
                    return True
        return False

    def holds_for(self, text: str) -> bool:
        """Whether it holds for a line."""
        return any(criterion.holds(text) for criterion in self.criteria)


def expression(text: str) -> Criterion:
    """A regular expression, found anywhere in the value. Raises ValueError with what is wrong with it."""
    _short(text)
    return Criterion(expression=_compiled(text))


def pattern(text: str) -> Criterion:
    """A text in which * stands for any characters and ? for any one, and which is the whole value. Raises ValueError
    with what is wrong with it."""
    _short(text)
    is_plain = not any(char in text for char in "*?")
    return Criterion(plain=text if is_plain else "", expression=_compiled(_globbed(text)))


def name(text: str) -> Expression:
    """The same for the name of a user, a group or a host, whose case does not matter."""
    _short(text)
    return _compiled(f"(?i){_globbed(text)}")


def number(low: int, high: int) -> Criterion:
    """A number from `low` to `high`."""
    return Criterion(low=low, high=high)


def network(text: str) -> Criterion:
    """An address, or a network as 192.0.2.0/24. Raises ValueError."""
    return Criterion(network=ipaddress.ip_network(text, strict=False))


def options() -> Any:
    """How expressions are meant: RE2's own syntax, and no word of an error but the exception."""
    found = re2.Options()
    found.log_errors = False
    return found


def _compiled(text: str) -> Expression:
    try:
        return Expression(text)
    except re2.error as error:
        raise ValueError(f"RE2 cannot read it: {_reason(error)}{_hint(text)}") from error


def _globbed(text: str) -> str:
    parts = (".*" if char == "*" else "." if char == "?" else re2.escape(char) for char in text)
    return rf"(?s)\A{''.join(parts)}\z"


def encoded(text: str) -> bytes:
    """UTF-8, as RE2 wants it; half a surrogate pair, which is no text, becomes a question mark."""
    return text.encode("utf-8", "replace")


def _short(text: str) -> None:
    if not text:
        raise ValueError("it is empty, and would match everything")
    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"it is longer than {MAX_EXPRESSION} characters")


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else b""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _hint(text: str) -> str:
    if any(look in text for look in ("(?=", "(?!", "(?<=", "(?<!")):
        return "; it has no look-ahead or look-behind: write what must not match under `not`"
    return ""


def _is_in(value: str, network: Network) -> bool:
    try:
        address = ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in network
