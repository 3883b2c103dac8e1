"""What sshd is told: by its files, and what it says itself that is in force (`sshd -T`)."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from recorder.errors import SessrecError

SSHD = Path("/usr/sbin/sshd")
DIRECTORY = Path("/etc/ssh")
WITHIN = 10.0
"""Seconds that sshd has to read its files."""

_KEYWORD = re.compile(r"""\s*["']?(\w+)["']?(?:\s*=\s*|\s+)(.*)""")
_SAID = re.compile(r"([a-z][a-z0-9]*)(?: (.*))?")
_DEEPEST = 16


class SshdError(SessrecError):
    """sshd does not accept its files, or says what is not understood."""


class Line(NamedTuple):
    """One setting as it stands in a file: `keyword` in small letters; `matched` below a Match."""

    path: Path
    line: int
    keyword: str
    words: list[str]
    matched: bool


def lines(root: Path = Path("/")) -> list[Line]:
    """All settings in sshd_config and what it includes, in their order. What cannot be read says nothing."""
    return list(_lines(root, DIRECTORY / "sshd_config", False, 0))


def said_by(sshd: Path = SSHD) -> str:
    """What `sshd -T` prints. Raises SshdError, in sshd's own words."""
    return _run(sshd, "-T")


def accepts(sshd: Path = SSHD) -> None:
    """Raises SshdError, in sshd's own words, where it would not start with its files as they are."""
    _run(sshd, "-t")


def settings(said: str) -> dict[str, list[str]]:
    """The settings in the output of `sshd -T`, every value of each. Raises SshdError for any other output."""
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        parts = _SAID.fullmatch(line)
        if not parts:
            raise SshdError(f"`sshd -T` prints a line that is not understood: {line[:60]!r}")
        found.setdefault(parts[1], []).append(parts[2] or "")
    if len(found.get("permituserenvironment", [])) != 1:
        raise SshdError("`sshd -T` does not say what PermitUserEnvironment is")
    return found


def _run(sshd: Path, option: str) -> str:
    command = f"`{sshd.name} {option}`"
    try:
        done = subprocess.run(
            [str(sshd), option],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SshdError(f"{command} does not come to an end") from None
    except OSError as error:
        raise SshdError(f"{command} does not run: {error.strerror}") from None
    if done.returncode:
        said = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
        raise SshdError(f"{command} fails: {said}")
    return done.stdout


def _lines(root: Path, path: Path, matched: bool, depth: int) -> Iterator[Line]:
    try:
        text = (root / path.relative_to("/")).read_text(errors="replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = _KEYWORD.match(line)
        if not found or line.lstrip().startswith("#"):
            continue
        keyword, words = found[1].lower(), _words(found[2])
        if keyword == "match":
            matched = True
        yield Line(path, number, keyword, words, matched)
        if keyword == "include" and depth < _DEEPEST:
            for pattern in words:
                for included in _named(root, pattern):
                    # A Match in there ends with its file.
                    yield from _lines(root, included, matched, depth + 1)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def _named(root: Path, pattern: str) -> list[Path]:
    whole = (DIRECTORY / pattern).relative_to("/")
    return sorted(Path("/") / path.relative_to(root) for path in root.glob(str(whole)))
