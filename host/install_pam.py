"""The hook at the opening and closing of a session: where PAM has it, and the step that brings it there.

Debian's common files are written by pam-auth-update; Fedora and its relatives have authselect. Elsewhere two lines
are left to the administrator.
"""

from pathlib import Path

from host.install_authselect import AUTHSELECT_FILES, Authselect, is_authselect_in_use
from host.install_error import InstallError
from host.install_layout import PAM_HOOK, PAM_PROFILE, Layout
from host.install_system import System
from host.pam_lines import PAM_LINES, REFUSES_ROOT, has_hook, has_lines

COMMON_FILES = (Path("/etc/pam.d/common-session"), Path("/etc/pam.d/common-session-noninteractive"))
"""What Debian's services of PAM include."""

PAM_BY_HAND = (
    "PAM is set up neither by pam-auth-update nor by authselect here, and without the hook no audit rules are set. "
    "Add these two lines after pam_loginuid.so to what sshd, login, su, sudo and crond include, such as "
    f"/etc/pam.d/system-auth and password-auth: '{PAM_LINES[0]}' and '{PAM_LINES[1]}'"
)


class CommonFiles:
    """The hook in Debian's common files."""

    hint = ""

    def __init__(self, layout: Layout, system: System) -> None:
        self._layout, self._system = layout, system

    def pending(self) -> list[str]:
        """The files that lack the hook."""
        return [f"add the hook to {path}" for path in COMMON_FILES if not has_lines(self._layout.at(path))]

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
            problem = REFUSES_ROOT.format(refused)
        if problem:
            self.undo()
            raise InstallError(problem)
        return []

    def undo(self) -> list[str]:
        """Disable the profile; raises InstallError where the hook stays, since its program goes next."""
        had = [path for path in COMMON_FILES if has_hook(self._layout.at(path))]
        if had or self._layout.at(PAM_PROFILE).exists():
            self._system.disable_pam_profile()
        for path in had:
            if has_hook(self._layout.at(path)):
                raise InstallError(
                    f"pam-auth-update leaves {PAM_HOOK} in {path}: take that line out, then run this again"
                )
        return [f"took the hook out of {path}" for path in had]


class ByHand:
    """PAM is the administrator's."""

    hint = PAM_BY_HAND

    def pending(self) -> list[str]:
        """Nothing that could be done here."""
        return []

    def apply(self) -> list[str]:
        """Does nothing."""
        return []

    def undo(self) -> list[str]:
        """Does nothing."""
        return []


def pam_step(layout: Layout, system: System) -> CommonFiles | Authselect | ByHand:
    """The step that fits this machine. `hint` is what is left to its administrator, "" if nothing is."""
    if is_authselect_in_use(layout):
        return Authselect(layout, system)
    if layout.at(PAM_PROFILE.parent).is_dir():
        return CommonFiles(layout, system)
    return ByHand()


def pam_files(layout: Layout) -> tuple[Path, ...]:
    """Which files are to have the hook; none where that is left to the administrator."""
    if is_authselect_in_use(layout):
        return AUTHSELECT_FILES
    return tuple(path for path in COMMON_FILES if layout.at(path).exists())
