"""The hook on Fedora and its relatives, where authselect writes PAM's files from a profile.

What is added to those files by hand is lost with the next change of the profile. So the one in use is made the base
of a profile of ours, which links to all of its files but two, and has its features. The way back chooses the base.
"""

import shutil
from pathlib import Path

from host import install_files
from host.install_error import InstallError
from host.install_layout import PAM_HOOK, Content, Layout
from host.install_system import System
from host.pam_lines import PAM_LINES, REFUSES_ROOT, has_hook, has_lines

AUTHSELECT_FILES = (Path("/etc/pam.d/system-auth"), Path("/etc/pam.d/password-auth"))
"""What Fedora's services include: login, su and sudo the first one, sshd and crond the second. postlogin would not
do: sudo and crond do not include it."""

PROFILE = "custom/session-recording"

_AUTHSELECT = Path("/etc/authselect")
_IN_USE = _AUTHSELECT / "authselect.conf"
_DIRECTORY = _AUTHSELECT / PROFILE
_NAMES_BASE = "README"
"""A file that every profile has; ours is a link into the base."""


class Authselect:
    """The hook in a profile of authselect's."""

    hint = ""

    def __init__(self, layout: Layout, system: System) -> None:
        self._layout, self._system = layout, system
        self._directory = layout.at(_DIRECTORY)

    def pending(self) -> list[str]:
        """The files that lack the hook, or what the base has that our profile has not."""
        lacking = [f"add the hook to {path}" for path in AUTHSELECT_FILES if not has_lines(self._layout.at(path))]
        if lacking or self._selected()[0] != PROFILE:
            return lacking
        base = self._base()
        changed = any((self._directory / path.name).read_bytes() != self._wanted(path) for path in AUTHSELECT_FILES)
        return [f"take up what is new in authselect's profile {base}"] if changed else []

    def apply(self) -> list[str]:
        """Choose our profile, and see that root still gets in."""
        selected, *features = self._selected()
        self._check()
        if selected != PROFILE:
            self._remove()
            links = ("meta", "nsswitch", "pam", "dconf")
            self._system.authselect(
                "create-profile", _DIRECTORY.name, f"--base-on={selected}", *(f"--symlink-{kind}" for kind in links)
            )
        base = self._base()
        for path in AUTHSELECT_FILES:
            install_files.replace(self._directory / path.name, Content(self._wanted(path), 0o644))
        self._system.authselect("select", PROFILE, *features, "--quiet")
        if refused := self._system.refused_by_pam():
            self.undo()
            raise InstallError(REFUSES_ROOT.format(refused))
        return [f"authselect has profile {PROFILE} now, which is {base} with the hook"]

    def undo(self) -> list[str]:
        """Choose the base again; raises InstallError where the hook stays, since its program goes next."""
        selected, *features = self._selected()
        said = []
        if selected == PROFILE:
            base = self._base()
            self._check()
            self._system.authselect("select", base, *features, "--quiet")
            said = [f"authselect has profile {base} again"]
        for path in AUTHSELECT_FILES:
            if has_hook(self._layout.at(path)):
                raise InstallError(
                    f"{PAM_HOOK} is in {path} by authselect's profile {selected}: choose another one by "
                    "`authselect select`, then run this again"
                )
        self._remove()
        return said

    def _selected(self) -> list[str]:
        """The profile in use, and its features."""
        return self._system.authselect("current", "--raw").split()

    def _check(self) -> None:
        """Raises InstallError where a file of PAM's is not authselect's any more: choosing a profile replaces it."""
        try:
            self._system.authselect("check")
        except InstallError as error:
            raise InstallError(
                f"{error} Have authselect write PAM's files as they should be "
                f"(`authselect select {' '.join(self._selected())} --force`), then run this again"
            ) from error

    def _base(self) -> str:
        """The profile that ours is made from, by the name that authselect has for it."""
        directory = self._base_directory()
        return f"custom/{directory.name}" if directory.parent == _DIRECTORY.parent else directory.name

    def _wanted(self, path: Path) -> bytes:
        """What our profile has for one of PAM's files: that of the base, and our lines at its end."""
        text = self._layout.at(self._base_directory() / path.name).read_bytes().removesuffix(b"\n") + b"\n"
        return text + "".join(f"{line}\n" for line in PAM_LINES).encode()

    def _base_directory(self) -> Path:
        try:
            return (self._directory / _NAMES_BASE).readlink().parent
        except OSError as error:
            raise InstallError(
                f"authselect's profile {PROFILE} is not as it was made ({_DIRECTORY / _NAMES_BASE}: "
                f"{error.strerror}): choose the one that it was made from by `authselect select`, then run this again"
            ) from error

    def _remove(self) -> None:
        if self._directory.exists():
            shutil.rmtree(self._directory)


def is_authselect_in_use(layout: Layout) -> bool:
    """Whether authselect has chosen a profile on this machine."""
    return layout.at(_IN_USE).exists()
