"""Puts session recording in place on this host, brings it up to date, or takes it out again.

The steps are in an order in which nobody is locked out: everybody's shell is changed last, when a login through it
has been tried, and changed back first. On a host that records already, a failure does not let anybody past the
recorder, unless the host's `on_failure` does.
"""

import os
from collections.abc import Callable, Iterator
from typing import Protocol

from host import install_files
from host.install_audit import AuditEvents
from host.install_error import InstallError
from host.install_layout import CODE, CONFIG, HOST_PACKAGE, LOGIN_SHELL, POLICIES, RUN, STATE, Layout
from host.install_login import LOCAL_ONLY, Shells, Sssd
from host.install_pam import pam_step
from host.install_services import Answers, Files, Ground, Units
from host.install_sshd import Sshd
from host.install_system import System
from recorder.configuration import host_settings
from recorder.configuration.config import ConfigError
from sssd_responder.decisions import local_policies
from sssd_responder.decisions.local_policies import LocalPolicyError

UP_TO_DATE = "Session recording is in place and up to date: nothing to do."
NOT_INSTALLED = "Session recording is not installed here: nothing to do."

REFUSED = (
    "WARNING: everything stays, and logins by the login shell are refused, as on_failure of this host says; root is "
    f'not affected. To let them go on unrecorded, write on_failure = "allow" into {CONFIG} and run this again'
)

Say = Callable[[str], None]


class Step(Protocol):
    """A part of the installation."""

    def pending(self) -> list[str]:
        """What `apply` would do, a line each; nothing where all is as it should be."""

    def apply(self) -> list[str]:
        """Do it; what is worth saying of it. Raises InstallError or OSError."""

    def undo(self) -> list[str]:
        """Make it as it was before; what was done."""


class Installation:
    """The steps on one host."""

    def __init__(self, layout: Layout, system: System) -> None:
        self.layout, self.system = layout, system
        self.manifest = install_files.read_manifest(layout)

    def check(self, say: Say) -> bool:
        """Say what `install` would do; whether that is nothing. Raises InstallError where it would not begin."""
        self._leave_packages_alone()
        self._read_configuration()
        pending = [line for step in self._steps() for line in step.pending()]
        for line in pending:
            say(f"would {line}")
        self._hints(say)
        if not pending:
            say(UP_TO_DATE)
        return not pending

    def install(self, say: Say, before_first: Callable[[], None] | None = None) -> None:
        """Do what is left to do. Raises InstallError, with logins as before, or as the host's `on_failure` says.

        `before_first` is called when everybody's shell is about to be changed for the first time; if it raises
        InstallError, it is not, and PAM is as it was.
        """
        self.system.check()
        self._leave_packages_alone()
        on_failure = self._read_configuration()
        steps = self._steps()
        recorded_before = self.sssd.placed
        done = 0
        try:
            for step in steps:
                pending = step.pending()
                for line in pending:
                    say(line)
                if pending:
                    if step is self.sssd and before_first and not recorded_before:
                        self._try(before_first, say)
                    done += 1
                    for line in step.apply():
                        say(line)
        except (InstallError, OSError, KeyboardInterrupt) as error:
            self._after_failure(say, recorded_before and on_failure == "deny")
            if isinstance(error, OSError):
                raise InstallError(f"{error}; put that right, then run this again") from error
            raise
        self._hints(say)
        say("Session recording is in place." if done else UP_TO_DATE)

    def uninstall(self, say: Say, purge: bool) -> None:
        """Take all of it out, the change of everybody's shell first. Raises InstallError or OSError.

        What packages of the distribution have placed stays, and does nothing any more.
        """
        self._leave_packages_alone()
        if users := self.system.local_users_of(LOGIN_SHELL):
            raise InstallError(
                f"{LOGIN_SHELL} is the shell of {', '.join(users)} in /etc/passwd: give them another one first, "
                "or they cannot log in any more (chsh -s /bin/bash USER)"
            )
        going_on = len(list(self.layout.at(RUN / "sessions").glob("*.json")))
        steps = self._steps()
        said = [line for step in reversed(steps) for line in _undone(step, say)]
        if said:
            self.system.take_up_units()
        if going_on:
            say(f"{going_on} sessions go on, and are recorded to their end")
        if purge:
            for line in self._ground().purge():
                said.append(line)
                say(line)
        else:
            self.layout.manifest.unlink(missing_ok=True)
            if said and self.layout.at(STATE).exists():
                say(f"{STATE} stays, with the host's key and whatever was recorded there")
        say("Session recording is uninstalled." if said else NOT_INSTALLED)

    def _steps(self) -> list[Step]:
        contents = self.layout.contents()
        self.files = Files(self.layout, self.system, self.manifest, contents)
        self.units = Units(self.layout, self.system, self.manifest, contents)
        self.audit = AuditEvents(self.layout, self.system, self.manifest, contents)
        self.pam = pam_step(self.layout, self.system)
        self.sshd = Sshd(self.layout, self.system, self.manifest)
        self.sssd = Sssd(self.layout, self.system, self.manifest)
        return [
            self.files,
            self._ground(),
            self.units,
            Answers(self.system),
            self.audit,
            Shells(self.layout),
            self.pam,
            self.sshd,
            self.sssd,
        ]

    def _ground(self) -> Ground:
        return Ground(self.layout, self.system, self.manifest)

    def _hints(self, say: Say) -> None:
        if self.pam.hint:
            say(self.pam.hint)
        if not self.sssd.configured:
            say(LOCAL_ONLY)
        for line in self.sshd.warnings():
            say(f"WARNING: {line}")

    def _leave_packages_alone(self) -> None:
        if self.layout.owned() and not self.layout.packaged:
            raise InstallError(
                f"files in {CODE} belong to packages: install {HOST_PACKAGE} and run `sessrec host install`, "
                "or remove the packages first"
            )

    def _read_configuration(self) -> str:
        """The host's `on_failure`. Raises InstallError where services that are started now could not use a file."""
        try:
            settings = host_settings.load(str(self.layout.at(CONFIG)))
            policies = self.layout.at(POLICIES)
            if os.path.lexists(policies):
                local_policies.read_local(str(policies))
        except (ConfigError, LocalPolicyError) as error:
            raise InstallError(f"{error}; nothing was changed") from error
        return settings.on_failure

    def _try(self, login: Callable[[], None], say: Say) -> None:
        try:
            login()
        except InstallError:
            for line in self.pam.undo():
                say(line)
            raise

    def _after_failure(self, say: Say, deny: bool) -> None:
        """Where a login would fail now: the version before; where that does not answer either, as the host says.

        With `deny` nobody gets past the recorder by an update that fails.
        """
        if not self.system.unanswered(wait=0):
            return
        try:
            if self.files.put_back():
                self.units.apply()
                self.manifest.running = ""
                install_files.write_manifest(self.layout, self.manifest)
                say("the version that was there before is in its place again")
                return
        except (InstallError, OSError) as error:
            say(f"the version that was there before does not come back: {error}")
        if deny:
            say(REFUSED)
            return
        for step in (self.sssd, self.pam):
            try:
                for line in step.undo():
                    say(f"{line}: logins go on unrecorded")
            except (InstallError, OSError) as error:
                say(f"logins may fail: {error}")


def _undone(step: Step, say: Say) -> Iterator[str]:
    for line in step.undo():
        say(line)
        yield line
