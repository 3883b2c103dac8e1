"""Which rules there are: those that come with the program, and the files of /etc/session-recording/rules.d."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from auditor.output.printable import printable
from auditor.rules.document import MAX_SIZE, Document, Mistake, parse
from auditor.rules.examples import failures
from auditor.rules.rule import Rule, RuleError
from recorder.paths import RULES

SHIPPED = "shipped.toml"


@dataclass(frozen=True, slots=True)
class Found:
    """Rules of all files, groups of users from their tables, and what is wrong in them."""

    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()

    def checked(self) -> "Found":
        """Itself where nothing is wrong. Raises RuleError."""
        if self.mistakes:
            more = len(self.mistakes) - 1
            others = f" (and {more} more: `sessrec rules check` shows all)" if more else ""
            raise RuleError(printable(f"{self.mistakes[0]}{others}"))
        return self


def installed(directory: Path = RULES) -> Found:
    """The shipped rules and those of the directory, where there is one; of two with one name the one read last."""
    paths = []
    if directory.is_dir():
        try:
            paths = sorted(path for path in directory.iterdir() if path.suffix == ".toml")
        except OSError as error:
            raise RuleError(f"{directory}: cannot be read: {error.strerror}") from error
    return _joined([shipped(), *(_read(path, trusted=True) for path in paths)])


def named(paths: Sequence[Path]) -> Found:
    """The rules of these files, which may be drafts: anybody may own them."""
    return _joined([_read(path, trusted=False) for path in paths])


def shipped() -> Document:
    """The rules that come with the program."""
    return parse(resources.files(__package__).joinpath(SHIPPED).read_bytes(), SHIPPED)


def _read(path: Path, *, trusted: bool) -> Document:
    """A file. Of one that acts by itself nobody but root and the reader may be the writer: it says what is run."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return _wrong(path, "is not a regular file")
            if trusted and (found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
                return _wrong(path, "others than its owner or root may write it; chown root and chmod 0644 it")
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        return _wrong(path, f"cannot be read: {error.strerror}")
    return parse(data, str(path))


def _wrong(path: Path, problem: str) -> Document:
    return Document(mistakes=(Mistake(str(path), 0, "", problem),))


def _joined(documents: Sequence[Document]) -> Found:
    rules: dict[str, Rule] = {}
    groups: dict[str, frozenset[str]] = {}
    mistakes: list[Mistake] = []
    for document in documents:
        mistakes += document.mistakes
        groups |= document.groups or {}
        for rule in document.rules:
            rules[rule.name] = rule
        if not document.mistakes:
            mistakes += failures(document.rules)
    return Found(tuple(rules.values()), groups, tuple(mistakes))
