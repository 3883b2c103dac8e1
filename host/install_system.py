"""The machine that session recording is installed on: systemd, PAM, SSSD, D-Bus, by their own programs."""

import os
import pwd
import subprocess
import time
from pathlib import Path

from host import self_check, sshd_config
from host.install_error import InstallError
from host.install_layout import ACCOUNT, CODE

PYTHON = "/usr/bin/python3"
"""Runs the services and the login shell, as their first lines say."""

NEEDED = {"dbus": "python3-dbus", "gi": "python3-gi", "ldap": "python3-ldap", "cryptography": "python3-cryptography"}
"""Modules of PYTHON, and the packages of Debian and Fedora that have them."""

ANSWER_WITHIN = 10.0
"""Seconds from the start of the services to their first answer."""

_ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


class System:
    """This machine. What its methods cannot do they raise as InstallError."""

    def check(self) -> None:
        """Whether anything can be installed here at all."""
        if not Path("/run/systemd/system").is_dir():
            raise InstallError("this machine is not run by systemd, which the services need")
        code = (
            "import importlib.util, sys\n"
            "print(*[m for m in sys.argv[1:] if not importlib.util.find_spec(m)])\n"
            "print(*sys.version_info[:2], sep='.')"
        )
        missing, version = self._run(PYTHON, "-I", "-c", code, *NEEDED).splitlines()
        if tuple(map(int, version.split("."))) < (3, 11):
            raise InstallError(f"{PYTHON} is Python {version}, and 3.11 or later is needed")
        if missing:
            raise InstallError(f"install these packages first: {' '.join(NEEDED[name] for name in missing.split())}")

    def account_exists(self) -> bool:
        """Whether there is the system user."""
        try:
            pwd.getpwnam(ACCOUNT)
        except KeyError:
            return False
        return True

    def create_account(self) -> None:
        """Make the system user, as our sysusers.d file says."""
        self._run("systemd-sysusers", "session-recording.conf")

    def remove_account(self) -> None:
        """Remove the system user."""
        self._run("userdel", ACCOUNT)

    def create_directories(self) -> None:
        """Make the directories, as our tmpfiles.d file says."""
        self._run("systemd-tmpfiles", "--create", "session-recording.conf")

    def compile(self) -> None:
        """Byte-code for the interpreter that runs the code: the login waits for nothing that can be done before."""
        self._run(PYTHON, "-I", "-m", "compileall", "-q", str(CODE))

    def take_up_units(self) -> None:
        """Have systemd and the bus read what has changed of their files."""
        self._run("systemctl", "daemon-reload")
        bus = "org.freedesktop.DBus"
        self._run("busctl", "--quiet", "call", bus, "/org/freedesktop/DBus", bus, "ReloadConfig")

    def is_up(self, unit: str) -> bool:
        """Whether a unit runs, and will after a boot."""
        return all(self._status("systemctl", "--quiet", verb, unit) == 0 for verb in ("is-active", "is-enabled"))

    def is_enabled(self, unit: str) -> bool:
        """Whether a unit is started at boot."""
        return self._status("systemctl", "--quiet", "is-enabled", unit) == 0

    def start(self, unit: str) -> None:
        """Start it anew, now and at each boot."""
        self._run("systemctl", "--quiet", "enable", unit)
        if self._status("systemctl", "restart", unit):
            raise InstallError(f"{unit} does not start: see `journalctl -u {unit}`, then run this again")

    def stop(self, unit: str) -> None:
        """Stop it, now and for good."""
        self._run("systemctl", "--quiet", "disable", "--now", unit)

    def unanswered(self, wait: float = ANSWER_WITHIN) -> str:
        """Why a login would fail, "" if it would not; tried again for `wait` seconds."""
        end = time.monotonic() + wait
        while (problem := self_check.problem(thorough=True)) and time.monotonic() < end:
            time.sleep(0.2)
        return problem

    def seems_unanswered(self) -> str:
        """The same, at a glance that leaves no trace."""
        return self_check.problem(thorough=False)

    def enable_pam_profile(self) -> None:
        """Put our profile into the common files of Debian's PAM."""
        self._run("pam-auth-update", "--enable", "session-recording")

    def disable_pam_profile(self) -> None:
        """Take it out again."""
        self._run("pam-auth-update", "--remove", "session-recording")

    def authselect(self, *arguments: str) -> str:
        """What authselect prints."""
        return self._run("authselect", *arguments)

    def refused_by_pam(self) -> str:
        """Why root cannot become root any more; "" if he can."""
        done = self._done("su", "-s", "/bin/sh", "root", "-c", "exit 0")
        return "" if done.returncode == 0 else (done.stderr.strip() or f"su ends with status {done.returncode}")

    def restart_sssd(self) -> None:
        """Restart SSSD, whose own limit of restarts does not count this one."""
        self._status("systemctl", "reset-failed", "sssd.service")
        if self._status("systemctl", "restart", "sssd.service"):
            raise InstallError("SSSD does not start: see `journalctl -u sssd`")

    def said_by_sshd(self) -> str:
        """The settings of sshd that are in force, as `sshd -T` prints them. Raises SshdError."""
        return sshd_config.said_by()

    def try_sshd(self) -> None:
        """Raises SshdError where sshd would not start with its files as they are."""
        sshd_config.accepts()

    def reload_sshd(self) -> None:
        """Have sshd read its files again, where it runs. Sessions go on."""
        for unit in ("ssh.service", "sshd.service"):
            if self._status("systemctl", "--quiet", "is-active", unit) == 0:
                self._run("systemctl", "reload", unit)
                return

    def reload_auditd(self) -> None:
        """Have auditd read its configuration and its plugins again, where it runs."""
        if self._status("systemctl", "--quiet", "is-active", "auditd.service") == 0:
            # It has no ExecReload= in Debian, and does not let itself be restarted.
            self._run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "auditd.service")

    def local_users_of(self, shell: Path) -> list[str]:
        """Users of /etc/passwd who have this shell."""
        lines = Path("/etc/passwd").read_text(errors="replace").splitlines()
        return [line.partition(":")[0] for line in lines if line.rpartition(":")[2] == str(shell)]

    def _run(self, *command: str) -> str:
        done = self._done(*command)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
            raise InstallError(f"`{' '.join(command)}` fails: {said}")
        return done.stdout

    def _status(self, *command: str) -> int:
        return self._done(*command).returncode

    def _done(self, *command: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=_ENVIRONMENT,
                timeout=120,
                check=False,
            )
        except FileNotFoundError:
            raise InstallError(f"{command[0]} is not installed, or not in PATH") from None
        except subprocess.TimeoutExpired:
            raise InstallError(f"`{' '.join(command)}` does not come to an end") from None
