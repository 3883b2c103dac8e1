"""What policies mean for a user on a host, asked of the directory itself."""

from itertools import pairwise

import pytest
from ipalib import api, errors
from ipapython.dn import DN

PREFIX = "fast-"
SUFFIX = "dc=lab,dc=test"


@pytest.fixture
def policy(commands):
    """Add a policy: policy(name, users={...}, hosts={...}, **options). All are removed again."""
    added = []

    def add(name, *, users=None, hosts=None, **options):
        categories = {
            category: "all" for category, members in (("usercategory", users), ("hostcategory", hosts)) if not members
        }
        commands.recordingpolicy_add(PREFIX + name, **categories, **options)
        added.append(PREFIX + name)
        if users:
            assert commands.recordingpolicy_add_user(PREFIX + name, **users)["completed"]
        if hosts:
            assert commands.recordingpolicy_add_host(PREFIX + name, **hosts)["completed"]

    yield add
    for name in added:
        commands.recordingpolicy_del(name)


@pytest.fixture
def outcome(commands):
    """What follows for a user on a host, by the names of the policies without the prefix."""

    def ask(user, host="client", **options):
        answer = commands.recordingpolicy_test(user=user, host=host, **options)
        return answer["value"], [name.removeprefix(PREFIX) for name in answer["result"].get("decided", ())]

    return ask


def test_whom_no_policy_matches_is_not_recorded(policy, outcome):
    policy("one", users={"user": "alice"})
    assert outcome("bob") == (False, [])


def test_groups_in_groups_and_host_groups_in_host_groups_count(policy, outcome):
    policy("nested", users={"group": "externals"}, hosts={"hostgroup": "production"})
    assert outcome("bob") == (True, ["nested"])
    assert outcome("alice") == (False, [])
    assert outcome("bob", "other") == (False, [])


def test_a_host_group_within_six_others_counts(commands, policy, outcome):
    chain = [f"{PREFIX}chain{number}" for number in range(7)]
    for name in chain:
        commands.hostgroup_add(name)
    try:
        commands.hostgroup_add_member(chain[0], host="client.lab.test")
        for inner, outer in pairwise(chain):
            commands.hostgroup_add_member(outer, hostgroup=inner)
        policy("deep", users={"user": "bob"}, hosts={"hostgroup": chain[-1]})
        assert outcome("bob") == (True, ["deep"])
    finally:
        for name in chain:
            commands.hostgroup_del(name)


def test_the_highest_order_decides(policy, outcome):
    policy("everybody")
    policy("not-alice", users={"user": "alice"}, iparecordingaction="exempt", iparecordingorder=5)
    assert outcome("alice") == (False, ["not-alice"])
    assert outcome("bob") == (True, ["everybody"])


def test_at_the_same_order_record_wins_and_settings_add_up(commands, policy, outcome):
    policy("keys", iparecordingcapture=["input"], iparecordingauditchanges=["/etc"])
    policy("net", iparecordingcapture=["output"], iparecordingaudit=["network"])
    policy("nobody", iparecordingaction="exempt")
    assert outcome("bob") == (True, ["keys", "net"])
    answer = commands.recordingpolicy_test(user="bob", host="client")["result"]
    assert list(answer["capture"]) == ["output", "input"]
    assert list(answer["audit"]) == ["network", "changes under /etc"]


def test_a_disabled_policy_counts_only_where_it_is_asked_for(commands, policy, outcome):
    policy("off")
    commands.recordingpolicy_disable(PREFIX + "off")
    assert outcome("bob") == (False, [])
    assert outcome("bob", disabled=True) == (True, ["off"])
    assert outcome("bob", policies=[PREFIX + "off"]) == (True, ["off"])


@pytest.mark.parametrize(("user", "host"), [("nobody-here", "client"), ("bob", "nowhere")])
def test_a_user_or_host_that_does_not_exist_is_named(outcome, user, host):
    with pytest.raises(errors.NotFound, match=f"{user if host == 'client' else host}.*not found"):
        outcome(user, host)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"iparecordingauditchanges": ["etc"]}, "'audit_changes'.*absolute"),
        ({"iparecordingaudit": ["everything"]}, "'audit'"),
        ({"iparecordingnotice": "x" * 1001}, "'notice'"),
        ({"iparecordingnotice": "red\x1b[31m"}, "'notice'"),
        ({"iparecordingcapture": ["none", "output"]}, "'capture'"),
        ({"iparecordingaction": "exempt", "iparecordingcapture": ["output"]}, "'action'.*--capture"),
    ],
)
def test_what_no_policy_can_mean_is_refused_with_the_options_name(commands, options, complaint):
    with pytest.raises(errors.ValidationError, match=complaint):
        commands.recordingpolicy_add(PREFIX + "wrong", **options)
    with pytest.raises(errors.NotFound):
        commands.recordingpolicy_show(PREFIX + "wrong")


def test_everybody_and_somebody_exclude_each_other(commands, policy):
    policy("everybody")
    with pytest.raises(errors.MutuallyExclusiveError):
        commands.recordingpolicy_add_user(PREFIX + "everybody", user="bob")


def test_two_policies_cannot_have_one_name_however_they_are_written(commands, policy):
    policy("one")
    ldap = api.Backend.ldap2
    entry = ldap.make_entry(
        DN(("ipauniqueid", "00000000-0000-1000-8000-000000000001"), api.Object.recordingpolicy.container_dn, SUFFIX),
        objectclass=["ipaassociation", "iparecordingpolicyobject"],
        cn=[PREFIX + "ONE"],
        ipauniqueid=["00000000-0000-1000-8000-000000000001"],
        iparecordingaction=["record"],
    )
    with pytest.raises(errors.DuplicateEntry):
        ldap.add_entry(entry)
