"""Files that were created, written, deleted, renamed, changed in their attributes, or read."""

from typing import Any, NamedTuple

from recorder.audit.assembly import Group
from recorder.audit.paths import AT_FDCWD, Fields, KnownFiles, Paths, absolute, is_directory
from recorder.audit.record import OPENAT2
from recorder.audit.values import number, text

O_ACCMODE, O_CREAT, O_TRUNC = 0o3, 0o100, 0o1000
"""The same on all machines of the table of system calls."""


class Call(NamedTuple):
    """What a system call does to a file, and which of its arguments (`a0` to `a3`) say more.

    `directories` are the descriptors that its names are relative to, `descriptor` is that of the file itself.
    """

    action: str
    directories: tuple[str, ...] = ()
    descriptor: str = ""
    flags: str = ""
    mode: str = ""
    owner: tuple[str, str] | None = None


_OPEN, _CREATE, _WRITE, _DELETE, _RENAME, _ATTRIBUTES, _READ = (
    "open", "file-create", "file-write", "file-delete", "file-rename", "file-attributes", "file-read"
)  # fmt: skip
_AT = ("a0",)

CALLS = {
    "open": Call(_OPEN, flags="a1"),
    "openat": Call(_OPEN, _AT, flags="a2"),
    "openat2": Call(_OPEN, _AT),
    "open_by_handle_at": Call(_OPEN, flags="a2"),
    "creat": Call(_OPEN),
    "mkdir": Call(_CREATE),
    "mkdirat": Call(_CREATE, _AT),
    "mknod": Call(_CREATE),
    "mknodat": Call(_CREATE, _AT),
    "link": Call(_CREATE),
    "linkat": Call(_CREATE, ("a0", "a2")),
    "symlink": Call(_CREATE),
    "symlinkat": Call(_CREATE, ("a1",)),
    "unlink": Call(_DELETE),
    "unlinkat": Call(_DELETE, _AT),
    "rmdir": Call(_DELETE),
    "rename": Call(_RENAME),
    "renameat": Call(_RENAME, ("a0", "a2")),
    "renameat2": Call(_RENAME, ("a0", "a2")),
    "chmod": Call(_ATTRIBUTES, mode="a1"),
    "fchmod": Call(_ATTRIBUTES, descriptor="a0", mode="a1"),
    "fchmodat": Call(_ATTRIBUTES, _AT, mode="a2"),
    "fchmodat2": Call(_ATTRIBUTES, _AT, mode="a2"),
    **{f"{name}{bits}": Call(_ATTRIBUTES, owner=("a1", "a2")) for name in ("chown", "lchown") for bits in ("", "32")},
    **{f"fchown{bits}": Call(_ATTRIBUTES, descriptor="a0", owner=("a1", "a2")) for bits in ("", "32")},
    "fchownat": Call(_ATTRIBUTES, _AT, owner=("a2", "a3")),
    **dict.fromkeys(("setxattr", "lsetxattr", "removexattr", "lremovexattr"), Call(_ATTRIBUTES)),
    **dict.fromkeys(("fsetxattr", "fremovexattr"), Call(_ATTRIBUTES, descriptor="a0")),
    **dict.fromkeys(("setxattrat", "removexattrat"), Call(_ATTRIBUTES, _AT)),
    **dict.fromkeys(("utime", "utimes"), Call(_ATTRIBUTES)),
    **dict.fromkeys(("futimesat", "utimensat", "utimensat_time64"), Call(_ATTRIBUTES, _AT)),
    **dict.fromkeys(("truncate", "truncate64", "acct", "swapon"), Call(_WRITE)),
    **dict.fromkeys(("ftruncate", "ftruncate64", "fallocate"), Call(_WRITE, descriptor="a0")),
    **dict.fromkeys(("readlink", "getxattr", "lgetxattr", "listxattr", "llistxattr"), Call(_READ)),
    **dict.fromkeys(("readlinkat", "getxattrat", "listxattrat"), Call(_READ, _AT)),
    **dict.fromkeys(("fgetxattr", "flistxattr"), Call(_READ, descriptor="a0")),
}

_LINKS = ("link", "linkat", "symlink", "symlinkat")


