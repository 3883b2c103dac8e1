"""From what a person types to a recording: a file's path, a recording id, or the beginning of one."""

from pathlib import Path

from auditor.printable import printable
from auditor.recording import FileRecording, Recording, RecordingError
from recorder.paths import recordings_directory


def locate(name: str, store_path: Path | None) -> Recording:
    """The recording that `name` means: an existing file, else an id or a unique beginning of one.

    `store_path` None is the user's own store. Raises RecordingError when there is none or more than one.
    """
    path = Path(name)
    if "\0" not in name and path.is_file():
        return FileRecording(path)
    matches = sorted(
        file for file in recordings_directory().glob("*.jsonl") if name and file.stem.startswith(name)
    )
    if len(matches) == 1:
        return FileRecording(matches[0])
    if matches:
        raise RecordingError(f"{printable(name)} begins more than one recording id: give more of it")
    raise RecordingError(f"no file and no recording {printable(name)}: `sessrec list` shows what there is")
