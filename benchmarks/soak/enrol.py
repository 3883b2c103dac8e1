"""Runs on the FreeIPA server, as root: hosts with keytabs, and a policy that records on them.

Arguments: the names of the hosts, and those of them that go on when they lose messages, each as one word. The keytabs
are put into the working directory, by the hosts' names. A lab may have seen a soak before.
"""

import subprocess
import sys
from typing import Any

from ipalib import api, errors

GROUP = "contractors"
"""Of the lab, as benchmarks.soak.fleet has it."""
LDAPI = "ldapi://%2Frun%2Fslapd-LAB-TEST.socket"


def main(hosts: list[str], small: list[str]) -> None:
    """Add what is missing."""
    api.bootstrap(context="server", in_server=True, confdir="/etc/ipa", log=None)
    api.finalize()
    api.Backend.ldap2.connect()
    run = api.Command
    for host in hosts:
        have(run.host_add, host, force=True)
    have(run.hostgroup_add, "soak")
    have(run.recordingpolicy_add, "soak", iparecordingaction="record")
    settings = {"iparecordingaction": "record", "iparecordingorder": 10, "iparecordingonfailure": "allow"}
    have(run.recordingpolicy_add, "soak-small", **settings)
    added = [run.hostgroup_add_member("soak", host=hosts), run.recordingpolicy_add_host("soak", hostgroup="soak")]
    added += [run.recordingpolicy_add_host("soak-small", host=small)] if small else []
    added += [run.recordingpolicy_add_user(name, user="alice", group=GROUP) for name in ("soak", "soak-small")]
    for one in added:
        if not one["completed"] and "already a member" not in str(one["failed"]):
            sys.exit(str(one["failed"]))
    for host in hosts:
        command = ["ipa-getkeytab", "-q", "-H", LDAPI, "-Y", "EXTERNAL", "-p", f"host/{host}", "-k", host]
        subprocess.run(command, check=True)


def have(add: Any, *arguments: str, **options: object) -> None:
    """Add an entry, unless it is there."""
    try:
        add(*arguments, **options)
    except errors.DuplicateEntry:
        pass


if __name__ == "__main__":
    main(sys.argv[1].split(), sys.argv[2].split())
