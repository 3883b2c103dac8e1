"""Which files go where on a recorded host, with which modes and contents.

`sessrec host install` runs from a checkout, or from what it has placed itself: the code goes with its own sources. Or
packages of the distribution have placed the files: then lists in PACKAGES say so, and nothing here places them again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from host.install_error import InstallError

CODE = Path("/usr/lib/session-recording")
PROGRAMS = Path("/usr/libexec/session-recording")
LOGIN_SHELL = PROGRAMS / "login-shell"
PAM_HOOK = PROGRAMS / "pam-hook"
COMMAND = Path("/usr/bin/sessrec")
CONFIG = Path("/etc/session-recording/config.toml")
POLICIES = Path("/etc/session-recording/policies.toml")
SSSD_DROP_IN = Path("/etc/sssd/conf.d/60-session-recording.conf")
SSHD_DROP_IN = Path("/etc/ssh/sshd_config.d/60-session-recording.conf")
AUDIT_PLUGIN = Path("/etc/audit/plugins.d/session-recording.conf")
BY_OTHER_STEPS = (CONFIG, SSSD_DROP_IN, SSHD_DROP_IN, AUDIT_PLUGIN)
"""Placed each in a step of its own, not with the files that lie in the sources."""
STATE = Path("/var/lib/session-recording")
AUDITORS = STATE / "auditor"
KEY = STATE / "key.pem"
RUN = Path("/run/session-recording")
RECORDER = "session-recorder.service"
RESPONDER = "session-recording-responder.service"
AUDIT = "session-recording-audit.service"
AUDIT_SOCKET = "session-recording-audit.socket"
METRICS = ("session-recording-metrics.service", "session-recording-metrics.timer")
"""Placed, and started by nobody but an administrator."""
BUS_NAME = "org.freeipa.SessionRecording1"
ACCOUNT = "session-recording"
PAM_PROFILE = Path("/usr/share/pam-configs/session-recording")

PACKAGES = CODE / "packages"
"""NAME.sha256sums for each of our packages of the distribution, as sha256sum writes it."""
HOST_PACKAGE = "freeipa-session-recording-host"
COMMON_PACKAGE = "freeipa-session-recording-common"

SOURCE = Path(__file__).resolve().parent.parent
"""What is copied: the directory that the packages lie in."""

_PACKAGES = ("recorder", "sssd_responder", "host", "auditor")
_UNITS = Path("/usr/lib/systemd/system")


class Content(NamedTuple):
    """A file's bytes and permissions; owner is root."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Layout:
    """The places under another root than `/`, for tests, and where there is something to copy from."""

    root: Path = Path("/")
    source: Path = SOURCE

    def at(self, path: Path) -> Path:
        """`path` under the root."""
        return self.root / path.relative_to("/")

    @property
    def manifest(self) -> Path:
        """JSON, see host.install_files.Manifest."""
        return self.at(STATE) / "installed.json"

    @property
    def saved(self) -> Path:
        """Files of the administrator's that had to make way."""
        return self.at(STATE) / "saved"

    @property
    def before_upgrade(self) -> Path:
        """A directory for each package with its files as they were before an upgrade, while that goes on."""
        return self.at(STATE) / "before-upgrade"

    def has_auditd(self) -> bool:
        """Whether there is an auditd that takes plugins."""
        return self.at(AUDIT_PLUGIN.parent).is_dir()

    def audit_plugin(self) -> Content:
        """Our file for it."""
        return Content((self.source / "host/files/audit-plugin.conf").read_bytes(), 0o640)

    @property
    def packaged(self) -> bool:
        """Whether this runs from what a package of the distribution has placed."""
        return self.source == self.at(CODE) and self._list_of(HOST_PACKAGE).exists()

    def owned(self, *packages: str) -> dict[Path, str]:
        """SHA-256 of each file that these packages have placed, all of ours by default; nothing without packages."""
        lists = map(self._list_of, packages) if packages else sorted(self.at(PACKAGES).glob("*.sha256sums"))
        lines = (line for file in lists if file.exists() for line in file.read_text().splitlines())
        return {Path(name): digest for digest, _, name in (line.partition("  ") for line in lines)}

    def contents(self) -> dict[Path, Content]:
        """Every file that is placed as it is, by its path below `/`. Raises InstallError where one is missing."""
        sources = dict(self._packaged_sources() if self.packaged else self._sources())
        try:
            return {path: Content(source.read_bytes(), mode) for path, (source, mode) in sources.items()}
        except FileNotFoundError as error:
            again = f"install {HOST_PACKAGE} and {COMMON_PACKAGE} again"
            remedy = again if self.packaged else "get a complete copy of the sources"
            raise InstallError(f"{error.filename} is missing: {remedy}") from error

    def _list_of(self, package: str) -> Path:
        return self.at(PACKAGES) / f"{package}.sha256sums"

    def _packaged_sources(self) -> Iterator[tuple[Path, tuple[Path, int]]]:
        for path in self.owned(HOST_PACKAGE, COMMON_PACKAGE):
            yield path, (self.at(path), 0o755 if path.parent in (PROGRAMS, COMMAND.parent) else 0o644)

    def _sources(self) -> Iterator[tuple[Path, tuple[Path, int]]]:
        files = self.source / "host/files"
        for source in self._code():
            yield CODE / source.relative_to(self.source), (source, 0o644)
        # Named, for without it nobody could log in.
        yield CODE / "recorder/login_shell.py", (self.source / "recorder/login_shell.py", 0o644)
        yield LOGIN_SHELL, (files / "login-shell", 0o755)
        yield PAM_HOOK, (self.source / "sssd_responder/pam_hook.py", 0o755)
        for name in ("recorder", "responder", "audit", "audit-plugin"):
            yield PROGRAMS / name, (files / name, 0o755)
        yield COMMAND, (files / "sessrec", 0o755)
        for name in (RECORDER, RESPONDER, AUDIT, AUDIT_SOCKET, *METRICS):
            yield _UNITS / name, (files / name, 0o644)
        for path, name in {
            "/usr/lib/sysusers.d/session-recording.conf": "sysusers.conf",
            "/usr/lib/tmpfiles.d/session-recording.conf": "tmpfiles.conf",
            f"/usr/share/dbus-1/system.d/{BUS_NAME}.conf": "dbus-policy.conf",
            f"/usr/share/dbus-1/system-services/{BUS_NAME}.service": "dbus-activation.service",
        }.items():
            yield Path(path), (files / name, 0o644)
        if self.at(PAM_PROFILE.parent).is_dir():
            yield PAM_PROFILE, (files / "pam-profile", 0o644)

    def _code(self) -> Iterator[Path]:
        yield self.source / "sessrec.py"
        yield self.source / "ipa_plugin/__init__.py"
        yield from sorted(self.source.glob("ipa_plugin/policy*.py"))
        for package in _PACKAGES:
            for path in sorted((self.source / package).rglob("*")):
                if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("."):
                    yield path
