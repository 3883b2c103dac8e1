"""Placing files so that an interruption leaves no broken mixture, and taking them away as if they had never been.

New contents are all written beside their targets first, then renamed: a full disk is met before anything changes. A
manifest lists what was placed and with which hash, so that what an administrator has changed since is told from what
is ours. What was there before us, and what he has changed, is kept below `Layout.saved`.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from host.install_layout import CODE, Content, Layout

EDITED = ".edited"
"""Ends the name of a saved file that was ours and had been changed."""

_STAGED = ".session-recording-new"


@dataclass
class Manifest:
    """What was placed. Paths are those below `/`."""

    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file as it was placed."""
    before: list[str] = field(default_factory=list)
    """Of these, those that somebody else's file had to make way for; it is among the saved ones."""
    running: str = ""
    """Digest of the code that the services were last started with."""
    sssd: bool = True
    """Whether SSSD has been restarted since its drop-in was last placed or removed."""
    sshd: bool = True
    """The same for sshd, and that it was reloaded."""
    auditd: bool = True
    """Whether auditd has read its plugins since ours was last placed or removed."""
    audit: str = ""
    """Digest of the code that the audit service was last started with."""


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """Keep other runs of this out. Raises BlockingIOError while there is one."""
    held = os.open(layout.at(Path("/usr")), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


def read_manifest(layout: Layout) -> Manifest:
    """What is installed; an empty one where nothing is, or where it cannot be understood any more."""
    try:
        return Manifest(**json.loads(layout.manifest.read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return Manifest()


def write_manifest(layout: Layout, manifest: Manifest) -> None:
    """Replace the manifest at once."""
    layout.manifest.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    replace(layout.manifest, Content(f"{json.dumps(asdict(manifest), indent=1)}\n".encode(), 0o600))


def digest(contents: Mapping[Path, Content]) -> str:
    """One SHA-256 over names, modes and contents, whatever their order."""
    total = hashlib.sha256()
    for path in sorted(contents):
        data, mode = contents[path]
        total.update(f"{path}\0{mode:o}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def sha256(data: bytes) -> str:
    """As the manifest has it."""
    return hashlib.sha256(data).hexdigest()


def replace(target: Path, content: Content) -> None:
    """A new content for one file, at once."""
    _staged(target, content).replace(target)


def differing(layout: Layout, contents: Mapping[Path, Content]) -> list[Path]:
    """The files that are missing, or are not as they should be."""
    return [path for path, content in contents.items() if not _is(layout.at(path), content)]


def outdated(layout: Layout, manifest: Manifest, contents: Mapping[Path, Content]) -> list[Path]:
    """Files that were placed and are not wanted any more, but for those that a package has now."""
    owned = layout.owned()
    named = (Path(name) for name in manifest.files)
    return [p for p in named if p not in contents and p not in owned and os.path.lexists(layout.at(p))]


def taken_over(layout: Layout, manifest: Manifest) -> list[Path]:
    """Files that were placed from a checkout, and that a package has now."""
    return [path for path in layout.owned() if str(path) in manifest.files]


def changed_since_packaged(layout: Layout) -> list[str]:
    """Files of packages that are not as the packages have them."""
    return [str(path) for path, placed in layout.owned().items() if _hash(layout.at(path)) != placed]


def is_edited(layout: Layout, manifest: Manifest, path: Path) -> bool:
    """Whether a file that we placed has been changed by somebody since."""
    placed = manifest.files.get(str(path))
    return placed is not None and _hash(layout.at(path)) not in (placed, None)


def differs_from_manifest(layout: Layout) -> list[str] | None:
    """Files that are not as they were placed, but for configuration, which may be edited; None without a manifest."""
    placed = read_manifest(layout).files
    if placed and layout.packaged:
        return changed_since_packaged(layout)
    programs = [name for name in placed if not name.startswith("/etc/")]
    return [name for name in programs if _hash(layout.at(Path(name))) != placed[name]] if placed else None


def place(
    layout: Layout, manifest: Manifest, paths: Iterable[Path], contents: Mapping[Path, Content]
) -> list[tuple[Path, Path]]:
    """Put these files into their places; (path, copy) of what others had there and was saved.

    Raises OSError; nothing has changed then, but for what a rename had done before.
    """
    wanted = list(paths)
    saved: list[tuple[Path, Path]] = []
    for path in wanted:
        found = _hash(layout.at(path))
        ours = manifest.files.get(str(path))
        if found in (None, ours, sha256(contents[path].data)):
            continue
        if ours is not None and path.is_relative_to(CODE):
            continue  # nobody's configuration
        if ours is None:
            manifest.before.append(str(path))
        saved.append((path, _save(layout, path, "" if ours is None else EDITED)))
    # Before the first of them changes, so that a run after an interruption knows all.
    manifest.files |= {str(path): sha256(contents[path].data) for path in wanted}
    write_manifest(layout, manifest)
    staged: dict[Path, Path] = {}
    try:
        for path in wanted:
            target = layout.at(path)
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            staged[target] = _staged(target, contents[path])
        for target, new in staged.items():
            new.replace(target)
    finally:
        for new in staged.values():
            with suppress(OSError):
                new.unlink(missing_ok=True)
    return saved


def remove(layout: Layout, manifest: Manifest, paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Remove files, their byte-code, and directories that are empty by that; what was there before is put back.

    Returns (path, copy) of those that had been changed since they were placed.
    """
    saved = []
    for path in paths:
        target = layout.at(path)
        if is_edited(layout, manifest, path) and not path.is_relative_to(CODE):
            saved.append((path, _save(layout, path, EDITED)))
        target.unlink(missing_ok=True)
        manifest.files.pop(str(path), None)
        if str(path) in manifest.before:
            manifest.before.remove(str(path))
            # At once, or after an interruption what comes back would be taken for ours.
            write_manifest(layout, manifest)
            with suppress(FileNotFoundError):
                shutil.move(_saved_as(layout, path), target)
        _tidy(target, layout.root)
    write_manifest(layout, manifest)
    return saved


def _tidy(target: Path, root: Path) -> None:
    """Remove a module's byte-code, and empty directories that are ours by their names."""
    cache = target.parent / "__pycache__"
    for compiled in cache.glob(f"{target.stem}.*.pyc") if target.suffix == ".py" else ():
        compiled.unlink(missing_ok=True)
    for directory in (cache, *target.parents):
        ours = "session-recording" in str(directory.relative_to(root)) if directory.is_relative_to(root) else False
        if not ours:
            break
        with suppress(OSError):
            directory.rmdir()


def _is(target: Path, content: Content) -> bool:
    if _hash(target) != sha256(content.data):
        return False
    status = target.stat()
    # SSSD opens its configuration to its own group at start.
    mode = status.st_mode & 0o777
    return mode == content.mode or (content.mode == 0o600 and mode == 0o640)


def _hash(target: Path) -> str | None:
    """Of a file's content, or "other" for what is no regular file; None where nothing is."""
    try:
        if target.is_symlink() or not target.is_file():
            return "other" if os.path.lexists(target) else None
        return sha256(target.read_bytes())
    except FileNotFoundError:
        return None


def _saved_as(layout: Layout, path: Path) -> Path:
    return layout.saved / str(path.relative_to("/")).replace("/", ":")


def _save(layout: Layout, path: Path, suffix: str) -> Path:
    copy = _saved_as(layout, path)
    copy = copy.with_name(copy.name + suffix)
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(layout.at(path), copy, follow_symlinks=False)
    return copy


def _staged(target: Path, content: Content) -> Path:
    """The content on the disk beside its target. What an interrupted run left there is written over."""
    new = target.with_name(f".{target.name}{_STAGED}")
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, content.mode)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, content.mode)
            file.write(content.data)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return new
