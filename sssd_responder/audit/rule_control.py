"""The kernel's audit rules, by way of auditctl: what is set, and how to add and remove one."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ipa_plugin.policy import shown
from recorder.errors import SessrecError
from sssd_responder.audit.rules import Machine, Rule, hides, parsed, silences

PLACES = ("/usr/sbin/auditctl", "/sbin/auditctl", "/usr/bin/auditctl")
"""A service that the bus has started has no /usr/sbin in its PATH."""
PATIENCE = 2.0
"""Seconds for one call of auditctl, which takes two milliseconds."""
OFF, ON, LOCKED = 0, 1, 2
"""`enabled` of the kernel. Locked: nobody can change rules until the machine boots."""


class AuditError(SessrecError):
    """A session cannot be audited as it should be."""


class RefusedError(AuditError):
    """One rule is not accepted; others may be."""


class NoSuchPathError(RefusedError):
    """The kernel cannot watch a path whose directory does not exist."""


@dataclass(frozen=True)
class Kernel:
    """The kernel's auditing: `enabled`, events that were lost since boot, and all its rules in auditctl's words."""

    enabled: int
    lost: int
    rules: tuple[str, ...]

    def ours(self, key: str) -> frozenset[Rule]:
        """The rules with our key and of the form that we write."""
        return frozenset(rule for rule in map(parsed, self.rules) if rule is not None and rule.key == key)

    def hiding(self) -> tuple[str, ...]:
        """The rules of others that may hide what ours ask for."""
        return tuple(line for line in self.rules if hides(line))

    def check(self) -> None:
        """Raises AuditError where rules have no effect."""
        if self.enabled == OFF:
            raise AuditError("the kernel's auditing is switched off; switch it on with `auditctl -e 1`")
        for line in self.rules:
            if silences(line):
                raise AuditError(
                    f"the audit rule `{line}` switches all others off; remove it with `auditctl -d task,never`, and "
                    "from /etc/audit/rules.d"
                )


class AuditControl:
    """auditctl, of the machine or at `program`."""

    def __init__(self, program: str = "") -> None:
        self._program = program

    def kernel(self) -> Kernel:
        """How things stand. Raises AuditError."""
        words = [line.split() for line in self._run("-s").splitlines()]
        numbers = {line[0]: line[1] for line in words if len(line) >= 2}
        try:
            enabled, lost = int(numbers["enabled"]), int(numbers["lost"])
        except (KeyError, ValueError) as error:
            raise AuditError("`auditctl -s` does not say whether auditing is enabled; is that auditctl?") from error
        rules = self._run("-l").splitlines()
        return Kernel(enabled, lost, tuple(line for line in rules if line.startswith("-")))

    def add(self, rule: Rule) -> None:
        """Set a rule, after all that there are. Raises AuditError; one that is set already is fine."""
        self._change("-a", rule, "Rule exists")

    def remove(self, rule: Rule) -> None:
        """Remove a rule. Raises AuditError; one that is not there is fine."""
        # The kernel says so as well where it watched a directory that is gone, and removed the rule itself.
        self._change("-d", rule, "No such file or directory")

    def _change(self, option: str, rule: Rule, fine: str) -> None:
        try:
            self._run(option, *rule.arguments)
        except AuditError as error:
            said = str(error)
            if fine in said:
                return
            if rule.path and "No such file or directory" in said:
                raise NoSuchPathError("does not exist, nor does the directory that it would be in") from error
            if isinstance(error, RefusedError) and rule.path:
                raise RefusedError(f"{shown(rule.path)} cannot be watched: {said}") from error
            raise

    def _run(self, *arguments: str) -> str:
        program = self._program or next((place for place in PLACES if os.access(place, os.X_OK)), "")
        if not program:
            raise AuditError("auditctl is not installed; install the package auditd (audit on Fedora)")
        command = [program, *arguments]
        # Not subprocess.run: after a kill it waits for the end, which does not come from a file system that hangs.
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={"LC_ALL": "C"},
            )
        except OSError as error:
            raise AuditError(f"{program} cannot be started: {error.strerror}") from error
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise AuditError(
                f"auditctl {arguments[0]} did not end within {PATIENCE:g} s; is a file system hanging?"
            ) from error
        if process.returncode != 0:
            raise _explained(arguments[0], errors.decode(errors="replace"))
        return os.fsdecode(output)


def machine() -> Machine:
    """This machine."""
    return Machine(platform.machine(), locate)


def locate(path: str) -> str:
    """The field that watches `path` and what lies under it.

    The kernel does not follow a symbolic link, so it is followed here. What is no directory is watched by its name:
    so a file that is replaced stays watched, and one that does not exist yet is when it is made.
    """
    real = os.path.realpath(path)
    # A link's target may be its owner's choice, and auditctl prints a newline in it as it is: what follows is a rule.
    if not real.isprintable():
        return f"path={path}"
    return f"{'dir' if Path(real).is_dir() else 'path'}={real}"


def _explained(option: str, errors: str) -> AuditError:
    said = [line.strip() for line in errors.splitlines() if line.strip() and "is slower" not in line]
    text = f"auditctl {option}: {said[0] if said else 'failed, and does not say why'}"
    if "not permitted" in text or "must be root" in text:
        return AuditError(f"{text}; in a container no audit rules can be set: audit on the machine that it runs on")
    return RefusedError(text)
