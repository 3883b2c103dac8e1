"""The paths of an event: PATH records, made absolute by CWD and by what is known of directories.

A name that a program gave relative to an open directory (`unlinkat(4, "x")`) stands in the record as it was given,
and the kernel names the working directory as its parent, which it is not. The parent's inode is right.
"""

import posixpath
from collections import OrderedDict
from collections.abc import Callable

from recorder.audit.assembly import Group
from recorder.audit.record import CWD, PATH
from recorder.audit.values import number, text

MAX_KNOWN = 4096
MAX_SEARCHED = 256
AT_FDCWD = "ffffff9c"
"""-100 as the kernel prints an argument of 32 bits; one of 64 bits has more f before it."""

Fields = dict[str, str]
Locate = Callable[[int, int, str, str], str]
"""(pid, descriptor, device as `fe:00`, inode) -> path of the file that this process has open as this descriptor, if
it is this inode; "" where nobody knows."""


class KnownFiles:
    """Paths by device and inode, as far as records have told them lately, or the running process does."""

    def __init__(self, locate: Locate | None = None) -> None:
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._locate = locate

    def learn(self, fields: Fields, path: str) -> None:
        """Remember where a file or directory is."""
        inode = fields.get("inode", "")
        if inode and path[:1] == "/":
            key = fields.get("dev", ""), inode
            self._known[key] = path
            self._known.move_to_end(key)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)

    def gone(self, fields: Fields) -> None:
        """One that is not at its path any more."""
        self._known.pop((fields.get("dev", ""), fields.get("inode", "")), None)

    def moved(self, fields: Fields, path: str) -> None:
        """The same, and what is below it where it is a directory."""
        self.gone(fields)
        if not is_directory(fields):
            return
        if len(self._known) > MAX_SEARCHED:
            # Who renames a directory again and again must not make everybody wait.
            self._known.clear()
        below = f"{path}/"
        for key in [key for key, known in self._known.items() if known.startswith(below)]:
            del self._known[key]

    def find(self, fields: Fields, pid: int, descriptor: str) -> str:
        """The path of what these fields are of; "" where it is not known.

        `descriptor` is that of the process which has it open, as SYSCALL has it.
        """
        dev, inode = fields.get("dev", ""), fields.get("inode", "")
        found = ""
        if self._locate is not None and descriptor:
            found = self._locate(pid, number(descriptor, 16), dev, inode)
        return found or self._known.get((dev, inode), "")


class Paths:
    """The files of one event, in the kernel's order, and the working directory."""

    __slots__ = ("cwd", "records")

    def __init__(self, group: Group) -> None:
        self.cwd = ""
        self.records: list[Fields] = []
        for record in group.records:
            if record.type == PATH:
                self.records.append(record.fields)
            elif record.type == CWD:
                self.cwd = text(record.fields.get("cwd", ""))
        if len(self.records) > 1:
            self.records.sort(key=_item)


def absolute(name: str, directory: str) -> str:
    """The path of a name in a directory, normalised as a text: what a symbolic link would change is not known.

    The name as it is where nothing tells what it is relative to.
    """
    if name[:1] != "/":
        if not directory:
            return name
        name = f"{directory}/{name}"
    if "/." in name or "//" in name or name[-1:] == "/":
        # Two slashes at the beginning are one, in Linux.
        return "/" + posixpath.normpath(name).lstrip("/")
    return name


def basename(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def is_directory(fields: Fields) -> bool:
    """Whether a PATH record is of a directory."""
    return fields.get("mode", "")[:2] == "04"


def _item(fields: Fields) -> int:
    return number(fields.get("item", ""))
