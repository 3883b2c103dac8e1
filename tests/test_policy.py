"""Who is recorded how: what policies in the directory mean, and what is wrong with those that mean nothing."""

import subprocess
import sys

import pytest

from ipa_plugin.policy import (
    DEFAULTS,
    Action,
    Audit,
    Capture,
    Decision,
    Members,
    OnFailure,
    Overrides,
    Policy,
    PolicyError,
    Settings,
    Subject,
    check_audit_path,
    check_name,
    check_notice,
    decide,
    describe_audit,
    describe_capture,
    heartbeat_from_entry,
    host_filter,
    policy_from_entry,
    read_policies,
    settings_from_entry,
)

ACCOUNTS = "cn=accounts,dc=lab,dc=test"
ENTRY = {
    "cn": ["contractors"],
    "ipaRecordingAction": ["record"],
    "ipaEnabledFlag": ["TRUE"],
    "memberUser": [f"cn=externals,cn=groups,{ACCOUNTS}"],
    "memberHost": [f"cn=production,cn=hostgroups,{ACCOUNTS}"],
}
BOB = Subject("bob", frozenset({"contractors", "externals"}), "client.lab.test", frozenset({"web", "production"}))
EVERYONE = Members(everyone=True)


def policy(name, action=Action.RECORD, order=0, **overrides):
    """One for all users on all hosts."""
    return Policy(name, True, order, action, EVERYONE, EVERYONE, Overrides(**overrides))


def refused(**changes):
    with pytest.raises(PolicyError) as error:
        policy_from_entry(ENTRY | changes)
    assert error.value.policy == "contractors"
    assert str(error.value) == f'policy "contractors": {error.value.option}: {error.value.problem}'
    return error.value


# --- deciding


def test_nobody_is_recorded_where_no_policy_matches():
    assert decide([], BOB, DEFAULTS) == Decision(False, (), (), None)
    other = Policy("other", users=Members(names=frozenset({"alice"})), hosts=EVERYONE)
    assert decide([other], BOB, DEFAULTS) == Decision(False, (), (), None)


def test_a_member_of_a_nested_group_is_recorded_on_a_host_of_a_nested_host_group():
    decision = decide([policy_from_entry(ENTRY)], BOB, DEFAULTS)
    assert decision == Decision(True, ("contractors",), ("contractors",), DEFAULTS)


@pytest.mark.parametrize("user", ["bob", "BOB", "Bob"])
@pytest.mark.parametrize("host", ["client.lab.test", "Client.LAB.test"])
def test_users_and_hosts_are_named_directly_in_any_case(user, host):
    entry = ENTRY | {
        "memberUser": [f"uid=bOb,cn=users,{ACCOUNTS}"],
        "memberHost": [f"fqdn=CLIENT.lab.test,cn=computers,{ACCOUNTS}"],
    }
    named = policy_from_entry(entry)
    assert decide([named], Subject(user, frozenset(), host, frozenset()), DEFAULTS).recorded
    assert not decide([named], Subject(user, frozenset(), "b" + host, frozenset()), DEFAULTS).recorded
    assert not decide([named], Subject(user + "b", frozenset(), host, frozenset()), DEFAULTS).recorded


def test_a_group_is_not_a_user_of_the_same_name():
    group = policy_from_entry(ENTRY | {"memberUser": [f"cn=bob,cn=groups,{ACCOUNTS}"]})
    assert not decide([group], BOB, DEFAULTS).recorded
    user = policy_from_entry(ENTRY | {"memberUser": [f"uid=externals,cn=users,{ACCOUNTS}"]})
    assert not decide([user], BOB, DEFAULTS).recorded


def test_a_user_is_recorded_only_where_both_user_and_host_match():
    elsewhere = Subject("bob", BOB.user_groups, "mail.lab.test", frozenset())
    assert not decide([policy_from_entry(ENTRY)], elsewhere, DEFAULTS).recorded


def test_the_highest_order_that_matches_decides():
    policies = [policy("all"), policy("trusted", Action.EXEMPT, 10), policy("night", order=10_000)]
    assert decide(policies, BOB, DEFAULTS).decided == ("night",)
    decision = decide(policies[:2], BOB, DEFAULTS)
    assert decision == Decision(False, ("trusted",), ("trusted", "all"), None)


