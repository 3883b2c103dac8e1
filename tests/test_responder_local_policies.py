"""Local policies: what may stand in the file, and what an administrator is told of one that may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipa_plugin.policy import Action, Audit, Capture, Members, OnFailure, Overrides
from sssd_responder.decisions import local_policies
from sssd_responder.decisions.local_policies import LocalPolicyError, parse, read_local

FULL = """
[defaults]
capture = ["output"]
on_failure = "allow"

[[policy]]
name = "contractors"
order = 100
users = ["Bob"]
groups = ["contractors"]
hosts = ["web.lab.test"]
hostgroups = ["production"]
audit = ["network"]
audit_changes = ["/etc"]
notice = "This session is recorded."

[[policy]]
name = "not admins"
action = "exempt"
enabled = false
everyone = true
"""


def policies(text):
    return parse(text.encode(), "p.toml").policies


def refusal(text):
    with pytest.raises(LocalPolicyError) as caught:
        parse(text.encode() if isinstance(text, str) else text, "p.toml")
    return str(caught.value)


def told(data):
    """What is wrong with a file, None if nothing is."""
    try:
        parse(data, "p.toml")
    except LocalPolicyError as error:
        return str(error)
    return None


def test_a_policy_says_all_that_one_in_freeipa_can_say():
    contractors, admins = policies(FULL)
    assert contractors.users == Members(False, frozenset({"bob"}), frozenset({"contractors"}))
    assert contractors.hosts == Members(False, frozenset({"web.lab.test"}), frozenset({"production"}))
    assert contractors.order == 100
    assert contractors.overrides == Overrides(
        frozenset({Capture.OUTPUT}),
        Audit(network=True, changes=frozenset({"/etc"})),
        "This session is recorded.",
        OnFailure.ALLOW,
    )
    assert (admins.action, admins.enabled, admins.users.everyone) == (Action.EXEMPT, False, True)
    assert admins.hosts.everyone
    assert admins.overrides == Overrides()


def test_the_defaults_of_the_file_leave_the_rest_to_the_configuration():
    [policy] = policies('[defaults]\nnotice = "x"\n[[policy]]\nname = "a"\neveryone = true\ncapture = ["none"]\n')
    assert policy.overrides == Overrides(capture=frozenset(), notice="x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[policy]]\nname = ", "p.toml:2: not TOML: Invalid value; correct this line"),
        (b"# \xff", "p.toml:1: not UTF-8; save the file as UTF-8"),
        ("[policy]\nname = 'a'", "p.toml:1: policy: is not a list of tables; write [[policy]]"),
        ("\n[policies]", "p.toml:2: policies: unknown; write [defaults] or [[policy]]"),
        ("[[policy]]\n\nusers = ['a']", 'p.toml:1: policy 1: name: is missing; write name = "..."'),
        (
            "[[policy]]\nname = 'a'\nusers = ['u']\n[[policy]]\nname = 'b'\ngroups = 'x'\n",
            'p.toml:6: policy "b": groups: is not a list of texts; write ["...", "..."]',
        ),
        (
            "[[policy]]\nname = 'a'\n",
            'p.toml:1: policy "a": users: names nobody; write users, groups or everyone = true',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\nusers = ['b']",
            'p.toml:3: policy "a": everyone: is true, and users are named; remove one',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\n[[policy]]\nname = 'A'\neveryone = true",
            'p.toml:4: name: "A" is there twice; give each policy its own',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\ncapture = ['screen']",
            'p.toml:4: policy "a": capture: "screen" is not one of output, input, resize, command-bytes, none',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\naudit_changes = ['etc']",
            'p.toml:4: policy "a": audit_changes: "etc" must be absolute, as /etc',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\naction = 'exempt'\nnotice = 'x'",
            'p.toml:5: policy "a": notice: an exempt policy records nothing: remove it, or set action = "record"',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\norder = true",
            'p.toml:4: policy "a": order: is not a whole number',
        ),
        (
            "[[policy]]\nname = 'a'\neveryone = true\norder = -1",
            'p.toml:4: policy "a": order: must be a whole number from 0 to 1000000',
        ),
        (
            "[defaults]\nname = 'a'",
            "p.toml:2: defaults: name: unknown; write one of "
            "capture, audit, audit_changes, audit_reads, notice, on_failure",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(text, message):
    assert refusal(text) == message


def test_a_file_that_others_may_write_is_no_policy(tmp_path):
    path = tmp_path / "policies.toml"
    path.write_text(FULL)
    path.chmod(0o664)
    with pytest.raises(LocalPolicyError, match="others than root may write it"):
        read_local(str(path))
    path.chmod(0o644)
    assert len(read_local(str(path)).policies) == 2


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: ("[[policy]]\n" + text).encode()))
def test_prop_any_bytes_are_policies_or_one_line_that_says_why_not(data):
    said = told(data)
    assert said is None or said.startswith("p.toml:")
    assert said is None or said.isprintable()


VALUES = st.sampled_from(["true", "1", '"x"', '["x"]', '["none"]', '["/a"]', "[1]", "{a = 1}", "1979-05-27", "1.5"])
KEYS = st.sampled_from(sorted(local_policies.KEYS))


@given(st.dictionaries(KEYS, VALUES))
def test_prop_values_of_any_kind_are_told_by_their_line(table):
    text = "[[policy]]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
    said = told(text.encode())
    if said is not None:
        line = int(said.split(":")[1])
        keys = ["", *table]
        assert line == 1 or f": {keys[line - 1]}: " in said
