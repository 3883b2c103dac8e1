"""Which services of PAM take variables from a file that the user writes himself.

That is pam_env.so with `user_readenv`, which reads ~/.pam_environment. Debian 12's sshd has it by default; PAM 1.7
calls it deprecated and obeys.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DIRECTORIES = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
"""A service's file in the first one hides that in the second."""

DEEPEST = 16
"""Files that include each other. libpam stops at 32."""

_SKIPPED = re.compile(r"\.|.*(~|\.bak|\.orig|\.save|\.dpkg-\w+|\.ucf-\w+|\.rpm\w+|\.pam-old)$")
_WORD = re.compile(r"\[[^\]]*\]|\S+")
_SETS_VARIABLES = ("auth", "session")


class Place(NamedTuple):
    """A line with `user_readenv`, and the services that come to it, sorted."""

    path: Path
    line: int
    services: tuple[str, ...]


def user_environment(root: Path = Path("/")) -> list[Place]:
    """All such lines, by files and lines. A file that cannot be read has none."""
    found: dict[tuple[Path, int], set[str]] = {}
    for service in _services(root):
        for path, line in _lines_of(root, service, 0):
            found.setdefault((path, line), set()).add(service)
    return [Place(*place, tuple(sorted(services))) for place, services in sorted(found.items())]


def _services(root: Path) -> list[str]:
    names = {path.name for directory in DIRECTORIES for path in _at(root, directory).glob("*") if path.is_file()}
    return sorted(name for name in names if not _SKIPPED.match(name))


def _lines_of(root: Path, name: str, depth: int) -> Iterator[tuple[Path, int]]:
    """`name` is that of a service, or what another file includes: a name or an absolute path."""
    path = next((path for d in DIRECTORIES if _at(root, path := d / name).is_file()), None)
    if path is None or depth > DEEPEST:
        return
    for number, words in _lines(_at(root, path).read_text(errors="replace")):
        if words[0] == "@include" and len(words) > 1:
            yield from _lines_of(root, words[1], depth + 1)
        elif words[0].removeprefix("-").lower() in _SETS_VARIABLES and len(words) > 2:
            if words[1].lower() in ("include", "substack"):
                yield from _lines_of(root, words[2], depth + 1)
            elif Path(words[2]).name == "pam_env.so" and _reads(words[3:]):
                yield path, number


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """What is said in a file, with the number of the line on which it begins."""
    begun, held = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        if line.partition("#")[0] == line and line.endswith("\\"):
            held += line[:-1] + " "
            continue
        if words := _WORD.findall((held + line).partition("#")[0]):
            yield begun, words
        begun, held = 0, ""


def _reads(arguments: list[str]) -> bool:
    """As pam_env.so reads its arguments: the last one counts, and what begins with no number is 0."""
    value = "0"
    for argument in arguments:
        name, _, given = argument.strip("[]").partition("=")
        if name == "user_readenv":
            value = given
    number = re.match(r"\s*[+-]?\d+", value)
    return number is not None and int(number[0]) != 0


def _at(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
