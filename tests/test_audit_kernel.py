"""Audit rules in the machine's own kernel: who is watched, for how long, and what happens when that cannot be."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ipa_plugin.policy import Audit
from sssd_responder.audit import rule_control as audit_control
from sssd_responder.audit.rule_control import AuditError
from sssd_responder.audit.rules import UNSET
from sssd_responder.audit.sessions import AuditRules
from tests.audit import EXEC, PATIENCE, machine_audit, run

ALICE, BOB, CAROL, DAVE = 54321, 54322, 54323, 54324
EXECUTED = Audit(exec=True)


@pytest.fixture
def audit():
    with machine_audit() as audit:
        yield audit


def changes(*paths):
    return Audit(changes=frozenset(map(str, paths)))


def of(auid, lines):
    return [line for line in lines if f"auid={auid}" in line]


def test_what_a_watched_user_runs_arrives_and_what_others_run_does_not(audit):
    alice, bob = audit.login(ALICE), audit.login(BOB)
    audit.rules().opened(ALICE, alice.session, EXECUTED)
    bob.does("/bin/true bobs")
    subprocess.run(["/bin/true", "daemons"], check=True)
    alice.does("/bin/true alices")
    events = audit.events(ALICE, "alices")
    assert {number for number, _ in events} <= set(EXEC)
    for somebody in (BOB, UNSET):
        with pytest.raises(AssertionError, match="no event"):
            audit.events(somebody, "bobs", patience=0)


def test_what_is_changed_and_read_under_paths_arrives(audit, tmp_path):
    for name in ("changed", "read"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "file").write_text("x")
    alice = audit.login(ALICE)
    wanted = Audit(changes=frozenset({str(tmp_path / "changed")}), reads=frozenset({str(tmp_path / "read")}))
    audit.rules().opened(ALICE, alice.session, wanted)
    alice.does(f"read line < {tmp_path}/changed/below/file")
    alice.does(f"echo > {tmp_path}/read/below/file")
    alice.does(f"echo > {tmp_path}/changed/below/new")
    alice.does(f"read line < {tmp_path}/read/below/file")
    seen = [text for _, text in audit.events(ALICE, f"{tmp_path}/read/below/file")]
    assert len(seen) == 2
    assert f"{tmp_path}/changed/below/new" in seen[0]
    assert "O_RDONLY" not in seen[1]


def test_connections_arrive_and_local_sockets_do_not(audit):
    alice = audit.login(ALICE)
    audit.rules().opened(ALICE, alice.session, Audit(network=True))
    program = (
        "import socket as s; l = s.create_server(('127.0.0.1', 0)); c = s.create_connection(l.getsockname());"
        "l.accept(); six = s.socket(s.AF_INET6); six.bind(('::1', 0)); u = s.socket(s.AF_UNIX); u.bind(chr(0) + 'x');"
        "u.listen(); v = s.socket(s.AF_UNIX); v.connect(chr(0) + 'x'); u.accept(); c.send(b'x');"
        "s.socket(s.AF_INET6).connect_ex(('::1', 9))"
    )
    alice.does(f'{sys.executable} -c "{program}"')
    addresses = [text.partition("saddr=")[2][:4] for _, text in audit.events(ALICE, "saddr=0A000009")]
    # bind, connect, accept; bind, connect. The first two bytes are the family, as this machine stores it.
    assert [int.from_bytes(bytes.fromhex(family), sys.byteorder) for family in addresses] == [2, 2, 2, 10, 10]


def test_a_program_that_goes_by_way_of_io_uring_is_told(audit, tmp_path):
    alice = audit.login(ALICE)
    audit.rules().opened(ALICE, alice.session, changes(tmp_path))
    # io_uring_setup has one number on all machines; without parameters it fails.
    alice.does(f"{sys.executable} -c 'import ctypes; ctypes.CDLL(None).syscall(425, 1, None)'")
    assert {number for number, _ in audit.events(ALICE, "syscall=425 ")} == {425}


def test_two_sessions_of_a_user_are_watched_for_what_either_asks(audit, tmp_path):
    first, second = audit.login(ALICE), audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, first.session, EXECUTED)
    executed = audit.lines()
    rules.opened(ALICE, second.session, changes(tmp_path))
    both = audit.lines()
    assert [line for line in both if "io_uring_setup" in line and "execve" in line]
    assert [line for line in both if f"dir={tmp_path}" in line]
    second.ends()
    rules.closed(ALICE, second.session)
    settles(audit, rules, executed)


def test_rules_stay_for_processes_in_the_background_and_go_with_the_last(audit, tmp_path):
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, EXECUTED)
    alice.does(f"sleep 1000 & echo $! > {tmp_path}/pid")
    left = int((tmp_path / "pid").read_text())
    try:
        alice.ends()
        rules.closed(ALICE, alice.session)
        rules.tidy()
        assert of(ALICE, audit.lines())
    finally:
        os.kill(left, 9)
    wait_until(lambda: not Path(f"/proc/{left}").exists())
    settles(audit, rules, [])
    assert rules.status()["users"] == {}


def test_a_login_that_ends_without_a_word_is_noticed(audit):
    alice, bob = audit.login(ALICE), audit.login(BOB)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, EXECUTED)
    rules.opened(BOB, bob.session, EXECUTED)
    kept = of(BOB, audit.lines())
    alice.ends()
    settles(audit, rules, kept)


def test_su_within_a_session_does_not_end_its_rules(audit):
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, EXECUTED)
    rules.opened(ALICE, alice.session, EXECUTED)
    assert rules.status()["users"][str(ALICE)]["open"] == 2
    rules.closed(ALICE, alice.session)
    rules.tidy()
    assert of(ALICE, audit.lines())


CHAIN = f"""
import ctypes, os, pathlib, signal
here = pathlib.Path(__file__).parent
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, since not every init reaps at once
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork():
    signal.pause()
