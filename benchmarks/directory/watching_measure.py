"""Runs on the server: measures what persistent searches and polling cost it, one JSON object a line.

Arguments: a host's name, of which /root/host.keytab has the keys, and numbers of persistent searches.
"""

import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ldap
import ldap.sasl
from ldap.controls.psearch import PersistentSearchControl

BASE = "dc=lab,dc=test"
POLICIES = f"cn=policies,cn=session-recording,{BASE}"
POLICY = "(objectClass=ipaRecordingPolicyObject)"
FOR_ALL = f"(&{POLICY}(hostCategory=all)(ipaEnabledFlag=TRUE))"
UNRELATED = f"uid=user00007,cn=users,cn=accounts,{BASE}"
URI = "ldap://ipa.lab.test"
PASSWORD = "Secret123"
CHANGES = 20
IDLE = 10
"""Seconds for which the server is watched while nothing happens."""
CONNECTIONS = 200
ASKED = 20_000
"""Searches, over that many connections."""
SESSIONS = 3
"""Recorded sessions of the host that asks for its own."""
ANY = "(objectClass=*)"
READ = ["cn", "ipaEnabledFlag", "memberUser", "userCategory", "ipaRecordingAction", "ipaRecordingCapture"]
SHOWN = ["cn", "ipaRecordingState", "ipaRecordingWanted", "modifiersName", "modifyTimestamp"]
QUIET = 0.5
"""Seconds without a word after which nobody is expected to hear any more."""


