"""The steps that logins depend on: /etc/shells, PAM, and SSSD's shell, which comes last and goes first."""

import configparser
from pathlib import Path

from host import install_files
from host.install_error import InstallError
from host.install_files import Manifest
from host.install_layout import CODE, LOGIN_SHELL, PAM_HOOK, PAM_PROFILE, SSSD_DROP_IN, Content, Layout
from host.install_system import System

SHELLS = Path("/etc/shells")
PAM_FILES = (Path("/etc/pam.d/common-session"), Path("/etc/pam.d/common-session-noninteractive"))
PAM_LINES = (
    f"session optional pam_env.so readenv=0 conffile={CODE}/sssd_responder/pam_env.conf",
    f"session required pam_exec.so type=open_session seteuid quiet stdout {PAM_HOOK}",
)
PAM_BY_HAND = (
    "PAM is not set up by pam-auth-update here, and without the hook no audit rules are set. Add these two lines "
    "after pam_loginuid.so to what sshd, login, su, sudo and crond include, such as /etc/pam.d/postlogin: "
    f"'{PAM_LINES[0]}' and '{PAM_LINES[1]}'"
)
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


class Pam:
    """The hook at the opening and closing of a session, in Debian's common files."""

    def __init__(self, layout: Layout, system: System) -> None:
        self._layout, self._system = layout, system

    @property
    def by_hand(self) -> bool:
        """Whether this machine has no pam-auth-update."""
        return not self._layout.at(PAM_PROFILE.parent).is_dir()

    def pending(self) -> list[str]:
        """The files that lack the hook."""
        if self.by_hand:
            return []
        return [f"add the hook to {path}" for path in PAM_FILES if not self._is_current(path)]

    def apply(self) -> list[str]:
        """Enable our profile, and see that root still gets in."""
        self._system.enable_pam_profile()
        problem = ""
        if self.pending():
            problem = (
                "pam-auth-update leaves /etc/pam.d/common-* alone, since somebody has changed them by hand: "
                "run `pam-auth-update --force`, or add these lines to both, then run this again: "
                f"'{PAM_LINES[0]}' and '{PAM_LINES[1]}'"
            )
        elif refused := self._system.refused_by_pam():
            problem = f"with the hook in PAM root cannot use su any more ({refused}), so it was taken out again"
        if problem:
            self.undo()
            raise InstallError(problem)
        return []

    def undo(self) -> list[str]:
        """Disable the profile; raises InstallError where the hook stays, since its program goes next."""
        if self.by_hand:
            return []
        had = [path for path in PAM_FILES if has_hook(self._layout.at(path))]
        if had or self._layout.at(PAM_PROFILE).exists():
            self._system.disable_pam_profile()
        for path in had:
            if has_hook(self._layout.at(path)):
                raise InstallError(
                    f"pam-auth-update leaves {PAM_HOOK} in {path}: take that line out, then run this again"
                )
        return [f"took the hook out of {path}" for path in had]

    def _is_current(self, path: Path) -> bool:
        """Whether both lines are there, as this version has them."""
        try:
            lines = self._layout.at(path).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return False
        return {tuple(line.split()) for line in PAM_LINES} <= {tuple(line.split()) for line in lines}


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


def has_hook(path: Path) -> bool:
    """Whether a file of PAM's names the hook, in a line that counts."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(str(PAM_HOOK) in line.partition("#")[0].split() for line in lines)
