"""The step that keeps users' variables for the loader from the login shell, where they come by sshd.

One file of sshd's own, and only where a way is open: nothing that a package has placed is changed.
"""

from host import install_files, loader_environment
from host.install_error import InstallError
from host.install_files import Manifest
from host.install_layout import SSHD_DROP_IN, Content, Layout
from host.install_system import System
from host.loader_environment import SET_EMPTY, Found
from host.sshd_config import SSHD, SshdError

_TEXT = f"""\
# Session recording: what a user has put into these variables, by ~/.pam_environment, ~/.ssh/environment or from his
# client, would run in the place of the login shell. Empty, they do nothing. sshd heeds the first SetEnv that it reads
# and no other: add your own variables to this line.
SetEnv {SET_EMPTY}
"""


class Sshd:
    """Our file in sshd_config.d."""

    def __init__(self, layout: Layout, system: System, manifest: Manifest) -> None:
        self._layout, self._system, self._manifest = layout, system, manifest

    def pending(self) -> list[str]:
        """The file, where it would close something."""
        found = self._found()
        if any(way.by_sshd for way in found.ways) and not found.problem and not self._obstacle():
            return [f"place {SSHD_DROP_IN}", "reload sshd"]
        return [] if self._manifest.sshd else ["reload sshd"]

    def apply(self) -> list[str]:
        """Place it, and take it away again where sshd does not accept it or does not heed it."""
        if len(self.pending()) == 1:
            return self._reload()
        self._manifest.sshd = False
        content = {SSHD_DROP_IN: Content(_TEXT.encode())}
        saved = install_files.place(self._layout, self._manifest, [SSHD_DROP_IN], content)
        said = [f"what was in {path} is kept in {copy}" for path, copy in saved]
        try:
            self._system.try_sshd()
            if any(way.by_sshd for way in self._found().ways):
                raise SshdError("sshd does not heed it")
        except SshdError as error:
            self._manifest.sshd = True
            install_files.remove(self._layout, self._manifest, [SSHD_DROP_IN])
            return [*said, f"removed {SSHD_DROP_IN} again: {error}"]
        return [*said, *self._reload()]

    def undo(self) -> list[str]:
        """Remove it."""
        if str(SSHD_DROP_IN) not in self._manifest.files or not self._layout.at(SSHD_DROP_IN).exists():
            return []
        saved = install_files.remove(self._layout, self._manifest, [SSHD_DROP_IN])
        copies = [f"your changes to {path} are in {copy}" for path, copy in saved]
        return [f"removed {SSHD_DROP_IN}", *copies, *self._reload()]

    def warnings(self) -> list[str]:
        """The ways that are open, a line each, and what stands against closing those of sshd."""
        found = self._found()
        obstacle = self._obstacle() if any(way.by_sshd for way in found.ways) else ""
        problem = f"nobody can say what sshd takes from its users: {found.problem}" if found.problem else ""
        return [*(way.text for way in found.ways), *(line for line in (obstacle, problem) if line)]

    def _obstacle(self) -> str:
        return loader_environment.obstacle(self._layout.root)

    def _found(self) -> Found:
        if not self._layout.at(SSHD).exists():
            return loader_environment.look(None, self._layout.root)
        said: str | SshdError
        try:
            said = self._system.said_by_sshd()
        except SshdError as error:
            said = error
        return loader_environment.look(said, self._layout.root)

    def _reload(self) -> list[str]:
        try:
            self._system.reload_sshd()
        except InstallError as error:
            return [f"{error}: sshd goes on as before until it is reloaded"]
        self._manifest.sshd = True
        install_files.write_manifest(self._layout, self._manifest)
        return []
