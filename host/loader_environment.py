"""By which ways a user's own variables for the loader and the C library reach the login shell.

With LD_PRELOAD, or a GCONV_PATH that has a converter for the locale, code of his runs in the place of the login shell
and asks nobody. su, login and sudo are set-user-ID or begin with an environment of their own, so that only what reads
the user's files, or takes his word over the network, lets such variables in: pam_env.so, and sshd.

sshd can close all of its ways at once: SetEnv comes last, after PAM and ~/.ssh/environment, and to glibc an empty
value is none.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from host import pam_config, sshd_config
from host.install_layout import SSHD_DROP_IN
from host.sshd_config import SSHD, Line, SshdError
from host.status_check import CRITICAL, INSTALL, OK, WARNING, Check

VARIABLES = ("LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "GCONV_PATH", "LOCPATH")
"""What makes the interpreter of the login shell run code of somebody else's, or read files that glibc trusts."""

SET_EMPTY = " ".join(f"{name}=" for name in VARIABLES)
"""For SetEnv of sshd."""

WITHOUT_SHELLS = frozenset({"atd", "cron", "crond"})
"""Services that run jobs by /bin/sh, whatever the user's shell is: there is no login shell to be reached."""


class Way(NamedTuple):
    """One way in; `by_sshd` where SetEnv of sshd would close it. `text` is a line that says what to do."""

    text: str
    by_sshd: bool


class Found(NamedTuple):
    """What was found on a host. `problem` is why sshd's part could not be looked at, or ""."""

    ways: list[Way]
    problem: str = ""


def look(said_by_sshd: str | SshdError | None, root: Path = Path("/")) -> Found:
    """The ways that are open. `said_by_sshd` is what `sshd -T` prints, or why it does not; None without an sshd."""
    settings: dict[str, list[str]] = {}
    problem = ""
    if said_by_sshd is not None:
        try:
            settings = sshd_config.settings(_text(said_by_sshd))
        except SshdError as error:
            problem = str(error)
    lines = sshd_config.lines(root) if said_by_sshd is not None else []
    unset = sshd_unset(settings, lines)
    ways = list(_of_pam(root, said_by_sshd is not None, not unset))
    if unset:
        ways += _of_sshd(settings, lines)
    return Found(ways, problem)


def look_here() -> Found:
    """The same for this machine, as it is now."""
    if not SSHD.exists():
        return look(None)
    try:
        return look(sshd_config.said_by())
    except SshdError as error:
        return look(error)


def checks(found: Found) -> Iterator[Check]:
    """For `sessrec host status`."""
    for way in found.ways:
        yield Check("loader", CRITICAL, way.text, INSTALL if way.by_sshd else f"vi {way.text.partition(':')[0]}")
    if found.problem:
        yield Check("loader", WARNING, f"nobody can say what sshd takes from its users: {found.problem}", "sshd -T")
    elif not found.ways:
        yield Check("loader", OK, "no way for users' LD_PRELOAD to the login shell")


def sshd_unset(settings: dict[str, list[str]], lines: list[Line]) -> list[str]:
    """The variables that sshd does not set by itself for every session. Each SetEnv replaces all of another one."""
    values = [
        settings.get("setenv", []),
        *(line.words for line in lines if line.keyword == "setenv" and line.matched),
    ]
    lists = [{word.partition("=")[0] for value in one for word in value.split()[:1]} for one in values]
    return [name for name in VARIABLES if not all(name in one for one in lists)]


def obstacle(root: Path = Path("/")) -> str:
    """Why our file for sshd cannot close what comes by sshd, "" if it can."""
    lines = sshd_config.lines(root)
    others = [line for line in lines if line.keyword == "setenv" and line.path != SSHD_DROP_IN]
    if others:
        # One SetEnv is all that counts, and it is the administrator's.
        return f"{others[0].path}:{others[0].line} has a SetEnv: add to it {SET_EMPTY}"
    includes = [line for line in lines if line.keyword == "include" and not line.matched]
    patterns = [str(sshd_config.DIRECTORY / word) for line in includes for word in line.words]
    if not any(SSHD_DROP_IN.match(pattern) for pattern in patterns):
        return f"sshd does not read {SSHD_DROP_IN.parent}: write into sshd_config SetEnv {SET_EMPTY}"
    return ""


def _of_pam(root: Path, has_sshd: bool, sshd_sets_them: bool) -> Iterator[Way]:
    harmless = WITHOUT_SHELLS | ({"sshd"} if sshd_sets_them or not has_sshd else set())
    for place in pam_config.user_environment(root):
        services = [name for name in place.services if name not in harmless]
        if services:
            yield Way(
                f"{place.path}:{place.line}: user_readenv lets users of {', '.join(services)} bring LD_PRELOAD in by "
                "~/.pam_environment, and who does is not recorded: take user_readenv out",
                "sshd" in services,
            )


def _of_sshd(settings: dict[str, list[str]], lines: list[Line]) -> Iterator[Way]:
    for value in settings.get("permituserenvironment", []):
        if _permitted(value):
            yield Way(
                f"{_where(lines, 'permituserenvironment')}: PermitUserEnvironment {value} lets users bring "
                "LD_PRELOAD in by their ~/.ssh, and who does is not recorded: set it to no",
                True,
            )
    said = [word for value in settings.get("acceptenv", []) for word in value.split()]
    written = [(line, word) for line in lines if line.keyword == "acceptenv" for word in line.words]
    named = {word for _, word in written}
    places = [(f"{line.path}:{line.line}", word) for line, word in written]
    places += [("sshd", word) for word in said if word not in named]
    for where, word in places:
        if any(_matches(name, word) for name in VARIABLES):
            yield Way(
                f"{where}: AcceptEnv {word} lets users send LD_PRELOAD and the like, and who does is not recorded: "
                "take it out",
                True,
            )


def _permitted(value: str) -> bool:
    """yes, no, or a list of patterns for names, of which those with ! exclude."""
    if value in ("yes", "no"):
        return value == "yes"
    patterns = value.split(",")
    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return any(
        any(_matches(name, pattern) for pattern in patterns) and not any(_matches(name, p) for p in excluded)
        for name in VARIABLES
    )


def _matches(name: str, pattern: str) -> bool:
    """sshd's patterns have * and ?, and no brackets."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), name) is not None


def _where(lines: list[Line], keyword: str) -> str:
    """The first one counts."""
    return next((f"{line.path}:{line.line}" for line in lines if line.keyword == keyword), "sshd")


def _text(said: str | SshdError) -> str:
    if isinstance(said, SshdError):
        raise said
    return said
