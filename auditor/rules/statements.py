"""Where in a TOML document something stands: tomllib gives no positions."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from recorder.configuration.config import statements


class Lines:
    """Of one valid document. It is gone through when it is first asked, which takes longer than reading it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, path: Sequence[str | int]) -> int:
        """The line of the statement that sets `path`: ("rule", 2, "name") is the name in the third [[rule]]. Where
        nothing sets it by itself, the line of what it stands in."""
        best, depth = 1, 0
        for line, found in self._positions:
            common = _common(found, path)
            if common > depth:
                best, depth = line, common
        return best

    @cached_property
    def _positions(self) -> list[tuple[int, list[str | int]]]:
        return list(_positions(self._text))


def _positions(text: str) -> Iterator[tuple[int, list[str | int]]]:
    """Line and path of each table and key of a document."""
    counts: dict[str, int] = {}
    table: list[str | int] = []
    for line, statement in statements(text):
        bare = statement.lstrip()
        if bare.startswith("["):
            table = _path(tomllib.loads(bare))
            if bare.startswith("[[") and table:
                first = str(table[0])
                counts[first] = counts.get(first, -1) + (len(table) == 1)
            if table and table[0] in counts:
                table.insert(1, max(counts[str(table[0])], 0))
            yield line, table
        elif bare and not bare.startswith("#"):
            for key in tomllib.loads(statement):
                yield line, [*table, key]


def _path(document: Mapping[str, Any]) -> list[str | int]:
    """The names in a table's header."""
    path: list[str | int] = []
    value: Any = document
    while value:
        value = value[-1] if isinstance(value, list) else value
        if not value:
            break
        key = next(iter(value))
        path.append(key)
        value = value[key]
    return path


def _common(found: Sequence[str | int], path: Sequence[str | int]) -> int:
    """How much of the path a statement sets."""
    count = 0
    for one, other in zip(found, path, strict=False):
        if one != other:
            break
        count += 1
    return count if count == len(found) or count == len(path) else 0
