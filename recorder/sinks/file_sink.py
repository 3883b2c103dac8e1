"""One file per recording, which nobody else may read."""

import errno
import os
import stat

from recorder.sinks.sink import SinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_IOV_MAX = 1024
"""Buffers that Linux takes in one writev (UIO_MAXIOV)."""

_NAME_MAX = 200
"""Bytes of a recording's id as a file name: Linux takes 255, and an ending and a temporary name must fit too."""


class FileSink:
    """Appends messages to a new file, mode 0600.

    A file that is there already is refused, and so is a link, a device or a FIFO: a recording never overwrites,
    and never goes where it cannot be read back. With `fsync` every message is on the disk when `write` returns.
    A message that is written in part (no space left, say) is cut off again. `descriptor`: of the file that another
    process has begun, and written no more than whole messages to.
    """

    payload_limit = 65_536

    def __init__(self, path: str, *, fsync: bool = False, descriptor: int = -1) -> None:
        self.path = path
        self._fsync = fsync
        self._length = 0 if descriptor < 0 else os.fstat(descriptor).st_size
        # Of a message that could be neither finished nor cut off: the whole of it, and how much is in the file.
        self._torn = b""
        self._torn_written = 0
        self._fd = _create(path) if descriptor < 0 else descriptor

    @classmethod
    def in_directory(cls, directory: str, rec: str, *, fsync: bool = False, descriptor: int = -1) -> "FileSink":
        """The file REC.jsonl in `directory`, which is created with mode 0700 where it is missing."""
        if not is_file_name(rec):
            raise SinkError(f"{rec[:80]!r} is not a recording id that can name a file", errno.EINVAL)
        if descriptor < 0:
            _create_directory(directory)
        return cls(f"{directory}/{rec}.jsonl", fsync=fsync, descriptor=descriptor)

    @property
    def descriptors(self) -> "list[int]":
        """What another process needs to go on."""
        return [self._fd]

    def write(self, parts: "Sequence[bytes]", *, rec: str, kind: str) -> None:
        """Append one message; SinkError when the file does not hold it afterwards."""
        if self._fd < 0:
            raise SinkError(f"{self.path!r} is closed", errno.EBADF)
        try:
            if self._torn and self._finish_torn(parts):
                return
            self._append(parts)
        except OSError as error:
            raise SinkError(f"cannot write {self.path!r}: {error.strerror}", error.errno or 0) from error

    def close(self) -> None:
        """Close the file. SinkError when the system only now says that data was lost."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError as error:
            raise SinkError(f"cannot close {self.path!r}: {error.strerror}", error.errno or 0) from error

    def _append(self, parts: "Sequence[bytes]") -> None:
        written = 0
        total = sum(map(len, parts))
        try:
            if len(parts) <= _IOV_MAX:
                written = os.writev(self._fd, parts)
            if written < total:
                data = memoryview(b"".join(parts))
                while written < total:
                    written += self._write_some(data[written:])
            if self._fsync:
                os.fdatasync(self._fd)
        except BaseException:
            # Also for an interrupt between two writes: whatever happens, no half line is left behind.
            self._undo(parts)
            raise
        self._length += total

    def _write_some(self, data: memoryview) -> int:
        written = os.write(self._fd, data)
        if not written:
            raise OSError(errno.EIO, "nothing is taken any more")
        return written

    def _undo(self, parts: "Sequence[bytes]") -> None:
        try:
            os.ftruncate(self._fd, self._length)
        except OSError:
            written = os.fstat(self._fd).st_size - self._length
            if written > 0:
                self._torn = b"".join(parts)
                self._torn_written = written

    def _finish_torn(self, parts: "Sequence[bytes]") -> bool:
        """Bring the half message to its end first; True when `parts` are that message."""
        while self._torn_written < len(self._torn):
            self._torn_written += self._write_some(memoryview(self._torn)[self._torn_written :])
        if self._fsync:
            os.fdatasync(self._fd)
        torn, self._torn = self._torn, b""
        self._length += len(torn)
        return torn == b"".join(parts)


def is_file_name(rec: str) -> bool:
    """Whether a recording id is safe as a file's name: ASCII letters, digits, `-`, `_`, `.`, no dot or dash first."""
    return (
        0 < len(rec) <= _NAME_MAX
        and rec.isascii()
        and rec[0] not in ".-"
        and rec.replace("-", "a").replace("_", "a").replace(".", "a").isalnum()
    )


def _create(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise SinkError(_refusal(path, error), error.errno or 0) from error
    except ValueError as error:
        raise SinkError(f"{path!r} is not a file name", errno.EINVAL) from error


def _refusal(path: str, error: OSError) -> str:
    if error.errno in (errno.EEXIST, errno.EISDIR):
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            mode = stat.S_IFREG
        if not stat.S_ISREG(mode):
            return f"{path!r} is {_kind(mode)}: a recording is written to a new regular file, name one"
        return f"{path!r} exists and is not overwritten: name another file, or remove it first"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"cannot create {path!r}: its directory does not exist, create it first"
    return f"cannot create {path!r}: {error.strerror}"


def _kind(mode: int) -> str:
    for test, name in (
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return name
    return "a device"


def _create_directory(path: str) -> None:
    """With the missing ones above it, all of mode 0700; what is there already is left as it is."""
    missing = [path.rstrip("/") or "/"]
    # From the top down, so that a parent which can never be made is an error and not a reason to try again.
    while not os.path.lexists(missing[-1]):
        parent = missing[-1].rpartition("/")[0].rstrip("/")
        if not parent:
            break
        missing.append(parent)
    for directory in reversed(missing):
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise SinkError(f"cannot create the directory {path!r}: {error.strerror}", error.errno or 0) from error
        except ValueError as error:
            raise SinkError(f"{path!r} is not a directory name", errno.EINVAL) from error
