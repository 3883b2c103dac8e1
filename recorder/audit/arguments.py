"""Hosts and URLs that the arguments of a program name."""

from typing import Any


def named(program: str, args: list[str], sessrec: dict[str, Any]) -> dict[str, Any]:
    """`url` of an exec's event; `sessrec` gets `urls` and `hosts`."""
    return {}
