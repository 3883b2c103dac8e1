"""Which package has which files: `packaging/install.py PACKAGE DIRECTORY` places those of one below DIRECTORY.

Debian's rules and the RPM spec both call it. What a recorded host gets is what `sessrec host install` places from a
checkout (host.install_layout), so that the two cannot differ. A list of what was placed, with checksums, goes along:
by it the installer knows that these files are a package's.
"""

import argparse
import hashlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if importlib.util.find_spec("re2") is None:
    # No distribution has it. The verbs are described without what they do.
    sys.modules["re2"] = types.ModuleType("re2")

import sessrec  # noqa: E402 - found by the path above
from docs import man  # noqa: E402
from host.install_layout import (  # noqa: E402
    CODE,
    COMMAND,
    COMMON_PACKAGE,
    HOST_PACKAGE,
    PACKAGES,
    PAM_PROFILE,
    PROGRAMS,
    Content,
    Layout,
)

AUDITOR_PACKAGE = "freeipa-session-recording-auditor"
SERVER_PACKAGE = "freeipa-session-recording-server"
NAMES = (COMMON_PACKAGE, HOST_PACKAGE, AUDITOR_PACKAGE, SERVER_PACKAGE)

COMMON_CODE = ("sessrec.py", "recorder", "ipa_plugin")
COMMON_OF_AUDITOR = (
    *("__init__.py", "json_objects.py", "verify.py", "output", "player", "screen", "transcript"),
    *("log_servers", "commands/__init__.py", "commands/store.py"),
    *(f"recordings/{name}.py" for name in ("__init__", "store_error", "store_name")),
    *(f"elasticsearch/{name}.py" for name in ("__init__", "actions", "address", "dead_letter", "identity", "layout")),
    *(f"elasticsearch/{name}.py" for name in ("mapping", "refusal", "settings")),
)
"""Of auditor, what `sessrec host` needs to verify a recording and to show a session, and `sessrec store` to send what
rsyslog has put aside."""

UNITS = Path("/usr/lib/systemd/system")
SHARE = Path("/usr/share/session-recording")
REQUIREMENTS = SHARE / "requirements"
"""Lists for pip of what distributions do not have, see docs/packages.md."""
LOGROTATE = SHARE / "logrotate/session-recording"
"""An example, since it depends on the log server where the log is."""
COMPLETION = Path("/usr/share/bash-completion/completions/sessrec")
LINKS = {
    SERVER_PACKAGE: {
        Path("/usr/sbin") / man.SERVER_INSTALLER: f"../lib/{CODE.name}/ipa_plugin/bin/{man.SERVER_INSTALLER}"
    }
}

PLAYER = ROOT / "auditor/web/static/player/VERSION"


def main(argv: list[str]) -> int:
    """Place the files of one package; returns the exit status."""
    args = parser().parse_args(argv)
    if args.package == AUDITOR_PACKAGE and not PLAYER.exists():
        print("the page's player is missing: python3 auditor/web/frontend/player_files.py brings it", file=sys.stderr)
        return 1
    placed = contents(args.package, args.pam_auth_update)
    for path, content in placed.items():
        target = args.directory / path.relative_to("/")
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.write_bytes(content.data)
        target.chmod(content.mode)
    links = LINKS.get(args.package, {})
    for path, to in links.items():
        link = args.directory / path.relative_to("/")
        link.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        link.symlink_to(to)
    if args.list:
        args.list.write_text("".join(f"{line}\n" for line in _rpm_list([*placed, *links])))
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    made.add_argument("package", choices=NAMES)
    made.add_argument("directory", type=Path)
    made.add_argument("--list", type=Path, metavar="FILE", help="write the paths placed, for RPM's %%files -f")
    made.add_argument("--pam-auth-update", action="store_true", help="PAM is set up by Debian's pam-auth-update")
    return made


def contents(package: str, pam_auth_update: bool = True) -> dict[Path, Content]:
    """Every file of a package by its path below `/`, with the list of those that have to stay as they are."""
    everything = {**_shared(pam_auth_update), **_auditor(), **_server(), **_manual(), **_completion(), **_share()}
    placed = {path: content for path, content in everything.items() if package_of(path) == package}
    # What a checkout's installer copies from there to its place is in it already.
    outside = {content.data for path, content in everything.items() if not path.is_relative_to(CODE)}
    placed = {path: c for path, c in placed.items() if not path.is_relative_to(CODE) or c.data not in outside}
    lines = (
        f"{hashlib.sha256(content.data).hexdigest()}  {path}\n" for path, content in placed.items() if _stays(path)
    )
    return {**placed, PACKAGES / f"{package}.sha256sums": Content("".join(lines).encode())}