def test_record_wins_over_exempt_of_the_same_order():
    policies = [policy("a", Action.EXEMPT), policy("b"), policy("c", Action.EXEMPT)]
    assert decide(policies, BOB, DEFAULTS) == Decision(True, ("b",), ("a", "b", "c"), DEFAULTS)


def test_policies_of_one_order_record_together_what_any_of_them_wants():
    policies = [
        policy(
            "b",
            capture=frozenset({Capture.INPUT}),
            audit=Audit(network=True, changes=frozenset({"/etc"})),
            notice="Input is recorded.",
            on_failure=OnFailure.ALLOW,
        ),
        policy(
            "A",
            capture=frozenset({Capture.OUTPUT}),
            audit=Audit(exec=True, reads=frozenset({"/srv"})),
            notice="Ask Rita.",
            on_failure=OnFailure.DENY,
        ),
        policy("c", capture=frozenset(), audit=Audit(), notice="Input is recorded.", on_failure=OnFailure.ALLOW),
        policy("lower", order=-1, capture=frozenset({Capture.RESIZE})),
    ]
    assert decide(policies, BOB, DEFAULTS).settings == Settings(
        capture=frozenset({Capture.INPUT, Capture.OUTPUT}),
        audit=Audit(True, True, frozenset({"/etc"}), frozenset({"/srv"})),
        notice="Ask Rita.\nInput is recorded.",
        on_failure=OnFailure.DENY,
    )


def test_two_policies_of_one_name_show_their_notices_in_one_order():
    """Two servers can each add a policy of that name before they replicate."""
    policies = [policy("a", notice="Second"), policy("a", notice="First")]
    for given in (policies, policies[::-1]):
        assert decide(given, BOB, DEFAULTS).settings.notice == "First\nSecond"


def test_what_a_policy_leaves_open_the_configuration_says():
    defaults = Settings(frozenset({Capture.INPUT}), Audit(network=True), "Be kind.", OnFailure.ALLOW)
    assert decide([policy("a")], BOB, defaults).settings == defaults
    decision = decide([policy("a", on_failure=OnFailure.DENY), policy("b", capture=frozenset())], BOB, defaults)
    assert decision.settings == Settings(defaults.capture, defaults.audit, "Be kind.", OnFailure.DENY)


def test_none_of_all_policies_is_none():
    nothing = policy_from_entry(ENTRY | {"ipaRecordingCapture": ["none"], "ipaRecordingAudit": ["None"]})
    settings = decide([nothing], BOB, DEFAULTS).settings
    assert settings == Settings(frozenset(), Audit(), "", OnFailure.DENY)
    assert (describe_capture(settings.capture), describe_audit(settings.audit)) == (("none",), ("none",))


def test_a_policy_that_audits_anything_says_all_of_its_auditing():
    changes = policy_from_entry(ENTRY | {"ipaRecordingAuditChanges": ["/etc", "/usr/local"]})
    assert changes.overrides.audit == Audit(changes=frozenset({"/etc", "/usr/local"}))
    assert policy_from_entry(ENTRY).overrides == Overrides()


def test_a_disabled_policy_counts_for_nothing():
    for flag in ({"ipaEnabledFlag": ["FALSE"]}, {"ipaEnabledFlag": []}):
        assert decide([policy_from_entry(ENTRY | flag)], BOB, DEFAULTS) == Decision()


def test_settings_are_described_in_words():
    assert describe_capture(frozenset(Capture)) == ("output", "input", "resize", "command-bytes")
    audit = Audit(True, True, frozenset({"/etc", "/boot"}), frozenset({"/srv"}))
    assert describe_audit(audit) == (
        "exec", "network", "changes under /boot", "changes under /etc", "reads under /srv"
    )  # fmt: skip


# --- entries of the directory


def test_names_of_attributes_and_words_have_any_case():
    entry = {name.upper(): [value.swapcase() for value in values] for name, values in ENTRY.items()}
    entry |= {
        "IPARECORDINGCAPTURE": ["Input", "OUTPUT "],
        "iparecordingonfailure": ["Allow"],
        "usercategory": ["ALL"],
    }
    assert policy_from_entry(entry) == Policy(
        name="CONTRACTORS",
        users=Members(everyone=True, groups=frozenset({"externals"})),
        hosts=Members(groups=frozenset({"production"})),
        overrides=Overrides(capture=frozenset({Capture.INPUT, Capture.OUTPUT}), on_failure=OnFailure.ALLOW),
    )


