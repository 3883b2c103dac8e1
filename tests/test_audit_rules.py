"""What an audit setting means in the kernel's rules, and which rules are ours."""

import pytest

from ipa_plugin.policy import Audit
from sssd_responder.audit.rules import Machine, Rule, hides, parsed, plan, silences

PC = Machine("x86_64", lambda path: f"dir={path}")
ALICE, BOB, CAROL = 1001, 1002, 1003


def argument_lines(audits, limit=20, machine=PC):
    return [" ".join(rule.arguments) for rule in plan(audits, limit, machine)]


def watches(audit):
    """The fields of the rules for paths."""
    return [rule.fields for rule in plan({ALICE: audit}, 20, PC) if rule.path]


def test_what_a_user_executes_is_two_rules():
    assert argument_lines({ALICE: Audit(exec=True)}) == [
        "always,exit -F arch=b64 -S execve,execveat -F auid=1001 -k session-recording",
        "always,exit -F arch=b32 -S execve,execveat -F auid=1001 -k session-recording",
    ]


def test_network_is_that_of_internet_addresses():
    rules = argument_lines({ALICE: Audit(network=True)})
    assert [rule for rule in rules if "saddr_fam" in rule] == [
        "always,exit -F arch=b64 -S accept,accept4,bind,connect -F auid=1001 -F saddr_fam>=2 -F saddr_fam<=10"
        " -k session-recording",
        "always,exit -F arch=b32 -S accept4,bind,connect,socketcall -F auid=1001 -F saddr_fam>=2 -F saddr_fam<=10"
        " -k session-recording",
    ]


def test_a_machine_without_32_bit_programs_has_no_rules_for_them():
    risc = Machine("riscv64", PC.locate)
    assert len(argument_lines({ALICE: Audit(exec=True, network=True)}, machine=risc)) == 2


@pytest.mark.parametrize(
    "audit", [Audit(network=True), Audit(changes=frozenset({"/etc"})), Audit(exec=True, network=True)]
)
def test_where_files_or_connections_are_audited_io_uring_is_too(audit):
    rules = plan({ALICE: audit}, 20, PC)
    assert [rule.arch for rule in rules if "io_uring_setup" in rule.calls] == ["b64", "b32"]


def test_a_path_is_one_rule_for_changes_and_reads():
    audit = Audit(changes=frozenset({"/etc", "/srv/my files"}), reads=frozenset({"/etc"}))
    assert watches(audit) == [
        ("dir=/etc", "perm=rwa"),
        ("dir=/srv/my files", "perm=wa"),
    ]


def test_a_path_that_another_one_covers_has_no_rule():
    audit = Audit(changes=frozenset({"/etc", "/etc/ssh", "/etcetera"}), reads=frozenset({"/etc/pam.d"}))
    assert watches(audit) == [
        ("dir=/etc", "perm=wa"),
        ("dir=/etc/pam.d", "perm=r"),
        ("dir=/etcetera", "perm=wa"),
    ]


def test_the_root_directory_covers_everything():
    audit = Audit(changes=frozenset({"/", "/etc"}))
    assert watches(audit) == [("dir=/", "perm=wa")]


def test_nothing_to_audit_is_no_rule():
    assert argument_lines({ALICE: Audit()}) == []


def test_above_the_limit_users_share_the_rules_of_all_of_them():
    audits = {CAROL: Audit(exec=True), ALICE: Audit(exec=True), BOB: Audit(network=True), 900: Audit()}
    rules = plan(audits, 1, PC)
    assert [(rule.low, rule.high, rule.calls[0]) for rule in rules if rule.arch == "b64"] == [
        (CAROL, CAROL, "execve"),
        (ALICE, BOB, "execve"),
        (ALICE, BOB, "accept"),
    ]


def test_root_is_never_in_a_shared_range():
    audits = {ALICE: Audit(exec=True), 0: Audit(exec=True), CAROL: Audit(exec=True), BOB: Audit(exec=True)}
    assert {(rule.low, rule.high) for rule in plan(audits, 1, PC)} == {(0, 0), (ALICE, ALICE), (BOB, CAROL)}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (
            "-a always,exit -F arch=b64 -S execve,execveat -F auid=1001 -F key=session-recording",
            Rule(1001, 1001, (), ("execve", "execveat"), "b64"),
        ),
        (
            "-a always,exit -F arch=b64 -S connect,accept,bind,accept4 -F auid>=1001 -F auid<=1009"
            " -F saddr_fam>=2 -F saddr_fam<=10 -F key=session-recording",
            Rule(1001, 1009, ("saddr_fam>=2", "saddr_fam<=10"), ("accept", "accept4", "bind", "connect"), "b64"),
        ),
        (
            "-a always,exit -S all -F auid=-1294967296 -F dir=/etc -F perm=wa -F key=session-recording",
            Rule(3_000_000_000, 3_000_000_000, ("dir=/etc", "perm=wa")),
        ),
        (
            "-a always,exit -S all -F auid=1001 -F dir=/a -F perm=r -F key=b -F perm=rwa -F key=session-recording",
            Rule(1001, 1001, ("dir=/a -F perm=r -F key=b", "perm=rwa")),
        ),
    ],
)
def test_rules_are_read_as_auditctl_prints_them(line, rule):
    assert parsed(line) == rule


@pytest.mark.parametrize(
    "line",
    [
        "-w /etc/passwd -p wa -k session-recording",
        "-a always,exit -F arch=b64 -S execve -F euid=0 -F key=session-recording",
        "-a never,exit -S all -F auid=1001 -F key=session-recording",
        "-a always,exit -S all -F auid=1001 -F dir=/etc -F perm=wa",
        "No rules",
    ],
)
def test_a_rule_of_another_form_is_not_ours(line):
    assert parsed(line) is None


def test_a_rule_that_switches_all_others_off_is_noticed():
    assert silences("-a never,task")
    assert silences("-a never,task -F key=quiet")
    assert not silences("-a never,task -F uid=77")
    assert not silences("-a always,exit -S all -F auid=1001 -F perm=x -F key=session-recording")


def test_rules_that_may_hide_events_are_named():
    assert hides("-a never,exit -S all -F uid=77")
    assert hides("-a always,exclude -F msgtype=CWD")
    assert not hides("-a always,exit -S all -F uid=77")
