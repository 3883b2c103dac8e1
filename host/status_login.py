"""Whether logins come to the login shell and to the PAM hook."""

import configparser
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from host.install_layout import LOGIN_SHELL, SSSD_DROP_IN, Layout
from host.install_login import SHELLS, SSSD_CONFIG
from host.install_pam import pam_files
from host.pam_lines import has_hook
from host.status_check import CRITICAL, INSTALL, OK, WARNING, Check

PAM_DIRECTORY = Path("/etc/pam.d")


def checks(user: str) -> Iterator[Check]:
    """The program, the shells of users, PAM."""
    yield _program()
    yield _sssd()
    if user:
        yield from _shell_of(user)
    yield _pam()


def _program() -> Check:
    try:
        found = LOGIN_SHELL.stat()
    except OSError as error:
        return Check("shell", CRITICAL, f"{LOGIN_SHELL}: {error.strerror}: {INSTALL}", INSTALL)
    if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Check("shell", CRITICAL, f"{LOGIN_SHELL} can be changed by others than root: {INSTALL}", INSTALL)
    try:
        listed = str(LOGIN_SHELL) in SHELLS.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        listed = True  # nobody asks
    if not listed:
        return Check("shell", WARNING, f"{LOGIN_SHELL} is not in {SHELLS}: {INSTALL}", INSTALL)
    return Check("shell", OK, f"{LOGIN_SHELL}")


def sssd_files() -> list[Path]:
    """The configuration of SSSD in the order in which it is read."""
    return [SSSD_CONFIG, *sorted(SSSD_DROP_IN.parent.glob("[!.]*.conf"))]


def _sssd() -> Check:
    """The override, as SSSD reads its files: sssd.conf, then conf.d in the order of names, and the last one wins."""
    if not SSSD_CONFIG.exists():
        return Check("sssd", OK, "not configured here: local users only")
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    for path in sssd_files():
        try:
            parser.read_string(path.read_text())
        except (OSError, ValueError, configparser.Error) as error:
            return Check("sssd", WARNING, f"{path} cannot be read: {str(error).splitlines()[0]}", f"vi {path}")
    for section in ("nss", *(name for name in parser.sections() if name.startswith("domain/"))):
        shell = parser.get(section, "override_shell", fallback=None)
        if section == "nss" and shell is None:
            return Check("sssd", CRITICAL, f"users of SSSD do not come to the login shell: {INSTALL}", INSTALL)
        if shell is not None and shell != str(LOGIN_SHELL):
            text = f"override_shell is {shell} in [{section}]: its users are not recorded; take that line out"
            return Check("sssd", CRITICAL, text, f"grep -rn override_shell {SSSD_CONFIG.parent}")
    return tlog(sssd_files()) or Check("sssd", OK, "gives the login shell to its users")


def tlog(files: list[Path]) -> Check | None:
    """What is to be said where SSSD has tlog record: tlog's shell comes before any override_shell (tried, 2.10)."""
    scope, last, alone = "none", Path(), False
    for path in files:
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(path.read_text())
        except (OSError, ValueError, configparser.Error):
            continue
        if parser.has_option("session_recording", "scope"):
            scope, last = parser.get("session_recording", "scope") or "none", path
            alone = parser.sections() == ["session_recording"]
    if scope.strip().lower() == "none":
        return None
    text = f"scope is {scope} in [session_recording] of {last}: its users have tlog's shell, not ours"
    return Check("sssd", CRITICAL, text, f"{'rm' if alone else 'vi'} {last} && systemctl restart sssd")


def _shell_of(user: str) -> Iterator[Check]:
    """What the system says, caches included."""
    try:
        shell = pwd.getpwnam(user).pw_shell
    except KeyError:
        yield Check("user", WARNING, f"{user} is not known here", f"sss_cache -u {user}; id {user}")
        return
    if shell != str(LOGIN_SHELL):
        text = f"{user} has the shell {shell}, so no policy is looked at when he logs in"
        yield Check("user", WARNING, text, f"chsh -s {LOGIN_SHELL} {user}")


def _pam() -> Check:
    files = pam_files(Layout())
    lacking = [str(path) for path in files if not has_hook(path)]
    if not files and not any(map(has_hook, PAM_DIRECTORY.glob("*"))):
        lacking = [str(PAM_DIRECTORY)]
    if lacking:
        text = f"the hook is missing in {', '.join(lacking)}, so no audit rules are set: {INSTALL}"
        return Check("pam", WARNING, text, INSTALL)
    return Check("pam", OK, "has the hook")
