"""What tests put into the directory: policies, made by admin, and recorded sessions, written by their hosts."""

import textwrap
from datetime import UTC, datetime

from integration import ldap_as
from integration.ldap_as import SESSIONS
from integration.machine import Machine

HOST = "client.lab.test"
OTHER = "other.lab.test"
GONE = "gone.lab.test"
"""A host that has written of a session and is enrolled no more."""


class Policies:
    """Policies in the directory, made by admin."""

    def __init__(self, server: Machine) -> None:
        self.server = server

    def make(self, script: str = "") -> None:
        """These policies and no others: calls of FreeIPA's commands, all in one process since each takes a second."""
        self.change(
            "for policy in recordingpolicy_find()['result']: recordingpolicy_del(policy['cn'])\n\n"
            + textwrap.dedent(script)
        )

    def change(self, script: str) -> None:
        """More calls."""
        program = "from ipalib import api\nlocals().update((command.name, command) for command in api.Command())\n"
        self.server.run(
            "sh",
            "-c",
            "cat >commands.py && ipa console commands.py",
            principal="admin",
            input=program + textwrap.dedent(script),
        )


class Sessions:
    """Recorded sessions in the directory, written by their hosts with their own tickets."""

    def __init__(self, server: Machine, client: Machine) -> None:
        self.server, self.client = server, client
        self.hosts: set[str] = set()

    def add(self, recording: str, user: str, host: str = HOST, state: str = "running", **more: str) -> None:
        """A session that has just begun."""
        now = datetime.now(UTC).strftime("%Y%m%d%H%M%SZ")
        above = f"fqdn={host},{SESSIONS}"
        changes = []
        if host not in self.hosts:
            changes.append(
                ldap_as.add(above, {"objectClass": "ipaRecordedHost", "fqdn": host, "ipaRecordingSeen": now})
            )
            self.hosts.add(host)
        session = {
            "objectClass": "ipaRecordedSession",
            "cn": recording,
            "uid": user,
            "ipaRecordingStart": now,
            "ipaRecordingState": state,
            **{f"ipaRecording{name.title()}": value for name, value in more.items()},
        }
        changes.append(ldap_as.add(f"cn={recording},{above}", session))
        principal = {HOST: "host", OTHER: "other", GONE: "root"}[host]
        codes = ldap_as.results(self.client if principal != "root" else self.server, principal, *changes)
        assert codes == [ldap_as.OK] * len(changes)

    def wanted(self, recording: str, host: str = HOST) -> str:
        """What the directory says is wanted of it."""
        [entry] = ldap_as.read(self.server, "root", f"cn={recording},fqdn={host},{SESSIONS}").values()
        return "".join(entry.get("iparecordingwanted", []))

    def remove(self) -> None:
        """Them and their hosts."""
        if self.hosts:
            entries = [f"fqdn={host},{SESSIONS}" for host in self.hosts]
            # FreeIPA itself removes a host that is gone, with its last session.
            self.server.run("ldapdelete", "-c", "-r", *ldap_as.bind("root"), *entries, check=False)
