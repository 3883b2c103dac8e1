"""For `sessrec doctor`, what is wrong on a recorded host: all of its status, and what lies around it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from host import status
from host.install_files import read_manifest
from host.install_layout import LOGIN_SHELL, Layout
from recorder.configuration.host_settings import HostSettings
from recorder.doctor import Finding

PART = "host"

JOURNAL = Path("/var/log/journal")
SCARCE, EXHAUSTED = 0.1, 0.02
"""Parts of a disk that are free: less is a warning, and critical."""


def present() -> bool:
    """Whether this is a host that records logins, or was to be one."""
    return bool(read_manifest(Layout()).files) or LOGIN_SHELL.exists()


def findings() -> Iterator[Finding]:
    """All of them. Raises OSError."""
    found = status.status()
    for check in found.checks:
        yield Finding(PART, check.name, check.level, check.text, check.mend if check.level != "ok" else "")
    settings, _ = status.settings()
    yield from place(settings)


def place(settings: HostSettings, journal: Path = JOURNAL) -> Iterator[Finding]:
    """Whether there is room where recordings go, and whether a boot would leave them."""
    if settings.sink == "syslog":
        return
    directory = journal if settings.sink == "journald" else Path(settings.directory)
    if settings.sink == "journald" and not _is_kept(journal, settings.journal_namespace):
        name = f"@{settings.journal_namespace}" if settings.journal_namespace else ""
        yield Finding(
            PART, "journal", "warning",
            "the journal that recordings go to is in memory only, and gone with the next boot",
            f"mkdir -p {journal} && systemctl restart systemd-journald{name}",
        )  # fmt: skip
        return
    usage = shutil.disk_usage(directory)
    free = usage.free / usage.total if usage.total else 1.0
    level = "critical" if free < EXHAUSTED else "warning" if free < SCARCE else "ok"
    text = f"{free:.0%} of the disk of {directory} is free"
    yield Finding(PART, "disk", level, text, f"du -sh {directory}/*" if level != "ok" else "")


def _is_kept(journal: Path, namespace: str) -> bool:
    try:
        names = [path.name for path in journal.iterdir()]
    except OSError:
        return False
    return any(name.endswith(f".{namespace}") if namespace else "." not in name for name in names)