def change(
    name: str, group: Group, syscall: Fields, paths: Paths, known: KnownFiles, sessrec: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """(action, `file`) of the call `name`; None where the records name no file. `sessrec` is filled in."""
    call = CALLS[name]
    found = _Names(call, syscall, paths, known)
    target = found.target()
    if target is None:
        return None
    failed = "error" in sessrec
    action = _opened(name, group, syscall, target, failed) if call.action == _OPEN else call.action
    file: dict[str, Any] = {"path": found.path(target)}
    if not file["path"]:
        return None
    source = found.source()
    if source is None:
        # A call that failed before the names were looked for: only directories are told.
        return action, {**file, "type": "dir"} if is_directory(target) else file
    if action == _RENAME:
        sessrec["old_path"] = found.path(source)
    elif name in _LINKS:
        symbolic = name.startswith("sym")
        file["target_path"] = text(source.get("name", "")) if symbolic else found.path(source)
    if failed:
        return action, file
    if action == _CREATE:
        file.update(_attributes(target))
    elif call.mode:
        file["mode"] = _mode(number(syscall.get(call.mode, ""), 16))
    elif call.owner:
        for field, argument in zip(("uid", "gid"), call.owner, strict=True):
            value = number(syscall.get(argument, ""), 16) & 0xFFFFFFFF
            if value not in (0xFFFFFFFF, 0xFFFF):  # -1: as it was
                file[field] = str(value)
    if is_directory(target):
        file["type"] = "dir"
    return action, file


class _Names:
    """The files of a call, and what their names are relative to."""

    def __init__(self, call: Call, syscall: Fields, paths: Paths, known: KnownFiles) -> None:
        self._call = call
        self._syscall = syscall
        self._pid = number(syscall.get("pid", ""))
        self._cwd = paths.cwd
        self._known = known
        self._parents: list[Fields] = []
        self._files: list[Fields] = []
        for fields in paths.records:
            (self._parents if fields.get("nametype") == "PARENT" else self._files).append(fields)
        self._second = self._files[-1] if len(self._files) > 1 else None
        if syscall.get("success") == "yes":
            self._learn()

    def target(self) -> Fields | None:
        """The file that the call was for: the last one named, and the directory where nothing in it is named."""
        if not self._files:
            return self._parents[-1] if self._parents else None
        target = self._files[-1]
        if self._call.action == _RENAME and target.get("name") == self._files[0].get("name"):
            # Two files that changed their names: the other one of the new names.
            target = next((each for each in self._files if each.get("name") != target.get("name")), target)
        return target

    def source(self) -> Fields | None:
        """The file that it was before, or that is linked to; the target itself where it is the only one."""
        return self._files[0] if self._files else None

    def path(self, fields: Fields) -> str:
        """Absolute, as far as that is known."""
        name = text(fields.get("name", ""))
        if name[:1] == "/":
            return absolute(name, "")
        if not name and self._call.descriptor:
            return self._known.find(fields, self._pid, self._syscall.get(self._call.descriptor, ""))
        directory = self._directory(fields)
        if not directory:
            # The file itself may be known, as it was called when it was last seen.
            known = self._known.find(fields, self._pid, "")
            return known if known.endswith(f"/{name}") else name
        return absolute(name, directory)

    def _directory(self, fields: Fields) -> str:
        """What a relative name of this call is relative to; "" where that is not known."""
        directories = self._call.directories
        if not directories:
            return self._cwd
        number_of = -1 if fields is self._second else 0
        descriptor = self._syscall.get(directories[number_of], "")
        if descriptor.endswith(AT_FDCWD):
            return self._cwd
        parent = self._parents[number_of] if self._parents else {}
        return self._known.find(parent, self._pid, descriptor)

    def _learn(self) -> None:
        """What this call tells about where files are."""
        known = self._known
        if self._parents and all(self._syscall.get(each, "").endswith(AT_FDCWD) for each in self._call.directories):
            for fields in self._parents:
                known.learn(fields, absolute(text(fields.get("name", "")), self._cwd))
        for fields in self._files:
            kind = fields.get("nametype")
            if kind == "DELETE" and self._call.action == _RENAME:
                known.moved(fields, self.path(fields))
            elif kind == "DELETE":
                known.gone(fields)
            elif kind in ("CREATE", "NORMAL") and fields.get("name", "(null)") != "(null)":
                known.learn(fields, self.path(fields))


def _opened(name: str, group: Group, syscall: Fields, target: Fields, failed: bool) -> str:
    """What an open is for, by its flags and by whether it made the file."""
    if name == "creat":
        flags = O_CREAT | O_TRUNC
    elif name == "openat2":
        flags = 0
        for record in group.records:
            if record.type == OPENAT2:
                flags = number(record.fields.get("oflag", ""), 8)
    else:
        flags = number(syscall.get(CALLS[name].flags, ""), 16)
    missing = "inode" not in target or target.get("nametype") == "PARENT"
    if target.get("nametype") == "CREATE" or (failed and flags & O_CREAT and missing):
        return _CREATE
    return _WRITE if flags & (O_ACCMODE | O_TRUNC) else _READ


def _attributes(fields: Fields) -> dict[str, str]:
    if "mode" not in fields:
        return {}
    return {
        "mode": _mode(number(fields["mode"], 8)),
        "uid": fields.get("ouid", ""),
        "gid": fields.get("ogid", ""),
        "inode": fields.get("inode", ""),
    }


def _mode(mode: int) -> str:
    return f"{mode & 0o7777:04o}"
