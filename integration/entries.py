"""What tests put into the directory: policies, made by admin, and recorded sessions, written by their hosts."""

import re
import textwrap
from datetime import UTC, datetime

from integration.machine import PASSWORD, Machine

HOST = "client.lab.test"
OTHER = "other.lab.test"
GONE = "gone.lab.test"
"""A host that has written of a session and is enrolled no more."""
SERVER = ("-H", "ldap://ipa.lab.test")
MANAGER = ("-x", "-D", "cn=Directory Manager", "-w", PASSWORD)
SESSIONS = "cn=sessions,cn=session-recording,dc=lab,dc=test"


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
        lines = []
        if host not in self.hosts:
            lines += [
                f"dn: fqdn={host},{SESSIONS}",
                "objectClass: ipaRecordedHost",
                f"fqdn: {host}",
                f"ipaRecordingSeen: {now}",
                "",
            ]
            self.hosts.add(host)
        lines += [
            f"dn: cn={recording},fqdn={host},{SESSIONS}",
            "objectClass: ipaRecordedSession",
            f"cn: {recording}",
            f"uid: {user}",
            f"ipaRecordingStart: {now}",
            f"ipaRecordingState: {state}",
            *(f"ipaRecording{name.title()}: {value}" for name, value in more.items()),
            "",
        ]
        written = "\n".join(lines)
        if host == GONE:
            self.server.run("ldapadd", *MANAGER, *SERVER, input=written)
        else:
            principal = {HOST: "host", OTHER: "other"}[host]
            self.client.run("ldapadd", "-Q", "-Y", "GSSAPI", *SERVER, principal=principal, input=written)

    def wanted(self, recording: str, host: str = HOST) -> str:
        """What the directory says is wanted of it."""
        entry = f"cn={recording},fqdn={host},{SESSIONS}"
        found = self.server.run(
            "ldapsearch", "-LLL", *MANAGER, *SERVER, "-s", "base", "-b", entry, "ipaRecordingWanted"
        ).stdout
        wanted = re.search("^ipaRecordingWanted: (.*)$", found, re.MULTILINE)
        return wanted[1] if wanted else ""

    def remove(self) -> None:
        """Them and their hosts."""
        if self.hosts:
            entries = [f"fqdn={host},{SESSIONS}" for host in self.hosts]
            # FreeIPA itself removes a host that is gone, with its last session.
            self.server.run("ldapdelete", "-c", "-r", *MANAGER, *SERVER, *entries, check=False)
