"""From what a person types to a recording: a file's path, a recording id, or the beginning of one."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.output.printable import printable
from auditor.recordings.recording import FileRecording, Recording, RecordingError
from auditor.recordings.store import Event, Facts, Store
from auditor.recordings.store_name import open_named
from recorder.formats.message import parse_object
from recorder.paths import recordings_directory

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address


def locate(name: str, store_name: "Path | Address | None") -> Recording:
    """The recording that `name` means: an existing file, else an id or a unique beginning of one.

    `store_name` None is the user's own store together with the user's recordings, which may still run. Raises
    RecordingError when there is none or more than one.
    """
    if _is_file(name):
        return FileRecording(Path(name))
    store = open_named(store_name)
    try:
        files = _own_files(name) if store_name is None else {}
        rec = _only(name, {facts.rec for facts in store.beginning_with(name, 3)} | files.keys())
        if rec in files:
            recording: Recording = FileRecording(files[rec])
            store.close()
        else:
            recording = StoreRecording(store, rec)
    except BaseException:
        store.close()
        raise
    return recording


def facts_of(store: Store, name: str) -> Facts:
    """Of the recording in the store that an id or a unique beginning of one means. Raises RecordingError."""
    rec = _only(name, {facts.rec for facts in store.beginning_with(name, 3)})
    facts = store.facts(rec)
    if facts is None:
        raise RecordingError(f"recording {printable(rec)} was deleted meanwhile")
    return facts


class StoreRecording:
    """The lines of one recording in a store, which it closes with itself."""

    def __init__(self, store: Store, rec: str) -> None:
        self.rec = rec
        self._store = store
        self._batches: Iterator[list[bytes]] = iter(())
        self._last = 0

    def read(self) -> list[bytes]:
        """See Recording."""
        batch = next(self._batches, None)
        if batch is None:
            self._batches = self._store.lines(self.rec, self._last)
            batch = next(self._batches, [])
        if batch:
            self._last = parse_object(batch[-1])["id"]
        return batch

    def alerts(self) -> list[Event]:
        """What was derived from its messages, and is in none of them."""
        return [event for event in self._store.events(self.rec) if event.part]

    def facts(self) -> Facts | None:
        """What the store knows of it."""
        return self._store.facts(self.rec)

    def close(self) -> None:
        """See Recording."""
        self._store.close()


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False  # too long for a name, or with a NUL


def _own_files(prefix: str) -> dict[str, Path]:
    if not recordings_directory().is_dir():
        return {}
    return {file.stem: file for file in recordings_directory().iterdir() if _is_named(file, prefix)}


def _is_named(file: Path, prefix: str) -> bool:
    return file.suffix == ".jsonl" and file.stem.startswith(prefix)


def _only(name: str, recs: set[str]) -> str:
    if name in recs:
        return name
    if not name or not recs:
        raise RecordingError(f"no file and no recording {printable(name)!r}: `sessrec list` shows what there is")
    if len(recs) > 1:
        raise RecordingError(f"{printable(name)} begins more than one recording's id: give more of it")
    return recs.pop()