def main(host: str, watchers: list[int]) -> None:
    """Measure all."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.environ["KRB5CCNAME"] = "FILE:/root/host.ccache"
    subprocess.run(["kinit", "-k", "-t", "/root/host.keytab", f"host/{host}"], check=True)
    manager = ldap.initialize(URI)
    manager.simple_bind_s("cn=Directory Manager", PASSWORD)
    policy = manager.search_s(POLICIES, ldap.SCOPE_ONELEVEL, FOR_ALL, ["cn"])[0][0]
    for count in (0, *watchers):
        say("watching", watching(manager, count, policy))
    for row in asking(manager, host, policy):
        say("asking", row)


def say(kind: str, row: dict[str, Any]) -> None:
    """One result."""
    print(json.dumps({"kind": kind, **row}), flush=True)


class Server:
    """The directory server's process, as the kernel accounts for it."""

    pid = int(subprocess.run(["pidof", "ns-slapd"], check=True, capture_output=True, text=True).stdout)

    @classmethod
    def cpu(cls) -> float:
        """Seconds of user and system time until now."""
        fields = Path(f"/proc/{cls.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @classmethod
    def status(cls, name: str) -> int:
        """A number of /proc/PID/status."""
        text = Path(f"/proc/{cls.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))


def watching(manager: Any, count: int, policy: str) -> dict[str, Any]:
    """`count` persistent searches: what they take, and what each change costs with them."""
    with watchers(count) as (descriptors, refused):
        time.sleep(1)
        begun = Server.cpu()
        time.sleep(IDLE)
        idle = (Server.cpu() - begun) / IDLE
        heard = [change(manager, policy, number, descriptors) for number in range(CHANGES)]
        unrelated = [change(manager, UNRELATED, number, [])[2] for number in range(CHANGES)]
        return {
            "searches": count,
            "refused": refused,
            "threads": Server.status("Threads"),
            "RSS MB": Server.status("VmRSS") / 1024,
            "CPU s/s idle": idle,
            "CPU ms a policy's change": 1000 * sum(cpu for _, _, cpu in heard) / CHANGES,
            "CPU ms another change": 1000 * sum(unrelated) / CHANGES,
            "heard": min(number for number, _, _ in heard),
            "last heard after ms, median": 1000 * sorted(last for _, last, _ in heard)[CHANGES // 2],
            "worst": 1000 * max(last for _, last, _ in heard),
        }


@contextmanager
def watchers(count: int) -> Iterator[tuple[list[int], int]]:
    """The descriptors of so many hosts that watch, and how many were refused."""
    connections: list[Any] = []
    refusals: list[Exception] = []
    control = PersistentSearchControl(changesOnly=True)

    def watch(_: int) -> None:
        try:
            connection = bound()
            number = connection.search_ext(POLICIES, ldap.SCOPE_ONELEVEL, POLICY, ["cn"], serverctrls=[control])
            connections.append(connection)
            # Whom the server refuses is told at once.
            connection.result4(number, ldap.MSG_ONE, 0)
        except ldap.LDAPError as error:
            refusals.append(error)

    # Several at once, as the server leaves a new connection lying for 250 ms every now and then.
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(watch, range(count)))
    for error in refusals[:1]:
        print(f"refused after {len(connections)}: {error}", file=sys.stderr)
    try:
        yield [connection.fileno() for connection in connections], len(refusals)
    finally:
        for connection in connections:
            connection.unbind_s()
        time.sleep(2)


def change(manager: Any, dn: str, number: int, descriptors: list[int]) -> tuple[int, float, float]:
    """Change an entry: how many heard of it, seconds until the last of them did, the server's processor time.

    The watchers' bytes are taken off their sockets unread, so that the clients cost next to nothing.
    """
    poll = select.epoll()
    for descriptor in descriptors:
        poll.register(descriptor, select.EPOLLIN)
    heard: set[int] = set()
    cpu, begun = Server.cpu(), time.monotonic()
    last = begun
    manager.modify_s(dn, [(ldap.MOD_REPLACE, "description", f"Changed {number} {begun}".encode())])
    while ready := poll.poll(QUIET):
        for descriptor, _ in ready:
            os.read(descriptor, 65536)
            if descriptor not in heard:
                heard.add(descriptor)
                last = time.monotonic()
    return len(heard), last - begun, Server.cpu() - cpu


def asking(manager: Any, host: str, policy: str) -> Iterator[dict[str, Any]]:
    """What one question costs, asked over kept connections."""
    memory = Server.status("VmRSS")
    connections = [bound() for _ in range(CONNECTIONS)]
    print(f"a kept connection: {(Server.status('VmRSS') - memory) / CONNECTIONS:.0f} kB", file=sys.stderr)
    own = f"fqdn={host},cn=computers,cn=accounts,{BASE}"
    groups = connections[0].search_s(own, ldap.SCOPE_BASE, ANY, ["memberOf"])[0][1].get("memberOf", [])
    concerned = "".join(f"(memberHost={dn})" for dn in (own, *(group.decode() for group in groups)))
    mine = f"(&{POLICY}(ipaEnabledFlag=TRUE)(|(hostCategory=all){concerned}))"
    with sessions(connections[0], host, SESSIONS) as base:
        later = f"(&{POLICY}(entryusn>={last_change(manager) + 1_000_000}))"
        later_any = f"(entryusn>={last_change(manager) + 1_000_000})"
        questions: list[tuple[str, tuple[Any, ...], int]] = [
            ("number of the last change, of the root DSE", ("", ldap.SCOPE_BASE, ANY, ["lastusn"]), ASKED),
            ("policies changed since: none", (POLICIES, ldap.SCOPE_ONELEVEL, later, ["cn"]), ASKED),
            ("how many policies there are", (POLICIES, ldap.SCOPE_BASE, ANY, ["numSubordinates"]), ASKED),
            ("the host's groups", (own, ldap.SCOPE_BASE, ANY, ["memberOf"]), ASKED),
            ("own sessions, all of three", (base, ldap.SCOPE_SUBTREE, ANY, SHOWN), ASKED),
            ("own sessions changed since: none", (base, ldap.SCOPE_SUBTREE, later_any, SHOWN), ASKED),
            ("all policies of the host", (POLICIES, ldap.SCOPE_ONELEVEL, mine, READ), 200),
        ]
        for name, question, times in questions:
            yield asked(connections, name, question, times)
        last = last_change(manager)
        manager.modify_s(policy, [(ldap.MOD_REPLACE, "description", b"Changed now")])
        changed = f"(&{POLICY}(entryusn>={last + 1}))"
        yield asked(connections, "policies changed since: one", (POLICIES, ldap.SCOPE_ONELEVEL, changed, READ), ASKED)


def last_change(manager: Any) -> int:
    """The number of the server's last change."""
    ((_, root),) = manager.search_s("", ldap.SCOPE_BASE, ANY, ["lastusn"])
    return max(int(values[0]) for values in root.values())


@contextmanager
def sessions(connection: Any, host: str, count: int) -> Iterator[str]:
    """A host's entry with recorded sessions, by the host itself; its DN."""
    base = f"fqdn={host},cn=sessions,cn=session-recording,{BASE}"
    names = [f"cn=benchmark-{number},{base}" for number in range(count)]
    now = time.strftime("%Y%m%d%H%M%SZ", time.gmtime()).encode()
    session = {"uid": b"bob", "ipaRecordingState": b"running", "ipaRecordingStart": now}
    connection.add_s(base, [("objectClass", b"ipaRecordedHost"), ("fqdn", host.encode()), ("ipaRecordingSeen", now)])
    try:
        for dn in names:
            connection.add_s(dn, [("objectClass", b"ipaRecordedSession"), *session.items()])
        yield base
    finally:
        for dn in (*names, base):
            connection.delete_s(dn)


def asked(connections: list[Any], name: str, question: tuple[Any, ...], times: int) -> dict[str, Any]:
    """A question so many times, at once over all connections."""
    cpu, begun = Server.cpu(), time.monotonic()
    answers = 0
    for _ in range(max(1, times // len(connections))):
        numbers = [connection.search_ext(*question) for connection in connections]
        for connection, number in zip(connections, numbers, strict=True):
            answers += len(connection.result(number)[1])
    done = max(1, times // len(connections)) * len(connections)
    return {
        "what": name,
        "CPU µs each": 1e6 * (Server.cpu() - cpu) / done,
        "answered a second": done / (time.monotonic() - begun),
        "entries": answers / done,
    }


def bound() -> Any:
    """A connection of the host."""
    connection = ldap.initialize(URI)
    connection.set_option(ldap.OPT_X_SASL_NOCANON, 1)
    connection.sasl_interactive_bind_s("", ldap.sasl.gssapi(""))
    return connection


if __name__ == "__main__":
    main(sys.argv[1], [int(number) for number in sys.argv[2:]])
