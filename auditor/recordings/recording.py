"""Where the lines of one recording come from: a file, or the store (`auditor.recordings.locate` picks)."""

import os
from pathlib import Path
from typing import IO, Protocol

from recorder.errors import SessrecError
from recorder.formats.message import MAX_LINE

BATCH = 4 * 1024 * 1024
"""Bytes: about how much one `read` gives, so that memory stays bounded however long the recording is."""


class RecordingError(SessrecError):
    """A recording cannot be found or read; the text says what to do."""


class Recording(Protocol):
    """The lines of a recording in order, and what is added to it while it runs."""

    def read(self) -> list[bytes]:
        """The next complete lines, without their newline, at most about BATCH bytes of them; never waits.

        An empty list says that nothing more is there now: call until then, and later again to follow. A line
        longer than MAX_LINE comes cut to MAX_LINE + 1 bytes, which `recorder.formats.message` refuses.
        """
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


class FileRecording:
    """A file of messages, one a line, which may still grow.

    `offset` is the position in bytes behind the last line that `read` gave: a later FileRecording that starts
    there goes on without a gap. Raises RecordingError when the file cannot be opened or read.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self._file = _open(path)
        self._file.seek(offset)
        self._pending = b""
        self._skipped = 0

    def read(self) -> list[bytes]:
        """See Recording."""
        if not self._skipped:
            # A writer without space cuts a half line off again, so an unfinished line is read anew each time.
            self._pending = b""
            self._file.seek(self.offset)
        lines: list[bytes] = []
        while not lines and (data := self._read()):
            lines = self._lines(data)
        return lines

    def rest(self) -> bytes:
        """What the last `read` found behind the last newline, at most MAX_LINE + 1 bytes of it."""
        return self._pending

    def close(self) -> None:
        """See Recording."""
        self._file.close()

    def _read(self) -> bytes:
        try:
            return self._file.read(BATCH)
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be read: {error.strerror}") from error

    def _lines(self, data: bytes) -> list[bytes]:
        first, newline, others = data.partition(b"\n")
        self._pend(first)
        if not newline:
            return []
        lines = [self._pending]
        self.offset += len(self._pending) + self._skipped + 1
        self._pending, self._skipped = b"", 0
        whole, newline, last = others.rpartition(b"\n")
        if newline:
            self.offset += len(whole) + 1
            # A line within one read is at most BATCH long and therefore never longer than MAX_LINE.
            lines += whole.split(b"\n")
        self._pend(last)
        return lines

    def _pend(self, part: bytes) -> None:
        """Keep no more of a line than shows that it is too long."""
        kept = part[: MAX_LINE + 1 - len(self._pending)]
        self._pending += kept
        self._skipped += len(part) - len(kept)


def _open(path: Path) -> IO[bytes]:
    try:
        # Not blocking, or opening a fifo would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        file = os.fdopen(descriptor, "rb", buffering=0)
    except IsADirectoryError as error:
        raise RecordingError(f"{path} is a directory, not a recording") from error
    except FileNotFoundError as error:
        raise RecordingError(f"{path} does not exist") from error
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
    if not file.seekable():
        file.close()
        raise RecordingError(f"{path} is not a regular file")
    return file