def test_entries_are_read_as_each_library_gives_them():
    class DN:
        def __str__(self):
            return f"cn=externals,cn=groups,{ACCOUNTS}"

    in_bytes = {name: [value.encode() for value in values] for name, values in ENTRY.items()}
    assert policy_from_entry(in_bytes) == policy_from_entry(ENTRY)
    assert policy_from_entry(ENTRY | {"memberUser": [DN()], "ipaEnabledFlag": [True]}) == policy_from_entry(ENTRY)
    assert not policy_from_entry(ENTRY | {"ipaEnabledFlag": [False]}).enabled


@pytest.mark.parametrize(
    ("attribute", "values", "option", "problem"),
    [
        ("ipaRecordingAction", ["recrod"], "--action", '"recrod" is not one of record, exempt'),
        ("ipaRecordingAction", [], "--action", "is missing; set it to record or exempt"),
        ("ipaRecordingAction", ["record", "exempt"], "--action", "has 2 values; leave one"),
        ("ipaRecordingOrder", ["-1"], "--order", "must be a whole number from 0 to 1000000"),
        ("ipaRecordingOrder", ["1000001"], "--order", "must be a whole number from 0 to 1000000"),
        ("ipaRecordingOrder", ["٣"], "--order", "must be a whole number from 0 to 1000000"),
        ("ipaRecordingOrder", ["9" * 5000], "--order", "must be a whole number from 0 to 1000000"),
        ("ipaRecordingOrder", ["1", "2"], "--order", "has 2 values; leave one"),
        (
            "ipaRecordingCapture",
            ["output", "keys\x1b"],
            "--capture",
            '"keys\\x1b" is not one of output, input, resize, command-bytes, none',
        ),
        ("ipaRecordingCapture", ["none", "input"], "--capture", '"none" stands alone: remove it, or the others'),
        ("ipaRecordingAudit", ["files"], "--audit", '"files" is not one of exec, network, none'),
        ("ipaRecordingAudit", ["exec", "none"], "--audit", '"none" stands alone: remove it, or the others'),
        ("ipaRecordingAuditChanges", ["/etc", "etc"], "--audit-changes", '"etc" must be absolute, as /etc'),
        ("ipaRecordingAuditReads", ["/a\n"], "--audit-reads", '"/a\\n" must have printable characters only'),
        ("ipaRecordingNotice", ["a\nb"], "--notice", "must have printable characters only"),
        ("ipaRecordingNotice", ["a", "b"], "--notice", "has 2 values; leave one"),
        ("ipaRecordingNotice", [b"\xff"], "--notice", "is not UTF-8"),
        ("ipaRecordingOnFailure", ["ignore"], "--on-failure", '"ignore" is not one of deny, allow'),
        ("userCategory", ["all", "some"], "--usercat", '"some" is not all'),
        ("hostCategory", [""], "--hostcat", '"" is not all'),
        ("ipaEnabledFlag", ["yes"], "ipaEnabledFlag", '"yes" is neither TRUE nor FALSE'),
        ("memberUser", ["bob"], "memberUser", '"bob" is not a distinguished name; remove that member'),
        ("memberHost", ["cn=a,,dc=x"], "memberHost", '"cn=a,,dc=x" is not a distinguished name; remove that member'),
    ],
)
def test_what_a_policy_cannot_mean_is_refused_with_the_option_that_says_it(attribute, values, option, problem):
    error = refused(**{attribute: values})
    assert (error.option, error.problem) == (option, problem)


def test_no_audit_and_audited_paths_contradict_each_other():
    error = refused(ipaRecordingAudit=["none"], ipaRecordingAuditReads=["/srv"])
    assert (error.option, error.problem) == ("--audit", '"none" stands alone: remove it, or the audited paths')


@pytest.mark.parametrize(
    ("attribute", "value", "option"),
    [
        ("ipaRecordingCapture", "none", "--capture"),
        ("ipaRecordingAudit", "exec", "--audit"),
        ("ipaRecordingAuditChanges", "/etc", "--audit-changes"),
        ("ipaRecordingAuditReads", "/etc", "--audit-reads"),
        ("ipaRecordingNotice", "Hello", "--notice"),
        ("ipaRecordingOnFailure", "deny", "--on-failure"),
    ],
)
def test_an_exempt_policy_has_no_settings(attribute, value, option):
    exempt = {"ipaRecordingAction": ["exempt"]}
    assert policy_from_entry(ENTRY | exempt).overrides == Overrides()
    error = refused(**exempt, **{attribute: [value]})
    problem = "an exempt policy records nothing: remove it, or set --action record"
    assert (error.option, error.problem) == (option, problem)


