"""The steps that give people the login shell: /etc/shells, and SSSD's shell, which comes last and goes first."""

import configparser
from pathlib import Path

from host import install_files
from host.install_error import InstallError
from host.install_files import Manifest
from host.install_layout import LOGIN_SHELL, SSSD_DROP_IN, Content, Layout
from host.install_system import System

SHELLS = Path("/etc/shells")
SSSD_CONFIG = Path("/etc/sssd/sssd.conf")
LOCAL_ONLY = "SSSD is not configured here, so no user's shell was changed; run this again when it is"


class Shells:
    """The login shell is one of the shells that ftpd, chsh and others accept."""

    def __init__(self, layout: Layout) -> None:
        self._file = layout.at(SHELLS)

    def pending(self) -> list[str]:
        """The line, where it is missing."""
        missing = self._file.exists() and str(LOGIN_SHELL) not in self._lines()
        return [f"add {LOGIN_SHELL} to {SHELLS}"] if missing else []

    def apply(self) -> list[str]:
        """Add the line at the end."""
        lines = self._lines()
        lines.insert(len(lines) - (lines[-1] == ""), str(LOGIN_SHELL))
        self._write(lines)
        return []

    def undo(self) -> list[str]:
        """Remove the line, and nothing else."""
        lines = self._lines() if self._file.exists() else []
        if str(LOGIN_SHELL) not in lines:
            return []
        self._write([line for line in lines if line != str(LOGIN_SHELL)])
        return [f"removed {LOGIN_SHELL} from {SHELLS}"]

    def _lines(self) -> list[str]:
        return self._file.read_text(errors="surrogateescape").split("\n")

    def _write(self, lines: list[str]) -> None:
        data = "\n".join(lines).encode(errors="surrogateescape")
        install_files.replace(self._file, Content(data, self._file.stat().st_mode & 0o777))


class Sssd:
    """The override of every SSSD user's shell."""

    def __init__(self, layout: Layout, system: System, manifest: Manifest) -> None:
        self._layout, self._system, self._manifest = layout, system, manifest

    @property
    def configured(self) -> bool:
        """Whether there is an SSSD with a domain to serve."""
        return self._layout.at(SSSD_CONFIG).exists()

    @property
    def placed(self) -> bool:
        """Whether users have the login shell by the drop-in already."""
        try:
            return str(LOGIN_SHELL) in self._layout.at(SSSD_DROP_IN).read_text(errors="replace")
        except FileNotFoundError:
            return False

    def pending(self) -> list[str]:
        """The drop-in, where it is not as it should be, and the restart that follows."""
        if not self.configured:
            return []
        if self._differs():
            return [f"place {SSSD_DROP_IN}", "restart SSSD"]
        return [] if self._manifest.sssd else ["restart SSSD"]

    def apply(self) -> list[str]:
        """Place the drop-in and restart SSSD; where SSSD does not start with it, with what was there before.

        A drop-in that gave the login shell before stays, whatever SSSD does: without it nobody would be recorded.
        """
        target = self._layout.at(SSSD_DROP_IN)
        before = target.read_bytes() if self.placed else None
        self._manifest.sssd = False
        saved: list[tuple[Path, Path]] = []
        if self._differs():
            saved = install_files.place(self._layout, self._manifest, [SSSD_DROP_IN], self._wanted())
        else:
            install_files.write_manifest(self._layout, self._manifest)
        try:
            self._restart()
        except InstallError as error:
            if before is None:
                self.undo()
                raise InstallError(f"{error}; the drop-in was removed again, and SSSD runs without it") from error
            if before == target.read_bytes():
                raise InstallError(f"{error}; {SSSD_DROP_IN} stays, since users are recorded by it") from error
            content = {SSSD_DROP_IN: Content(before, 0o600)}
            install_files.place(self._layout, self._manifest, [SSSD_DROP_IN], content)
            self._restart()
            raise InstallError(f"{error}; the drop-in of before is in its place again") from error
        return [f"what was in {path} is kept in {copy}" for path, copy in saved]

    def undo(self) -> list[str]:
        """Remove the drop-in and restart SSSD: everybody has his own shell again."""
        if not self._layout.at(SSSD_DROP_IN).exists():
            return []
        self._manifest.sssd = False
        saved = install_files.remove(self._layout, self._manifest, [SSSD_DROP_IN])
        install_files.write_manifest(self._layout, self._manifest)
        self._restart()
        return [f"removed {SSSD_DROP_IN}, and restarted SSSD", *(f"your changes to {a} are in {b}" for a, b in saved)]

    def _restart(self) -> None:
        self._system.restart_sssd()
        self._manifest.sssd = True
        install_files.write_manifest(self._layout, self._manifest)

    def _differs(self) -> bool:
        """Not where somebody has changed what we placed, and we would place the same again: that is his decision."""
        wanted = self._wanted()
        if not install_files.differing(self._layout, wanted):
            return False
        ours = self._manifest.files.get(str(SSSD_DROP_IN))
        return not (
            install_files.is_edited(self._layout, self._manifest, SSSD_DROP_IN)
            and ours == install_files.sha256(wanted[SSSD_DROP_IN].data)
        )

    def _wanted(self) -> dict[Path, Content]:
        text = (self._layout.source / "host/files/sssd.conf").read_text()
        others = self._attributes()
        if others:
            # A drop-in replaces the setting as a whole.
            text = text.replace("user_attributes = ", f"user_attributes = {', '.join(others)}, ")
        return {SSSD_DROP_IN: Content(text.encode(), 0o600)}

    def _attributes(self) -> list[str]:
        """What else InfoPipe is to give out, by sssd.conf and its drop-ins before ours."""
        files = [SSSD_CONFIG, *sorted(self._layout.at(SSSD_DROP_IN.parent).glob("[!.]*.conf"))]
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        for path in files:
            if path.name < SSSD_DROP_IN.name or path == SSSD_CONFIG:
                try:
                    parser.read_string(self._layout.at(path).read_text() if path == SSSD_CONFIG else path.read_text())
                except (OSError, ValueError, configparser.Error):
                    continue
        value = parser.get("ifp", "user_attributes", fallback="") or ""
        return [name for part in value.split(",") if (name := part.strip()) and name != "+originalMemberOf"]
