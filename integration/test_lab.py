"""The lab itself: what the other tests rest on is so."""

import subprocess
from pathlib import Path

import pytest

from integration.machine import LAB, PRINCIPALS, Machine


def test_the_server_runs_every_service_of_freeipa(server):
    assert "stopped" not in server.run("ipactl", "status").stdout.lower()


def test_the_client_knows_the_users_and_what_they_are_in(client):
    assert {"contractors", "externals"} <= set(client.run("id", "-Gn", "bob").stdout.split())
    assert client.run("systemctl", "is-active", "sssd", "ssh").stdout.split() == ["active", "active"]


@pytest.mark.parametrize("name", ["server", "client"])
def test_each_principal_has_a_ticket_of_its_own_on_both_machines(name):
    machine = Machine(name)
    for principal in PRINCIPALS:
        told = machine.run("klist", principal=principal).stdout
        assert f"Default principal: {PRINCIPALS[principal] or principal}@LAB.TEST" in told


def test_the_host_is_in_the_host_groups_that_tests_speak_of(server):
    told = server.ipa("host-show", "client.lab.test").stdout
    assert "Member of host-groups: web" in told
    assert "Indirect Member of host-group: production" in told
    assert "Member of host-groups" not in server.ipa("host-show", "other.lab.test").stdout


def test_the_machines_reach_each_other_and_nothing_else(client):
    assert connected(client, "ipa.lab.test") == "connected"
    assert "Network is unreachable" in connected(client, "192.0.2.1")


def test_a_file_and_a_directory_are_copied_in_and_out(server, tmp_path: Path):
    (tmp_path / "one" / "deep").mkdir(parents=True)
    (tmp_path / "one" / "deep" / "file").write_bytes(b"\0\xff")
    server.copy_in(tmp_path / "one", "/root/copied")
    server.copy_in(tmp_path / "one/deep/file", "/root/copied/renamed")
    for source in ("/root/copied/deep/file", "/root/copied/renamed"):
        server.copy_out(source, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == b"\0\xff"


def test_a_command_keeps_its_arguments_and_its_status(server):
    done = server.run("sh", "-c", 'echo "$1"; cat; exit 3', "-", "two  words", input="in", check=False)
    assert (done.stdout, done.returncode) == ("two  words\nin", 3)


def test_a_machine_that_is_not_there_is_named():
    done = subprocess.run([LAB, "run", "nothing", "true"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "the lab has no machine nothing\n"


def connected(machine: Machine, host: str) -> str:
    program = "import socket, sys; socket.create_connection((sys.argv[1], 443), 5); print('connected')"
    done = machine.run("python3", "-c", program, host, check=False)
    return (done.stdout + done.stderr).strip()


RULE = ("always,exit", "-F", "arch=b64", "-S", "execve", "-F", "auid=2000000001", "-k", "of-a-test")


def test_audit_rules_of_the_client_are_the_kernel_s_and_seen_by_this_lab_as_it_set_them(client):
    client.run("auditctl", "-a", *RULE)
    try:
        seen = client.run("auditctl", "-l").stdout
        kernel = subprocess.run(["auditctl", "-l"], capture_output=True, text=True, check=True).stdout
    finally:
        client.run("auditctl", "-d", *RULE)
    assert "-F auid=2000000001 -F key=of-a-test\n" in seen
    assert "-F auid=2000000001 -F key=of-a-test -F key=lab:" in kernel
    assert "2000000001" not in client.run("auditctl", "-l").stdout


def test_what_would_concern_the_whole_machine_is_shown_to_the_lab_and_not_done(client):
    client.run("auditctl", "-a", "task,never")
    try:
        assert "-a never,task" in client.run("auditctl", "-l").stdout
        assert "task" not in subprocess.run(["auditctl", "-l"], capture_output=True, text=True).stdout
    finally:
        client.run("auditctl", "-d", "task,never")


def test_only_root_of_the_client_sets_audit_rules(client):
    refused = client.run("su", "-s", "/bin/sh", "nobody", "-c", "/usr/sbin/auditctl -l", check=False)
    assert (refused.returncode, refused.stderr) == (4, "You must be root to run this program.\n")