@pytest.mark.parametrize(
    ("names", "shown", "problem"),
    [
        ([], "(without a name)", "is missing"),
        (["a", "b"], "a", "has 2 values; leave one"),
        ([b"\xff"], "(unreadable name)", "is not UTF-8"),
        (["\x1b[2Jp"], "\\x1b[2Jp", "must have printable characters only"),
        ([""], "(without a name)", "must not be empty, nor begin or end with a space"),
    ],
)
def test_a_policy_without_a_usable_name_is_refused_and_shown_harmlessly(names, shown, problem):
    with pytest.raises(PolicyError) as error:
        policy_from_entry(ENTRY | {"cn": names})
    assert str(error.value) == f'policy "{shown}": NAME: {problem}'


def test_one_unreadable_policy_does_not_hide_the_others():
    policies, errors = read_policies([ENTRY, ENTRY | {"cn": ["odd"], "ipaRecordingCapture": ["keys"]}, ENTRY])
    assert policies == [policy_from_entry(ENTRY)] * 2
    assert [(error.policy, error.option) for error in errors] == [("odd", "--capture")]


def test_without_configuration_terminals_are_recorded_without_input_and_commands_audited():
    assert settings_from_entry({}) == Settings(
        frozenset({Capture.OUTPUT, Capture.RESIZE}), Audit(exec=True), "", OnFailure.DENY
    )


def test_the_configuration_fills_its_gaps_from_the_defaults():
    assert settings_from_entry({"cn": ["config"]}) == DEFAULTS
    assert settings_from_entry({"iparecordingauditreads": ["/srv"], "ipaRecordingNotice": ["Hi"]}) == Settings(
        DEFAULTS.capture, Audit(reads=frozenset({"/srv"})), "Hi", DEFAULTS.on_failure
    )
    with pytest.raises(PolicyError, match=r"^configuration of session recording: --capture: .* is not one of"):
        settings_from_entry({"ipaRecordingCapture": ["all"]})


def test_hosts_report_every_five_minutes_unless_the_configuration_says_otherwise():
    assert heartbeat_from_entry({}) == 300
    assert heartbeat_from_entry({"ipaRecordingHeartbeat": ["30"]}) == 30
    for seconds in ("29", "86401", "0", "soon"):
        with pytest.raises(PolicyError, match="--heartbeat: must be a whole number from 30 to 86400"):
            heartbeat_from_entry({"ipaRecordingHeartbeat": [seconds]})


# --- members


@pytest.mark.parametrize(
    ("dn", "name"),
    [
        ("CN=Ops, cn=groups , CN=Accounts,dc=lab,DC=test", "ops"),
        ("cn=a\\,b,cn=groups,cn=accounts,dc=lab", "a,b"),
        ("cn=a\\2Cb,cn=groups,cn=accounts,dc=lab", "a,b"),
        ("cn=M\\C3\\BCller,cn=groups,cn=accounts,dc=lab", "müller"),
        ("cn=Müller,cn=groups,cn=accounts,dc=lab", "müller"),
        ("cn= two  words\\ ,cn=groups,cn=accounts,dc=lab", "two  words "),
        ("cn=1\\+1\\=2\\#,cn=groups,cn=accounts,dc=lab", "1+1=2#"),
        ("cn=a#b,cn=groups,cn=accounts,dc=lab", "a#b"),
    ],
)
def test_groups_are_found_however_their_dn_is_written(dn, name):
    assert policy_from_entry(ENTRY | {"memberUser": [dn]}).users == Members(groups=frozenset({name}))


@pytest.mark.parametrize(
    "dn",
    [
        "",
        "cn",
        "cn=",
        "=a",
        "cn=a,",
        "cn=a;cn=b",
        'cn="a"',
        "cn=#0401",
        "cn=a\\",
        "cn=a\\g",
        "cn=a\\c3,dc=x",
        "cn=a\0",
        "c n=a",
        "cn=a+",
        "cn=a<b",
    ],
)
def test_what_is_no_dn_is_refused(dn):
    assert refused(memberUser=[dn]).option == "memberUser"


