"""The FreeIPA server that session recording is installed on: its place, its version, upgrading and restarting it."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ipa_plugin.install_files import Layout, plugins

OLDEST = (4, 12)
"""The oldest version that all this was tested with is 4.12.4."""
NEWEST = (4, 12)

STATE = Path("/var/lib/ipa/session-recording")
LOG_LINES = 15


class InstallError(Exception):
    """It cannot be done; the text says why and what to do."""


def layout() -> Layout:
    """Where this server has its plugins, found as its own programs find them."""
    try:
        found = importlib.util.find_spec("ipaserver.plugins")
    except ImportError:
        found = None
    if found is None or not found.submodule_search_locations:
        raise InstallError(
            f"there is no FreeIPA server for {sys.executable}: install the package of FreeIPA's server first, "
            "and run this by the Python that it uses"
        )
    from ipaplatform.paths import paths

    directory = Path(next(iter(found.submodule_search_locations)))
    return Layout(
        plugins=directory,
        packages=directory.parent.parent,
        schema=Path(paths.EXTERNAL_SCHEMA_DIR),
        updates=Path(paths.UPDATES_DIR),
        ui=Path(paths.IPA_JS_PLUGINS_DIR),
        state=STATE,
    )


def version() -> str:
    """FreeIPA's version, as 4.12.4."""
    from ipapython.version import VERSION

    return str(VERSION)


def check_version(text: str) -> str:
    """A warning about a version that nothing was tested with, or ""; raises InstallError for one that is too old."""
    numbers = tuple(int(part) if part.isdigit() else 0 for part in text.split(".")[:2])
    if numbers < OLDEST:
        raise InstallError(
            f"FreeIPA {'.'.join(map(str, OLDEST))} or later is needed; this is {text}: upgrade FreeIPA first"
        )
    if numbers > NEWEST:
        return f"FreeIPA {text} is newer than what was tested ({'.'.join(map(str, NEWEST))}); going on"
    return ""


def is_configured() -> bool:
    """Whether ipa-server-install or ipa-replica-install has been run here."""
    from ipalib.facts import is_ipa_configured

    return bool(is_ipa_configured())


def load_plugins(source: Path, without: Sequence[str] = ()) -> bytes:
    """Try FreeIPA's commands with our plugins of `source` in a process of its own; the permissions that ours declare.

    A plugin that does not load takes every command and the web UI of the server down, so this comes before anything
    is placed. `without` names plugins of earlier versions that go. Returns canonical JSON; raises InstallError.
    """
    names = ",".join(path.stem for path in plugins(source))
    done = subprocess.run(
        [sys.executable, "-EB", "-m", "ipa_plugin.install_check", str(source / "plugins"), names, ",".join(without)],
        cwd=source.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InstallError(f"the plugins do not load in FreeIPA {version()} ({reason}); nothing was changed")
    return lines[-1].encode()


def upgrade() -> None:
    """Put schema, updates and permissions into the directory; takes half a minute. Raises InstallError."""
    from ipaplatform.paths import paths

    log = Path(paths.IPAUPGRADE_LOG)
    before = log.stat().st_size if log.exists() else 0
    if _run("ipa-server-upgrade", "--quiet").returncode:
        raise InstallError(
            f"{_since(log, before)}\nipa-server-upgrade failed; the end of {log} is above. The files are in place: "
            "put right what is named there, then run this again"
        )


def restart_server() -> None:
    """Restart all of FreeIPA, as after an upgrade. Raises InstallError."""
    _restart("ipa.service")


def restart_web() -> None:
    """Restart the web server, which runs the commands. Raises InstallError."""
    from ipaplatform.services import knownservices

    unit = str(knownservices.httpd.systemd_name)
    _restart(unit if unit.endswith(".service") else f"{unit}.service")


def _restart(unit: str) -> None:
    done = _run("systemctl", "restart", unit)
    if done.returncode:
        raise InstallError(
            f"{done.stderr.strip()}\n{unit} does not start: see `journalctl -u {unit}`; then run this again"
        )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise InstallError(f"{command[0]} is not installed, or not in PATH") from None


def _since(log: Path, size: int) -> str:
    """The last lines of what was written to the log since it had this size."""
    try:
        with log.open("rb") as file:
            file.seek(size)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-LOG_LINES:])
    except FileNotFoundError:
        return "(there is no log)"
