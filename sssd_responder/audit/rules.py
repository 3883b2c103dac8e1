"""Audit rules for the kernel: what a policy's audit setting means in them, and which of those that are set are ours.

Every rule is paid for by every audited process at every system call: 1 ns where the rule names its system calls and
this is none of them, 6 ns where it names none. So there are few, and none says what another says already.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ipa_plugin.policy import Audit

KEY = "session-recording"
"""The key of our rules, by which they are told from those of others."""
UNSET = 2**32 - 1
"""The login uid of processes that no login has started: daemons, all of them."""

EXEC_CALLS = ("execve", "execveat")
RING_CALLS = ("io_uring_setup",)
"""No rule on files or addresses sees what a program does through io_uring; that it begins to is told instead."""
NETWORK_CALLS = ("accept", "accept4", "bind", "connect")
NETWORK_CALLS_32 = {
    "x86_64": ("accept4", "bind", "connect", "socketcall"),
    "aarch64": NETWORK_CALLS,
}
"""Those of 32-bit programs, on machines (as uname calls them) that run such programs."""
FAMILIES = ("saddr_fam>=2", "saddr_fam<=10")
"""AF_INET to AF_INET6. One rule for both; what lies between is not in use any more. AF_UNIX (1) and AF_NETLINK (16)
are most of what a desktop connects to, and no network."""

ALL = ("all",)
"""Every system call. The kernel picks those that change or read files by `perm`, and knows the newest."""

_PERMS = "rwxa"
_RULE = re.compile(
    r"-a always,exit (?:-F arch=(?P<arch>b\d\d) )?-S (?P<calls>\S+)"
    r" -F auid(?:=(?P<one>-?\d+)|>=(?P<low>-?\d+) -F auid<=(?P<high>-?\d+))"
    r"(?: -F (?P<path>(?:dir|path)=.+) -F (?P<perm>perm=[rwxa]+)|(?P<fields>(?: -F saddr_fam\S+)*))"
    r" -F key=(?P<key>\S+)"
)


@dataclass(frozen=True, order=True)
class Rule:
    """One rule of ours for the login uids from `low` to `high`: these system calls, where all of `fields` hold."""

    low: int
    high: int
    fields: tuple[str, ...] = ()
    calls: tuple[str, ...] = ALL
    arch: str = ""
    key: str = KEY

    @property
    def arguments(self) -> list[str]:
        """What follows `auditctl -a` or `auditctl -d`."""
        who = [f"auid={self.low}"] if self.low == self.high else [f"auid>={self.low}", f"auid<={self.high}"]
        fields = [argument for field in (*who, *self.fields) for argument in ("-F", field)]
        arch = ["-F", f"arch={self.arch}"] if self.arch else []
        calls = [] if self.calls == ALL else ["-S", ",".join(self.calls)]
        return ["always,exit", *arch, *calls, *fields, "-k", self.key]

    @property
    def path(self) -> str:
        """What is watched; "" where it is not a matter of files."""
        return (
            self.fields[0].partition("=")[2] if self.fields and self.fields[0].startswith(("dir=", "path=")) else ""
        )


@dataclass(frozen=True)
class Machine:
    """What rules depend on: the machine's name for itself (uname -m), and its files.

    `locate` takes an audited path and returns the field that watches it, as "dir=/etc".
    """

    name: str
    locate: Callable[[str], str]


def plan(audits: Mapping[int, Audit], limit: int, machine: Machine, key: str = KEY) -> list[Rule]:
    """The rules for these login uids, in order of arrival.

    The first `limit` have rules of their own; what is above shares rules for the range that they span, and these ask
    for all that any of them is to be watched for. root is never in a range, which would hold every system user.
    """
    watched = {auid: audit for auid, audit in audits.items() if audit != Audit()}
    own = [auid for auid in watched if auid != 0][:limit]
    rest = [auid for auid in watched if auid != 0 and auid not in own]
    rules = [
        rule
        for auid in sorted({*own, *({0} & set(watched))})
        for rule in _rules(auid, auid, watched[auid], machine, key)
    ]
    if rest:
        rules += _rules(min(rest), max(rest), union(watched[auid] for auid in rest), machine, key)
    return rules


def union(audits: Iterable[Audit]) -> Audit:
    """What all of them ask for together."""
    audits = list(audits)
    return Audit(
        exec=any(audit.exec for audit in audits),
        network=any(audit.network for audit in audits),
        changes=frozenset().union(*(audit.changes for audit in audits)),
        reads=frozenset().union(*(audit.reads for audit in audits)),
    )


def parsed(line: str) -> Rule | None:
    """The rule in a line of `auditctl -l`; None for one of a form that we never write, which is not ours."""
    match = _RULE.fullmatch(line)
    if match is None:
        return None
    low, high = (match["one"], match["one"]) if match["one"] else (match["low"], match["high"])
    fields = (match["path"], match["perm"]) if match["path"] else tuple((match["fields"] or "").split(" -F ")[1:])
    calls = tuple(sorted(match["calls"].split(",")))
    # auditctl prints login uids as signed numbers.
    return Rule(int(low) % 2**32, int(high) % 2**32, fields, calls, match["arch"] or "", match["key"])


def silences(line: str) -> bool:
    """Whether this rule switches off every rule on system calls, as `-a task,never` does, which Fedora ships."""
    return bool(re.fullmatch(r"-a never,task(?: -S all)?(?: -F key=\S*)?", line))


def hides(line: str) -> bool:
    """Whether this rule keeps something from being audited, which may be what ours ask for."""
    return bool(re.match(r"-a (never,|always,exclude)", line))


def _rules(low: int, high: int, audit: Audit, machine: Machine, key: str) -> Iterable[Rule]:
    compat = NETWORK_CALLS_32.get(machine.name)
    calls = (*(EXEC_CALLS if audit.exec else ()), *(RING_CALLS if audit != Audit(exec=audit.exec) else ()))
    if calls:
        yield Rule(low, high, (), calls, "b64", key)
        if compat:
            yield Rule(low, high, (), calls, "b32", key)
    if audit.network:
        yield Rule(low, high, FAMILIES, NETWORK_CALLS, "b64", key)
        if compat:
            yield Rule(low, high, FAMILIES, compat, "b32", key)
    for field, perm in _watches(audit, machine.locate).items():
        yield Rule(low, high, (field, "perm=" + "".join(sorted(perm, key=_PERMS.index))), ALL, "", key)


def _watches(audit: Audit, locate: Callable[[str], str]) -> dict[str, frozenset[str]]:
    """The fields that watch the audit's paths, each with the kinds of access; none that another one covers."""
    perms: dict[str, frozenset[str]] = {}
    for paths, perm in ((audit.changes, "wa"), (audit.reads, "r")):
        for path in paths:
            field = locate(path)
            perms[field] = perms.get(field, frozenset()) | frozenset(perm)
    return {field: perm for field, perm in sorted(perms.items()) if not _covered(field, perm, perms)}


def _covered(field: str, perm: frozenset[str], perms: Mapping[str, frozenset[str]]) -> bool:
    path = field.partition("=")[2]
    parents = ["/"] + [path[:end] for end in range(1, len(path)) if path[end] == "/"]
    return any(perm <= perms.get(f"dir={parent}", frozenset()) for parent in parents if parent != path)