@pytest.mark.parametrize(
    "dn",
    [
        f"krbprincipalname=HTTP/www.lab.test@LAB.TEST,cn=services,{ACCOUNTS}",
        "uid=bob,cn=deleted users,cn=accounts,cn=provisioning,dc=lab,dc=test",
        "uid=bob,cn=staged users,cn=accounts,cn=provisioning,dc=lab,dc=test",
        f"ipaanchoruuid=:SID:S-1-5-21-1-2-3-500,cn=Default Trust View,cn=views,{ACCOUNTS}",
        f"cn=externals+nsuniqueid=66446001-1dd211b2,cn=groups,{ACCOUNTS}",
        f"fqdn=bob,cn=computers,{ACCOUNTS}",
        f"uid=bob,cn=groups,{ACCOUNTS}",
        f"cn=externals,cn=hostgroups,{ACCOUNTS}",
        f"cn=externals,cn=roles,{ACCOUNTS}",
        f"uid=bob,cn=users,ou=more,{ACCOUNTS}",
        "uid=bob,cn=users,cn=accounts",
        "uid=bob,cn=users,cn=accounts,ou=elsewhere,dc=lab,dc=test",
        "uid=bob",
    ],
)
def test_members_that_are_no_users_or_groups_match_nobody(dn):
    assert policy_from_entry(ENTRY | {"memberUser": [dn]}).users == Members()
    assert policy_from_entry(ENTRY | {"memberUser": [dn, *ENTRY["memberUser"]]}).users == Members(
        groups=frozenset({"externals"})
    )


def test_a_policy_without_members_matches_nobody():
    assert not decide([policy_from_entry(ENTRY | {"memberUser": []})], BOB, DEFAULTS).recorded
    assert not decide([policy_from_entry(ENTRY | {"memberHost": []})], BOB, DEFAULTS).recorded


def test_a_host_asks_for_the_enabled_policies_that_concern_it():
    web, production = f"cn=web,cn=hostgroups,{ACCOUNTS}", f"cn=production,cn=hostgroups,{ACCOUNTS}"
    host = f"fqdn=client.lab.test,cn=computers,{ACCOUNTS}"
    assert host_filter(host, [web, production, web]) == (
        "(&(objectClass=ipaRecordingPolicyObject)(ipaEnabledFlag=TRUE)(|(hostCategory=all)"
        f"(memberHost={host})(memberHost={production})(memberHost={web})))"
    )


def test_a_name_cannot_change_what_a_host_asks_for():
    assert "(memberHost=cn=\\2a\\29\\28\\5c2a\\00é)))" in host_filter("cn=*)(\\2a\0é", [])


# --- the values that commands take


@pytest.mark.parametrize("path", ["/", "/etc", "/var/lib/my app", "/…/.ssh", "/..a/b..", "/" + "é" * 2047 + "a"])
def test_audited_paths(path):
    check_audit_path(path)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "must be absolute"),
        ("etc", "must be absolute"),
        ("~/x", "must be absolute"),
        ("/etc/", "must be written without"),
        ("//etc", "must be written without"),
        ("//", "must be written without"),
        ("/etc//x", "must be written without"),
        ("/etc/../x", "must be written without"),
        ("/..", "must be written without"),
        ("/./x", "must be written without"),
        ("/a\tb", "printable characters only"),
        ("/a\x7f", "printable characters only"),
        ("/\ud800", "printable characters only"),
        ("/" + "é" * 2048, "must have at most 4096 bytes"),
    ],
)
def test_paths_that_cannot_be_audited(path, problem):
    with pytest.raises(ValueError, match=problem):
        check_audit_path(path)


def test_notices_are_one_line_of_at_most_1000_printable_characters():
    check_notice("é" * 1000)
    for text, problem in (
        ("é" * 1001, "must have at most 1000 characters"),
        ("a\nb", "must have printable characters only"),
        ("\x1b[2J", "must have printable characters only"),
        ("", "must not be empty"),
        ("  ", "must not be empty"),
    ):
        with pytest.raises(ValueError, match=problem):
            check_notice(text)


def test_names_of_policies_can_be_quoted_in_a_message():
    check_name("x" * 255)
    for text in ("", " a", "a ", "a\nb", "x" * 256):
        with pytest.raises(ValueError, match="must"):
            check_name(text)


def test_a_recorded_host_needs_nothing_but_the_standard_library():
    code = "import sys, ipa_plugin.policy; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(printed.split()) <= sys.stdlib_module_names | {"ipa_plugin", "__main__"}
