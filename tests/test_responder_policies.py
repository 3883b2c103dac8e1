"""What is in force: policies of the directory and of the local file, and what cannot be decided."""

import time

import pytest

from ipa_plugin.policy import DEFAULTS, OnFailure
from sssd_responder.decisions.policies import Policies, Undecided
from sssd_responder.decisions.snapshot import Snapshot

BASE = "cn=accounts,dc=lab,dc=test"
LOCAL = '[[policy]]\nname = "local"\nusers = ["lena"]\nnotice = "Local."\n'


def entry(name="p", *users, action="record", order=0, **more):
    """A policy of the directory; `more` by the names of attributes after ipaRecording."""
    made = {
        "cn": [name.encode()],
        "ipaEnabledFlag": [b"TRUE"],
        "hostCategory": [b"all"],
        "ipaRecordingAction": [action.encode()],
        "ipaRecordingOrder": [b"%d" % order],
        "memberUser": [f"cn={user[1:]},cn=groups,{BASE}".encode() for user in users if user.startswith("@")]
        + [f"uid={user},cn=users,{BASE}".encode() for user in users if not user.startswith("@")],
    }
    return {**made, **{f"ipaRecording{name}": [value] for name, value in more.items()}}


def snapshot(*policies, config=None, age=0.0):
    return Snapshot("h.lab.test", "ldap://ipa", time.time() - age, frozenset({"web"}), policies, config)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "policies.toml"


def held(file, *entries, **more):
    policies = Policies("h.lab.test", str(file), directory=True)
    policies.replace(snapshot(*entries, **more))
    return policies


def decided(policies, user, *groups):
    decision = policies.decide(user, frozenset(groups))
    return decision.recorded, decision.decided


def test_policies_of_both_sources_count_together(file):
    file.write_text(LOCAL + "order = 5\n")
    policies = held(file, entry("central", "alice", "@staff", "lena"))
    assert decided(policies, "alice") == (True, ("central",))
    assert decided(policies, "bob", "staff") == (True, ("central",))
    assert decided(policies, "lena") == (True, ("local",))
    assert decided(policies, "bob") == (False, ())


def test_local_policies_know_the_host_groups_of_the_directory(file):
    file.write_text(LOCAL + 'hostgroups = ["web"]\n')
    assert decided(held(file), "lena") == (True, ("local",))
    file.write_text(LOCAL + 'hostgroups = ["mail"]\n')
    assert decided(held(file), "lena") == (False, ())


def test_the_configuration_fills_the_gaps_of_all_policies_and_local_defaults_only_those_of_local_ones(file):
    file.write_text('[defaults]\nnotice = "Local."\n' + LOCAL.replace('notice = "Local."\n', ""))
    config = {"ipaRecordingNotice": [b"Central."], "ipaRecordingOnFailure": [b"allow"]}
    policies = held(file, entry("central", "alice"), config=config)
    alice, lena = (policies.decide(user, frozenset()).settings for user in ("alice", "lena"))
    assert (alice.notice, lena.notice) == ("Central.", "Local.")
    assert alice.on_failure is lena.on_failure is OnFailure.ALLOW


def test_a_configuration_that_cannot_be_read_leaves_the_last_one_in_force(file):
    config = {"ipaRecordingNotice": [b"Central."], "ipaRecordingHeartbeat": [b"60"]}
    policies = held(file, entry("p", "alice"), config=config)
    policies.replace(snapshot(entry("p", "alice"), config={"ipaRecordingHeartbeat": [b"soon"]}))
    assert policies.decide("alice", frozenset()).settings.notice == "Central."
    assert policies.heartbeat == 60
    assert policies.status()["unreadable"] == [
        "configuration of session recording: --heartbeat: must be a whole number from 30 to 86400"
    ]


def test_whom_an_unreadable_policy_names_nobody_decides_about(file):
    policies = held(file, entry("good", "bob"), entry("bad", "alice", "@staff", Capture=b"everything"))
    for user, groups in (("alice", ()), ("bob", ("staff",))):
        with pytest.raises(Undecided, match=r'policy "bad": --capture: "everything" is not one of .*; correct it'):
            decided(policies, user, *groups)
    assert decided(policies, "bob") == (True, ("good",))
    assert decided(policies, "lena") == (False, ())
    assert len(policies.status()["unreadable"]) == 1


def test_an_unreadable_policy_of_lower_order_changes_nothing(file):
    policies = held(file, entry("good", "alice", order=2), entry("bad", "alice", order=1, Capture=b"everything"))
    assert decided(policies, "alice") == (True, ("good",))
    policies.replace(snapshot(entry("good", "alice", order=1), entry("bad", "alice", order=1, Capture=b"x")))
    with pytest.raises(Undecided):
        decided(policies, "alice")


def test_an_unreadable_policy_may_name_everybody_and_have_any_order(file):
    bad = {**entry("bad", order=1), "memberUser": [b"no dn"], "ipaRecordingOrder": [b"high"]}
    with pytest.raises(Undecided):
        decided(held(file, entry("good", "alice", order=1000), bad), "alice")


def test_before_the_first_read_only_local_policies_that_match_decide(file):
    policies = Policies("h.lab.test", str(file), directory=True)
    policies.cannot_read("ldap://ipa: Can't contact LDAP server")
    with pytest.raises(Undecided, match="ever read from FreeIPA: ldap://ipa: Can't contact LDAP server"):
        decided(policies, "lena")
    file.write_text(LOCAL)
    assert decided(policies, "lena") == (True, ("local",))
    with pytest.raises(Undecided):
        decided(policies, "alice")


def test_what_was_read_stays_in_force_while_the_directory_is_away(file):
    policies = held(file, entry("p", "alice"), age=3600)
    policies.cannot_read("it is away")
    assert decided(policies, "alice") == (True, ("p",))
    status = policies.status()["directory"]
    assert (status["policies"], status["error"], status["host_groups"]) == (1, "it is away", ["web"])
    assert 3600 <= status["age"] < 3700


def test_local_policies_that_were_never_readable_may_say_anything(file):
    file.write_text("[[policy]]\n")
    policies = held(file, entry("central", "alice"), entry("exempt", "bob", action="exempt"))
    assert decided(policies, "alice") == (True, ("central",))
    for user in ("bob", "lena"):
        with pytest.raises(
            Undecided, match=r"local policies cannot be read: .*policies\.toml:1: policy 1: name: is missi"
        ):
            decided(policies, user)
    file.write_text(LOCAL)
    assert decided(policies, "bob") == (False, ("exempt",))


def test_removing_the_file_ends_local_policies(file):
    file.write_text(LOCAL)
    policies = held(file)
    assert decided(policies, "lena") == (True, ("local",))
    file.unlink()
    assert decided(policies, "lena") == (False, ())


def test_without_freeipa_an_empty_file_records_nobody(file):
    file.write_text("")
    assert decided(Policies("h", str(file), directory=False), "lena") == (False, ())
    file.unlink()
    with pytest.raises(Undecided, match="there are no policies"):
        decided(Policies("h", str(file), directory=False), "lena")


def test_without_a_configuration_the_defaults_hold(file):
    assert held(file, entry("p", "alice")).decide("alice", frozenset()).settings == DEFAULTS
