"""What was read of the directory at one moment, as it is used and as it is kept on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, list[bytes]]
"""An entry's values by attribute, as python-ldap gives them."""


@dataclass(frozen=True)
class Snapshot:
    """The policies that concern `host`, which is in `host_groups`, and the configuration.

    `server` is where it was read, `read` when that was last known to be true (Unix seconds). The policies are the
    directory's entries: what can be made of them is found out where they are used, and again after an update.
    """

    host: str
    server: str
    read: float
    host_groups: frozenset[str] = frozenset()
    policies: tuple[Entry, ...] = ()
    config: Entry | None = None

    def same_as(self, other: "Snapshot | None") -> bool:
        """Whether both say the same, wherever and whenever it was read."""
        return other is not None and self._contents() == other._contents()

    def to_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return {
            "host": self.host,
            "server": self.server,
            "read": self.read,
            "host_groups": sorted(self.host_groups),
            "policies": [_texts(entry) for entry in self.policies],
            "config": None if self.config is None else _texts(self.config),
        }

    @classmethod
    def from_json(cls, document: object) -> "Snapshot":
        """What `to_json` gave. Raises ValueError, TypeError or KeyError for anything else."""
        if not isinstance(document, dict):
            raise ValueError("not a table")
        config = document["config"]
        return cls(
            host=_text(document["host"]),
            server=_text(document["server"]),
            read=_time(document["read"]),
            host_groups=frozenset(_text(name) for name in document["host_groups"]),
            policies=tuple(_entry(entry) for entry in document["policies"]),
            config=None if config is None else _entry(config),
        )

    def _contents(self) -> tuple[object, ...]:
        policies = sorted(repr(sorted((name, sorted(values)) for name, values in e.items())) for e in self.policies)
        return self.host, self.host_groups, policies, self.config


def _texts(entry: Entry) -> dict[str, list[str]]:
    # Values that are not UTF-8 come back as the bytes that they were.
    return {name: [value.decode("utf-8", "surrogateescape") for value in values] for name, values in entry.items()}


def _entry(document: object) -> dict[str, list[bytes]]:
    if not isinstance(document, dict):
        raise ValueError("an entry is not a table")
    return {
        _text(name): [_text(value).encode("utf-8", "surrogateescape") for value in values]
        for name, values in document.items()
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _time(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ValueError("not a time")
    return float(value)
