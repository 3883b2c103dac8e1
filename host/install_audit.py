"""The step that has audit events brought into recordings: the audit service, and auditd's plugin where auditd is."""

from collections.abc import Mapping
from pathlib import Path

from host import install_files
from host.install_error import InstallError
from host.install_files import Manifest
from host.install_layout import AUDIT, AUDIT_PLUGIN, AUDIT_SOCKET, Content, Layout
from host.install_system import System


class AuditEvents:
    """The unit, and our file in auditd's plugins.d. Sessions are recorded without either."""

    def __init__(self, layout: Layout, system: System, manifest: Manifest, contents: Mapping[Path, Content]) -> None:
        self._layout, self._system, self._manifest = layout, system, manifest
        self._digest = install_files.digest(contents)
        self._plugin = {AUDIT_PLUGIN: layout.audit_plugin()} if layout.has_auditd() else {}

    def pending(self) -> list[str]:
        """A service that does not run, or runs what was there before; a plugin that auditd does not have."""
        newer = self._manifest.audit != self._digest
        start = [f"start {AUDIT}"] if newer or not self._system.is_up(AUDIT) else []
        place = [f"place {path}" for path in install_files.differing(self._layout, self._plugin)]
        reload = ["have auditd read its plugins again"] if place or not self._manifest.auditd else []
        return [*start, *place, *reload]

    def apply(self) -> list[str]:
        """Do that."""
        pending = self.pending()
        if f"start {AUDIT}" in pending:
            self._system.start(AUDIT)
            self._manifest.audit = self._digest
        saved = []
        if differing := install_files.differing(self._layout, self._plugin):
            self._manifest.auditd = False
            saved = install_files.place(self._layout, self._manifest, differing, self._plugin)
        said = [f"what was in {path} is kept in {copy}" for path, copy in saved]
        if not self._manifest.auditd:
            said += self._reload()
        install_files.write_manifest(self._layout, self._manifest)
        return said

    def undo(self) -> list[str]:
        """Take the plugin away, and stop the service."""
        said = []
        if str(AUDIT_PLUGIN) in self._manifest.files:
            saved = install_files.remove(self._layout, self._manifest, [AUDIT_PLUGIN])
            said += [f"removed {AUDIT_PLUGIN}", *(f"your changes to {path} are in {copy}" for path, copy in saved)]
            said += self._reload()
        if self._system.is_enabled(AUDIT):
            # The socket first: it would start the service again.
            self._system.stop(AUDIT_SOCKET)
            self._system.stop(AUDIT)
            said.append(f"stopped {AUDIT}")
        self._manifest.audit = ""
        return said

    def _reload(self) -> list[str]:
        try:
            self._system.reload_auditd()
        except InstallError as error:
            return [f"{error}: auditd goes on as before until it is started again"]
        self._manifest.auditd = True
        return []
