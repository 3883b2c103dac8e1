"""The journals in a directory: files that follow each other, and whether something was added to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".journal", ".journal~")
"""Of journal files, and of those that were not closed well."""

_COUNTS = slice(144, 168)
"""Where the header of a journal file has its numbers of objects and entries, and the number of the last entry
(systemd.io/JOURNAL_FILE_FORMAT)."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What one writer has written, in one or several files: `remote-web1.journal`, and what was rotated away from it,
    `remote-web1@….journal`. `name` is the first one's, without its suffix, below the directory."""

    name: str
    paths: tuple[Path, ...]

    def state(self) -> tuple[object, ...]:
        """Another one whenever an entry was added. A file's own time would not do: what is written into its memory
        does not change it at once."""
        return tuple((path.name, _counts(path)) for path in self.paths)


def journals(place: Path) -> Iterator[Journal]:
    """Those of a directory and of the directories in it, or the one file that is named. Raises OSError."""
    if not place.is_dir():
        with place.open("rb"):
            yield Journal(place.name, (place,))
        return
    found: dict[str, list[Path]] = {}
    for directory in (place, *sorted(path for path in place.iterdir() if path.is_dir())):
        for path in sorted(directory.iterdir()):
            if path.name.endswith(SUFFIXES) and path.is_file():
                name = path.name.partition("@")[0].removesuffix("~").removesuffix(".journal")
                found.setdefault(str(path.parent.relative_to(place) / name), []).append(path)
    for name, paths in sorted(found.items()):
        yield Journal(name, tuple(paths))


def _counts(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_COUNTS.stop)[_COUNTS]
    except OSError:
        return b""  # rotated away meanwhile
