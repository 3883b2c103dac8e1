"""Files as a source of messages: what changed since they were last read, and directories of them."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from auditor.ingest.ingest import Ingest, rare_collections
from auditor.output.progress_bar import progress_bar
from auditor.recordings.recording import FileRecording, RecordingError
from auditor.recordings.store import Refusal, Store
from recorder.formats.message import MAX_LINE, MessageError, parse

SUFFIXES = (".jsonl", ".json", ".log")
"""What a directory's files are called that are taken for recordings; a file that is named itself always is."""

TAIL = 64
"""Bytes before the mark that must still be the same, or another file has its name now."""

Progress = Callable[[int], None]
"""Told the number of bytes read since the last call."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read: `offset` bytes, with `tail` (hex) before it. `size`, `mtime` (ns) and `inode` are the
    file's when its end was reached, else 0."""

    offset: int = 0
    tail: str = ""
    size: int = 0
    mtime: int = 0
    inode: int = 0

    @classmethod
    def read(cls, text: str | None) -> "Mark":
        """The mark as it was stored; the beginning of the file where there is none that can be read."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()

    def is_current(self, status: os.stat_result) -> bool:
        """Whether the file has not changed since."""
        return (self.size, self.mtime, self.inode) == (status.st_size, status.st_mtime_ns, status.st_ino)


def source_name(path: Path) -> str:
    """How the store calls a file; bytes of its name that are no UTF-8 are written as escapes."""
    return "file:" + os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")


def source_path(source: str) -> Path | None:
    """The file that a source is, unless its name had to be escaped; None for other sources."""
    return Path(source.removeprefix("file:")) if source.startswith("file:") else None


def ingest_file(ingest: Ingest, path: Path, mark: Mark, progress: Progress = lambda _: None) -> Mark:
    """Take in what a file has behind the mark; where it is read up to now. Raises RecordingError."""
    source = source_name(path)
    offset = mark.offset if _is_same(path, mark) else 0
    recording = FileRecording(path, offset)
    try:
        status = path.stat()
        while lines := recording.read():
            progress(recording.offset - offset)
            offset = recording.offset
            ingest.take(source, json.dumps(asdict(Mark(offset, _tail(path, offset)))), lines)
        rest = recording.rest()
    finally:
        recording.close()
    if rest and (_is_message(rest) or len(rest) > MAX_LINE or (not offset and not rest.startswith(b"{"))):
        # Whole but for its newline, or nothing that will ever become a message.
        ingest.take(source, None, [rest])
    mark = Mark(offset, _tail(path, offset), status.st_size, status.st_mtime_ns, status.st_ino)
    ingest.settle(source, json.dumps(asdict(mark)))
    return mark


def catch_up(store: Store, directory: Path) -> None:
    """Take in what is new in the files of a directory; with nothing new this costs a look at each file's status."""
    changed = changed_files(store, [directory])
    if changed:
        ingest_files(Ingest(store), store, changed)


def ingest_files(
    ingest: Ingest, store: Store, files: Iterable[tuple[Path, "Mark"]], *, quiet: bool = False
) -> list[RecordingError]:
    """Take in what these files have behind their marks. Files that cannot be read go into quarantine; the errors
    are returned."""
    errors = []
    files = list(files)
    with progress_bar("taking in recordings", sum(map(_size, files)), quiet=quiet) as progress, rare_collections():
        for path, mark in files:
            try:
                ingest_file(ingest, path, mark, progress)
            except RecordingError as error:
                _refuse_file(store, path, error)
                errors.append(error)
    return errors


def changed_files(store: Store, paths: Iterable[Path]) -> list[tuple[Path, Mark]]:
    """The files of these paths, with those in directories, that changed since they were read. RecordingError when a
    path is not there."""
    changed = []
    for path in paths:
        marks = store.marks(source_name(path))
        if not path.exists():
            raise RecordingError(f"{path} does not exist")
        for file in _files(path):
            mark = Mark.read(marks.get(source_name(file)))
            try:
                if not mark.is_current(file.stat()):
                    changed.append((file, mark))
            except OSError:
                continue  # removed meanwhile
    return changed


def _refuse_file(store: Store, path: Path, error: RecordingError) -> None:
    """Put a file that cannot be read into quarantine; it is tried again when it changes."""
    try:
        status = path.stat()
    except OSError:
        return
    mark = Mark(0, "", status.st_size, status.st_mtime_ns, status.st_ino)
    store.add(source_name(path), json.dumps(asdict(mark)), (), [Refusal(str(error), "", "")])


def _size(item: tuple[Path, Mark]) -> int:
    try:
        return max(0, item[0].stat().st_size - item[1].offset)
    except OSError:
        return 0


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for directory, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = Path(directory, name)
            # Not through links: a recording's owner could point one anywhere.
            if name.endswith(SUFFIXES) and not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield file


def _is_same(path: Path, mark: Mark) -> bool:
    return not mark.offset or (mark.tail != "" and _tail(path, mark.offset) == mark.tail)


def _tail(path: Path, offset: int) -> str:
    """The bytes before the offset; empty when the file does not reach that far."""
    start = max(0, offset - TAIL)
    try:
        with path.open("rb") as file:
            file.seek(start)
            tail = file.read(offset - start)
    except OSError:
        return ""
    return tail.hex() if len(tail) == offset - start else ""


def _is_message(line: bytes) -> bool:
    try:
        parse(line)
    except MessageError:
        return False
    return True
