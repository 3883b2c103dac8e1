"""The configuration file: TOML, checked against a table of settings, with the line of every mistake.

It has a section for each of those who read it: [rec] for `sessrec rec` (settings.py), [host] for what records logins
(host_settings.py), [store] for those who use a store that is not a file (auditor.elasticsearch.settings). Each reads
its own.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from recorder.configuration.setting_kinds import Setting, shown
from recorder.configuration.settings import TABLE
from recorder.errors import SessrecError

SECTION = "rec"
HOST_SECTION = "host"
STORE_SECTION = "store"
SECTIONS = (SECTION, HOST_SECTION, STORE_SECTION)

MAX_SIZE = 64 * 1024
"""Bytes. Every setting with a page of comments is a tenth of it."""


class ConfigError(SessrecError):
    """The configuration cannot be used: "FILE:LINE: KEY: what is wrong; what to write"."""


def load(path: str, section: str = SECTION, table: Mapping[str, Setting] = TABLE) -> dict[str, object]:
    """The settings of `table` that a section of the file at `path` sets, by name; raises ConfigError."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(data, path, section, table)


def parse(data: bytes, name: str, section: str = SECTION, table: Mapping[str, Setting] = TABLE) -> dict[str, object]:
    """The settings of `table` in a section of the TOML document `data`; `name` is the file in messages.

    Raises ConfigError for anything else, always with a line number; no other exception, whatever the bytes.
    """
    text = _decoded(data, name)
    document = _document(text, name)
    for key, value in document.items():
        if key not in SECTIONS:
            raise _error(name, text, [key], f"unknown section{_meant(key, SECTIONS)}")
        if not isinstance(value, dict):
            raise _error(name, text, [key], f"{shown(value)} is not a table; write [{key}]")
    names = [setting.name for setting in table.values() if setting.in_file]
    values: dict[str, object] = {}
    for key, value in document.get(section, {}).items():
        if key not in names:
            raise _error(name, text, [section, key], f"unknown setting{_meant(key, names)}")
        try:
            values[key] = table[key].from_file(value)
        except ValueError as error:
            raise _error(name, text, [section, key], str(error)) from error
    return values


def statements(text: str) -> list[tuple[int, str]]:
    """(line number, text) of each statement of a valid document, comments and empty lines among them."""
    found = []
    start, lines = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        lines = f"{lines}\n{line}" if lines else line
        try:
            tomllib.loads(lines)
        except (ValueError, RecursionError):
            continue
        found.append((start, lines))
        start, lines = number + 1, ""
    return found


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_SIZE:
        raise ConfigError(f"{name}:1: longer than {MAX_SIZE} bytes; is it a configuration file?")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from error


def _document(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{name}:{_first_unreadable(text)}: nested too deeply") from error
    except ValueError as error:
        message, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = int(line[1]) if line else _first_unreadable(text)
        raise ConfigError(f"{name}:{number}: not TOML: {message}; correct this line") from error


def _error(name: str, text: str, path: Sequence[str], message: str) -> ConfigError:
    key = shown(".".join(path))[1:-1]
    return ConfigError(f"{name}:{_line(text, path)}: {key}: {message}")


def _meant(key: str, names: Sequence[str]) -> str:
    close = get_close_matches(key, names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; write one of {', '.join(names)}"


def _line(text: str, path: Sequence[str]) -> int:
    """The line of the statement that sets `path` in a valid document.

    tomllib gives no positions. A statement is the shortest run of lines that it can read by itself, and what the
    statement sets is what it reads under the last table header, so tomllib stays the only one who knows TOML.
    """
    header = ""
    for number, statement in statements(text):
        if statement.lstrip().startswith("["):
            header = statement
            found = tomllib.loads(statement)
        else:
            found = tomllib.loads(header + "\n" + statement)
        if _has(found, path):
            return number
    return 1


def _first_unreadable(text: str) -> int:
    """The line of an error that tomllib names no line for: nesting, numbers too long, a missing end."""
    lines = text.split("\n")

    def fails(count: int) -> bool:
        try:
            tomllib.loads("\n".join(lines[:count]))
        except (ValueError, RecursionError) as error:
            return " (at " not in str(error)
        return False

    return min(bisect_left(range(1, len(lines) + 1), True, key=fails) + 1, len(lines))


def _has(document: Mapping[str, Any], path: Sequence[str]) -> bool:
    value: Any = document
    for key in path:
        if isinstance(value, list):  # [[rec]]
            value = value[-1] if value else None
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True
