"""The FreeIPA server that session recording is installed on: its place, its version, upgrading and restarting it."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipa_plugin import install_data
from ipa_plugin.install_data import InstallError
from ipa_plugin.install_files import Layout, plugins

TESTED = (4, 12)
"""Older versions are refused, newer ones warned about. No distribution has an older one with Python 3.11."""

STATE = Path("/var/lib/ipa/session-recording")
LOG_LINES = 15


class Server:
    """FreeIPA on this machine. What its methods cannot do they raise as InstallError."""

    def layout(self) -> Layout:
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

    def version(self) -> str:
        """FreeIPA's version, as 4.12.4."""
        from ipapython.version import VERSION

        return str(VERSION)

    def is_configured(self) -> bool:
        """Whether ipa-server-install or ipa-replica-install has been run here."""
        from ipalib.facts import is_ipa_configured

        return bool(is_ipa_configured())

    def load_plugins(self, source: Path, without: Sequence[str] = ()) -> bytes:
        """Try FreeIPA's commands with our plugins of `source` in a process of its own.

        A plugin that does not load takes every command and the web UI of the server down, so this comes before
        anything is placed. `without` names plugins of earlier versions that go. Returns the permissions that ours
        declare, as canonical JSON; raises InstallError.
        """
        names = ",".join(path.stem for path in plugins(source))
        done = subprocess.run(
            [
                sys.executable,
                "-EB",
                "-m",
                "ipa_plugin.install_check",
                str(source / "plugins"),
                names,
                ",".join(without),
            ],
            cwd=source.parent,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        lines = done.stdout.splitlines()
        if done.returncode or not lines:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InstallError(f"the plugins do not load in FreeIPA {self.version()} ({reason}); nothing was changed")
        return lines[-1].encode()

    def upgrade(self) -> None:
        """Put schema, updates and permissions into the directory; takes half a minute."""
        from ipaplatform.paths import paths

        log = Path(paths.IPAUPGRADE_LOG)
        before = log.stat().st_size if log.exists() else 0
        if _run("ipa-server-upgrade", "--quiet").returncode:
            raise InstallError(
                f"{_since(log, before)}\nipa-server-upgrade failed, and these are the last lines of {log}. "
                "The files are in place: put right what is named above, then run this again"
            )

    def restart_server(self) -> None:
        """Restart all of FreeIPA, as after an upgrade."""
        _restart("ipa.service")

    def restart_web(self) -> None:
        """Restart the web server, which runs the commands."""
        from ipaplatform.services import knownservices

        unit = str(knownservices.httpd.systemd_name)
        _restart(unit if unit.endswith(".service") else f"{unit}.service")

    def find_data(self) -> list[Any]:
        """Our entries in the directory, see `install_data.find`."""
        return install_data.find()

    def delete_data(self, names: list[Any]) -> None:
        """Delete these entries, on all servers of the topology."""
        install_data.delete(names)


def check_version(text: str) -> str:
    """A warning about a version that nothing was tested with, or ""; raises InstallError for one that is too old."""
    numbers = tuple(int(part) if part.isdigit() else 0 for part in text.split(".")[:2])
    if numbers < TESTED:
        raise InstallError(f"FreeIPA {_dotted(TESTED)} or later is needed, this is {text}: upgrade FreeIPA first")
    if numbers > TESTED:
        return f"FreeIPA {text} is newer than what was tested, {_dotted(TESTED)}; going on"
    return ""


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _restart(unit: str) -> None:
    done = _run("systemctl", "restart", unit)
    if done.returncode:
        raise InstallError(
            f"{done.stderr.strip()}\n{unit} does not start: see `journalctl -u {unit}`; then run this again"
        )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
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
