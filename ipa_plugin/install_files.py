"""Which files of ours go where on a FreeIPA server, and placing them with no broken mixture after an interruption.

All new contents are written beside their targets first, then renamed: a full disk is met before anything changes.
What is placed is listed in a manifest, by which a later version removes what it has no more, and `--uninstall` all.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import py_compile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

UI = "session_recording"
"""The web UI loads NAME/NAME.js of each directory NAME of its plugins, and that loads what lies beside it."""
STAGED = ".session-recording-new"
"""Ends the name of a file that is not in its place yet; no loader of plugins, schema or updates takes such a name."""


@dataclass(frozen=True)
class Layout:
    """The directories of a FreeIPA server that files of ours go to, and our own for the manifest."""

    plugins: Path
    packages: Path
    schema: Path
    updates: Path
    ui: Path
    state: Path

    @property
    def manifest(self) -> Path:
        """JSON, see `Manifest`."""
        return self.state / "installed.json"


@dataclass
class Manifest:
    """What was placed, and what of it the server's directory has."""

    files: list[str] = field(default_factory=list)
    source: str = ""
    """Digest of all that was placed."""
    data: str = ""
    """Digest of that part of it that ipa-server-upgrade puts into the directory: schema, updates, permissions."""
    applied: str = ""
    """`data` as it was at the last ipa-server-upgrade that succeeded."""
    running: str = ""
    """`source` as it was at the last restart of the web server that succeeded."""


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """Keep other runs of this out. Raises BlockingIOError while there is one."""
    held = os.open(layout.plugins, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


def contents(source: Path, layout: Layout) -> dict[Path, bytes]:
    """Where each file of the directory `source` (ipa_plugin) goes, and what is in it."""
    modules = [source / "__init__.py", *sorted(source.glob("policy*.py"))]
    placed = {layout.packages / "ipa_plugin" / path.name: path for path in modules}
    placed |= {layout.plugins / path.name: path for path in plugins(source)}
    placed |= {layout.schema / path.name: path for path in sorted(source.glob("schema.d/*.ldif"))}
    placed |= {layout.updates / path.name: path for path in sorted(source.glob("updates/*.update"))}
    placed |= {layout.ui / UI / path.name: path for path in sorted(source.glob("ui/*.js"))}
    return {target: path.read_bytes() for target, path in placed.items() if path.exists()}


def plugins(source: Path) -> list[Path]:
    """The modules that FreeIPA loads as plugins."""
    return [path for path in sorted(source.glob("plugins/*.py")) if path.name != "__init__.py"]


def digest(placed: Mapping[Path, bytes], *more: bytes) -> str:
    """One SHA-256 over names and contents, whatever their order."""
    total = hashlib.sha256()
    for path in sorted(placed):
        total.update(f"{path}\0{len(placed[path])}\0".encode() + placed[path])
    for part in more:
        total.update(part)
    return total.hexdigest()


def read_manifest(layout: Layout) -> Manifest:
    """What is installed; an empty one where nothing is, or where it cannot be understood any more."""
    try:
        stored = json.loads(layout.manifest.read_text())
        return Manifest(**stored)
    except (FileNotFoundError, ValueError, TypeError):
        return Manifest()


def write_manifest(layout: Layout, manifest: Manifest) -> None:
    """Replace the manifest at once."""
    layout.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    text = json.dumps(vars(manifest), indent=1) + "\n"
    _staged(layout.manifest, text.encode()).replace(layout.manifest)


def differing(placed: Mapping[Path, bytes]) -> list[Path]:
    """The files that are missing, or are not as they should be."""
    return [path for path, content in placed.items() if not _is(path, content)]


def outdated(manifest: Manifest, placed: Mapping[Path, bytes]) -> list[Path]:
    """Files that an earlier version placed and this one does not have."""
    return [path for name in manifest.files if (path := Path(name)) not in placed and os.path.lexists(path)]


def place(paths: Iterable[Path], placed: Mapping[Path, bytes]) -> None:
    """Put these files into their places, mode 0644, and compile those that are Python.

    Raises OSError; nothing has changed then, but for what a rename had done before.
    """
    staged: dict[Path, Path] = {}
    try:
        for path in paths:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            staged[path] = _staged(path, placed[path])
        for path, new in staged.items():
            new.replace(path)
    finally:
        for new in staged.values():
            with suppress(OSError):
                new.unlink(missing_ok=True)
    for path in staged:
        _forget_bytecode(path)
        # The web server's own account may not write here; without this each start of it would compile anew.
        if path.suffix == ".py":
            with suppress(py_compile.PyCompileError, OSError):
                py_compile.compile(str(path), doraise=True)


def remove(paths: Iterable[Path]) -> None:
    """Remove files, their byte-code, and directories that are empty by that."""
    for path in paths:
        path.unlink(missing_ok=True)
        _forget_bytecode(path)
        for directory in (path.parent / "__pycache__", path.parent):
            with suppress(OSError):
                directory.rmdir()


def _is(path: Path, content: bytes) -> bool:
    try:
        return not path.is_symlink() and path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o644
    except OSError:
        return False


def _staged(path: Path, content: bytes) -> Path:
    """`content` on the disk beside `path`. A file that an interrupted run left there is written over."""
    new = path.with_name(f".{path.name}{STAGED}")
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return new


def _forget_bytecode(path: Path) -> None:
    for compiled in _bytecode(path):
        compiled.unlink(missing_ok=True)


def _bytecode(path: Path) -> Iterator[Path]:
    """What interpreters of any version have made of a module."""
    if path.suffix == ".py":
        yield from Path(importlib.util.cache_from_source(str(path))).parent.glob(f"{path.stem}.*.pyc")