pathlib.Path("/proc/self/loginuid").write_text("{ALICE}")
(here / "new").write_text(pathlib.Path("/proc/self/sessionid").read_text())
(here / "new").rename(here / "session")
while not os.path.exists(here / "stop"):
    if os.fork():
        os._exit(0)
"""


def test_a_process_that_always_becomes_another_keeps_its_rules(audit, tmp_path):
    # Each lives for some hundred microseconds: who lists /proc and then reads finds it gone.
    (tmp_path / "chain.py").write_text(CHAIN)
    rules = audit.rules()
    reaper = subprocess.Popen([sys.executable, "-IS", tmp_path / "chain.py"])
    try:
        session = tmp_path / "session"
        wait_until(session.exists)
        rules.opened(ALICE, int(session.read_text()), EXECUTED)
        before = audit.lines()
        for _ in range(30):
            rules.tidy()
            assert audit.lines() == before
    finally:
        (tmp_path / "stop").touch()
        reaper.kill()
        reaper.wait()
    settles(audit, rules, [])


def test_after_a_restart_rules_are_kept_while_their_users_are_there(audit, tmp_path):
    alice, bob = audit.login(ALICE), audit.login(BOB)
    before = audit.rules()
    before.opened(ALICE, alice.session, Audit(exec=True, changes=frozenset({str(tmp_path)})))
    before.opened(BOB, bob.session, EXECUTED)
    kept = of(ALICE, audit.lines())
    bob.ends()
    after = audit.rules()
    after.adopt()
    settles(audit, after, kept)
    second = audit.login(ALICE)
    after.opened(ALICE, second.session, EXECUTED)
    after.tidy()
    assert set(kept) < set(audit.lines())
    alice.ends()
    second.ends()
    settles(audit, after, [])


def test_rules_of_others_are_not_touched(audit):
    alice = audit.login(ALICE)
    theirs = [
        ["-a", "always,exit", "-F", "arch=b64", "-S", "execve,execveat", "-F", f"auid={ALICE}", "-k", audit.others],
        ["-a", "always,exit", "-F", f"auid={BOB}", "-F", "dir=/etc", "-F", "perm=wa", "-k", audit.others],
        # Our key on a rule that we never make.
        ["-w", "/etc/hosts", "-p", "wa", "-k", audit.key],
    ]
    for rule in theirs:
        run("auditctl", *rule)
    before = run("auditctl", "-l")
    rules = audit.rules()
    rules.adopt()
    rules.opened(ALICE, alice.session, EXECUTED)
    assert len(of(ALICE, audit.lines())) >= 1
    alice.ends()
    settles(audit, rules, [])
    assert run("auditctl", "-l") == before


def test_rules_that_somebody_removed_come_back(audit):
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, EXECUTED)
    before = audit.lines()
    run("auditctl", "-D", "-k", audit.key)
    rules.tidy()
    assert audit.lines() == before


def test_above_the_limit_users_share_a_range_that_grows_and_shrinks(audit):
    logins = {auid: audit.login(auid) for auid in (ALICE, BOB, DAVE, CAROL)}
    rules = audit.rules(limit=1)
    for auid, login in logins.items():
        rules.opened(auid, login.session, EXECUTED)
    assert of(ALICE, audit.lines())
    assert all(
        f"auid>={BOB} -F auid<={DAVE}" in line for line in audit.lines() if line not in of(ALICE, audit.lines())
    )
    assert rules.status()["shared"] == 3
    logins[CAROL].does("/bin/true carols")
    audit.events(CAROL, "carols")
    shorter = [line.replace(f"auid<={DAVE}", f"auid<={CAROL}") for line in audit.lines()]
    logins[DAVE].ends()
    settles(audit, rules, shorter)
    own = [line.replace(str(ALICE), str(BOB)) for line in of(ALICE, audit.lines())]
    logins[ALICE].ends()
    logins[CAROL].ends()
    settles(audit, rules, own)


@pytest.mark.parametrize("name", ["with spaces", "Übung", "a -F perm=r -F key=b", "quo\"te's", "$HOME;*", "x" * 200])
def test_any_path_that_a_policy_can_name_is_watched_and_left_again(audit, tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, changes(path))
    lines = audit.lines()
    assert [line for line in lines if line.endswith(f"-F dir={path} -F perm=wa")]
    rules.tidy()
    assert audit.lines() == lines
    again = audit.rules()
    again.adopt()
    assert audit.lines() == lines
    alice.ends()
    settles(audit, again, [])


def test_a_link_is_followed(audit, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    alice = audit.login(ALICE)
    audit.rules().opened(ALICE, alice.session, changes(tmp_path / "link"))
    alice.does(f"echo > {tmp_path}/link/through")
    alice.does(f"echo > {tmp_path}/real/beside")
    assert len(audit.events(ALICE, f"{tmp_path}/real/beside")) == 2


def test_the_owner_of_a_link_cannot_forge_a_rule(audit, tmp_path):
    (tmp_path / "x\n-a never,task").mkdir()
    (tmp_path / "link").symlink_to("x\n-a never,task")
    alice = audit.login(ALICE)
    audit.rules().opened(ALICE, alice.session, changes(tmp_path / "link"))
    assert "\n-a never,task" not in run("auditctl", "-l")


def test_a_file_that_is_replaced_stays_watched(audit, tmp_path):
    file = tmp_path / "hosts"
    file.write_text("x")
    alice = audit.login(ALICE)
    audit.rules().opened(ALICE, alice.session, changes(file))
    alice.does(f"echo > {tmp_path}/new; mv {tmp_path}/new {file}")
    alice.does(f"chmod 644 {file}")
    assert len(audit.events(ALICE, "mode=0100644")) >= 2


def test_a_path_that_does_not_exist_is_watched_when_it_does(audit, tmp_path):
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, Audit(exec=True, changes=frozenset({f"{tmp_path}/not/yet"})))
    assert list(rules.status()["unwatched"]) == [f"{tmp_path}/not/yet"]
    assert rules.status()["trouble"] == ""
    (tmp_path / "not" / "yet").mkdir(parents=True)
    rules.tidy()
    assert rules.status()["unwatched"] == {}
    alice.does(f"echo > {tmp_path}/not/yet/file")
    audit.events(ALICE, f"{tmp_path}/not/yet/file")


def test_a_directory_that_is_about_to_be_made_is_seen_at_once(audit, tmp_path):
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, changes(tmp_path / "new"))
    alice.does(f"mkdir {tmp_path}/new")
    audit.events(ALICE, f"{tmp_path}/new")
    rules.tidy()
    assert [line.split(" -F ")[2] for line in audit.lines() if "-S all" in line] == [f"dir={tmp_path}/new"]


def test_a_directory_that_was_removed_and_made_again_is_watched_again(audit, tmp_path):
    (tmp_path / "d").mkdir()
    alice = audit.login(ALICE)
    rules = audit.rules()
    rules.opened(ALICE, alice.session, changes(tmp_path / "d"))
    before = audit.lines()
    (tmp_path / "d").rmdir()
    rules.tidy()
    (tmp_path / "d").mkdir()
    rules.tidy()
    assert audit.lines() == before


def test_auditing_that_is_switched_off_is_said_and_left_so(audit):
    alice = audit.login(ALICE)
    rules = audit.rules()
    run("auditctl", "-e", "0")
    with pytest.raises(AuditError, match="switched off; switch it on with `auditctl -e 1`"):
        rules.opened(ALICE, alice.session, EXECUTED)
    assert rules.status()["enabled"] == 0
    assert "switched off" in rules.status()["trouble"]
    run("auditctl", "-e", "1")
    rules.tidy()
    assert rules.status()["trouble"] == ""
    alice.does("/bin/true later")
    audit.events(ALICE, "later")


def test_who_is_not_audited_does_not_need_auditing(audit):
    alice = audit.login(ALICE)
    run("auditctl", "-e", "0")
    rules = audit.rules()
    rules.opened(ALICE, alice.session, Audit())
    rules.tidy()
    assert rules.status()["rules"] == 0


def test_a_rule_that_switches_all_others_off_is_said(audit):
    alice = audit.login(ALICE)
    rules = audit.rules()
    run("auditctl", "-a", "task,never")
    try:
        with pytest.raises(AuditError, match="`-a never,task` switches all others off; remove it"):
            rules.opened(ALICE, alice.session, EXECUTED)
        assert rules.status()["hiding"] == ["-a never,task"]
    finally:
        run("auditctl", "-d", "task,never")


def program(tmp_path, text):
    path = tmp_path / "auditctl"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_locked_rules_are_said_and_those_that_are_set_are_enough(audit, tmp_path):
    # Locking the kernel would lock it until the machine boots.
    locked = program(tmp_path, 'auditctl "$@" | sed "s/^enabled .*/enabled 2/"; test $1 != -a && test $1 != -d')
    alice, bob = audit.login(ALICE), audit.login(BOB)
    audit.rules().opened(ALICE, alice.session, EXECUTED)
    rules = audit.rules(program=locked)
    rules.adopt()
    rules.opened(ALICE, alice.session, EXECUTED)
    with pytest.raises(AuditError, match="locked until the machine boots"):
        rules.opened(BOB, bob.session, EXECUTED)
    assert rules.status()["enabled"] == 2


def test_a_container_says_that_it_may_not(audit, tmp_path):
    alice = audit.login(ALICE)
    rules = audit.rules(program=program(tmp_path, 'exec unshare --pid --fork --kill-child /sbin/auditctl "$@"'))
    with pytest.raises(AuditError, match=r"not permitted.*in a container no audit rules can be set"):
        rules.opened(ALICE, alice.session, EXECUTED)
    assert rules.status()["enabled"] is None


def test_one_rule_that_the_kernel_refuses_is_one_users_trouble(audit, tmp_path):
    picky = program(tmp_path, f'case "$*" in *{BOB}*) echo Invalid argument >&2; exit 255;; esac; exec auditctl "$@"')
    alice, bob = audit.login(ALICE), audit.login(BOB)
    rules = audit.rules(program=picky)
    with pytest.raises(AuditError, match="Invalid argument"):
        rules.opened(BOB, bob.session, EXECUTED)
    rules.opened(ALICE, alice.session, EXECUTED)
    assert of(ALICE, audit.lines())


def test_root_is_watched_only_by_name(audit):
    rules = audit.rules()
    root = audit.login(0)
    rules.opened(0, root.session, EXECUTED)
    assert audit.lines() == []
    rules.opened(0, root.session, EXECUTED, named=True)
    assert all("auid=0" in line for line in audit.lines())
    assert audit.lines()
    root.ends()
    with pytest.raises(AuditError, match="without a login uid"):
        rules.opened(UNSET, UNSET, EXECUTED)


def test_many_logins_at_once_leave_the_right_rules(audit):
    logins = [audit.login(ALICE + number) for number in range(12)]
    rules = audit.rules()
    threads = [threading.Thread(target=rules.opened, args=(one.auid, one.session, EXECUTED)) for one in logins]
    for thread in threads:
        thread.start()
        rules.tidy()
    for thread in threads:
        thread.join()
    for login in logins:
        assert len(of(login.auid, audit.lines())) == len(audit.lines()) / len(logins)
    for login in logins:
        login.ends()
    settles(audit, rules, [])


def test_a_missing_auditctl_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_control, "PLACES", (str(tmp_path / "auditctl"),))
    with pytest.raises(AuditError, match="auditctl is not installed; install the package auditd"):
        AuditRules(20).opened(ALICE, 1, EXECUTED)


def test_an_auditctl_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_control, "PATIENCE", 0.2)
    hanging = audit_control.AuditControl(program(tmp_path, "exec sleep 1000"))
    with pytest.raises(AuditError, match=r"did not end within 0\.2 s"):
        AuditRules(20, control=hanging).opened(ALICE, 1, EXECUTED)


def settles(audit, rules, expected):
    """After some rounds of the timer the rules are as expected. On a busy machine the first may find out nothing."""

    def settled():
        rules.tidy()
        return audit.lines() == expected

    wait_until(settled)


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