def package_of(path: Path) -> str:
    """The package that has this file."""
    if path.is_relative_to(CODE):
        first, *below = path.relative_to(CODE).parts
        if first == "auditor":
            common = any(Path(*below).is_relative_to(name) for name in COMMON_OF_AUDITOR)
            return COMMON_PACKAGE if common else AUDITOR_PACKAGE
        if first == "ipa_plugin" and not _is_policy(path):
            return SERVER_PACKAGE
        return COMMON_PACKAGE if first in COMMON_CODE else HOST_PACKAGE
    if path.is_relative_to("/usr/share/man"):
        return _package_of_page(path.stem)
    if path.is_relative_to(REQUIREMENTS) or path == LOGROTATE or path in _auditor():
        return AUDITOR_PACKAGE
    return COMMON_PACKAGE if path in (COMMAND, COMPLETION) or path.is_relative_to(SHARE) else HOST_PACKAGE


def _rpm_list(paths: list[Path]) -> Iterator[str]:
    """Lines for %files: the paths, with what RPM makes of them, and directories of our own."""
    ours = (CODE, PROGRAMS, SHARE)
    above = {directory for path in paths for directory in path.parents}
    for directory in sorted(above):
        if any(directory.is_relative_to(own) for own in ours):
            yield f"%dir {directory}"
    for path in paths:
        # Compressed later.
        yield f"{path}*" if path.is_relative_to("/usr/share/man") else str(path)
    for directory in sorted({path.parent for path in paths if path.suffix == ".py"}):
        yield f"%dir {directory}/__pycache__"
    for path in paths:
        if path.suffix == ".py":
            yield f"{path.parent}/__pycache__/{path.stem}.*.pyc"


def _shared(pam_auth_update: bool) -> dict[Path, Content]:
    """What `sessrec host install` places: the host's files, with the code of common and auditor."""
    placed = Layout(root=Path("/nonexistent"), source=ROOT).contents()
    if pam_auth_update:
        placed[PAM_PROFILE] = _read(ROOT / "host/files/pam-profile")
    return placed


def _auditor() -> dict[Path, Content]:
    files = ROOT / "auditor/files"
    placed = {UNITS / file.name: file for file in sorted(files.glob("*.service"))}
    placed[Path("/usr/lib/sysusers.d/session-recording-auditor.conf")] = files / "sysusers.conf"
    placed[Path("/usr/lib/tmpfiles.d/session-recording-auditor.conf")] = files / "tmpfiles.conf"
    return {path: _read(file) for path, file in placed.items()}


def _server() -> dict[Path, Content]:
    files = (path for path in sorted((ROOT / "ipa_plugin").rglob("*")) if path.is_file() and path.suffix != ".pyc")
    return {CODE / path.relative_to(ROOT): _read(path) for path in files}


def _manual() -> dict[Path, Content]:
    pages = ((Path(f"/usr/share/man/man{name[-1]}/{name}"), text) for name, text in man.pages())
    return {path: Content(text.encode()) for path, text in pages}


def _completion() -> dict[Path, Content]:
    from docs import completion

    return {COMPLETION: Content(completion.script().encode())}


def _share() -> dict[Path, Content]:
    placed = {
        REQUIREMENTS / "elasticsearch.txt": ROOT / "requirements/elasticsearch.txt",
        LOGROTATE: ROOT / "packaging/logrotate/session-recording",
    }
    rules = (path for path in sorted((ROOT / "monitoring").rglob("*")) if path.is_file())
    placed |= {SHARE / path.relative_to(ROOT): path for path in rules}
    return {path: _read(file) for path, file in placed.items()}


def _package_of_page(page: str) -> str:
    if page == man.SERVER_INSTALLER:
        return SERVER_PACKAGE
    module = sessrec.VERBS.get(page.removeprefix("sessrec-"), "")
    return package_of(CODE / f"{module.replace('.', '/')}.py") if module else COMMON_PACKAGE


def _is_policy(path: Path) -> bool:
    return path.parent == CODE / "ipa_plugin" and (path.name == "__init__.py" or path.match("policy*.py"))


def _stays(path: Path) -> bool:
    """Not what the distribution compresses, or leaves out where it is told to."""
    return not any(path.is_relative_to(place) for place in ("/usr/share/man", "/usr/share/doc"))


def _read(path: Path) -> Content:
    return Content(path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
