"""The modules of the collection: what a task comes to, what it is refused for, and what is said of it."""

import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ipa_plugin import policy as server
from recorder.capture.session import VERSION
from tests.ansible_collection import COLLECTION, ansible, link

link()

from ansible_collections.freeipa.session_recording.plugins.module_utils import (  # noqa: E402
    policy_changes,
    rules,
    settings,
)

MODULES = ("recordingconfig", "recordingpolicy", "recordingpolicy_test")
SETTINGS = settings.POLICY

NAMES = st.lists(st.sampled_from(["alice", "bob", "carol"]), max_size=3, unique=True).map(sorted)
PATHS = st.sets(st.sampled_from(["/", "/etc", "/ü", "/a b/c"]), min_size=1, max_size=2).map(sorted)
TEXTS = st.sampled_from(["Hello", "Größe", "n" * 1000])
VALUES = {
    "description": TEXTS,
    "recordingaction": st.sampled_from(["record", "exempt"]),
    "order": st.integers(0, 1_000_000),
    "usercategory": st.just("all"),
    "hostcategory": st.just("all"),
    "capture": st.sampled_from([["input"], ["output", "resize"], ["none"]]),
    "audit": st.sampled_from([["exec"], ["exec", "network"], ["none"]]),
    "audit_changes": PATHS,
    "audit_reads": PATHS,
    "notice": TEXTS,
    "on_failure": st.sampled_from(["deny", "allow"]),
}
BAD_PATHS = [
    ["etc"],
    ["/srv/"],
    ["/a//b"],
    ["/a/../b"],
    ["/../a"],
    ["/."],
    ["/x "],
    ["/a\x1b"],
    ["/" + "n" * 4096],
    ["/", ""],
]
BAD = [
    *[("name", name) for name in ("", " x", "n" * 256, "a\nb")],
    *[("order", order) for order in (-1, 1_000_001)],
    *[("capture", words) for words in (["none", "input"], ["input", "none", "output"])],
    ("audit", ["exec", "none"]),
    *[(option, paths) for option in ("audit_changes", "audit_reads") for paths in BAD_PATHS],
    *[("notice", notice) for notice in (" Hello", "Ask ", "n" * 1001, "\x1b[2J", "a\nb")],
    ("description", " Hello"),
]
"""One of these makes a policy that FreeIPA refuses."""
GIVEN = st.fixed_dictionaries({}, optional=VALUES)
MEMBERS = st.fixed_dictionaries({}, optional=dict.fromkeys(policy_changes.MEMBERS, NAMES))
CLEARED = {option: st.just([]) if SETTINGS[option].type == "list" else st.just("") for option in SETTINGS}
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        option: values | CLEARED[option] if option not in ("recordingaction", "order") else values
        for option, values in VALUES.items()
    },
)


@st.composite
def tasks(draw):
    """A task on a policy that is there, of any state and action."""
    state = draw(st.sampled_from(["present", "absent", "enabled", "disabled", "renamed"]))
    if state == "renamed":
        return task(state=state, rename=draw(st.sampled_from(["new", "Web"])))
    if state in ("enabled", "disabled"):
        return task(state=state)
    if draw(st.booleans()):
        return task(state=state, action="member", **draw(MEMBERS))
    return task(state=state, **draw(CHANGES), **draw(MEMBERS))


@st.composite
def policies(draw):
    """A policy as it is found, or None."""
    if draw(st.integers(0, 4)) == 0:
        return None
    found = {"name": "web", "recordingaction": "record", "order": 0, **draw(GIVEN), **draw(MEMBERS)}
    return {**settings.over(found, {}), "enabled": draw(st.booleans())}


def task(**said):
    """The parameters of a task, as AnsibleModule gives them."""
    options = [*SETTINGS, *policy_changes.MEMBERS, "rename"]
    return {**dict.fromkeys(options), "state": "present", "action": "policy", **said}


def obeyed(entry, commands):
    """The entry of FreeIPA's after these commands, which it refuses where it must."""
    for method, _, arguments in commands:
        verb = method.removeprefix("recordingpolicy_")
        if verb == "del":
            return None
        if verb == "add":
            entry = {"cn": ["web"], "ipaenabledflag": [True]}
        if verb in ("add", "mod"):
            new = dict(arguments)
            if "rename" in new:
                entry["cn"] = [new.pop("rename")]
            for attribute, value in new.items():
                entry[attribute] = [str(one) for one in value] if isinstance(value, list) else [str(value)]
                if value in ("", []):
                    del entry[attribute]
        elif verb in ("enable", "disable"):
            assert entry["ipaenabledflag"] != [verb == "enable"], "FreeIPA says: already so"
            entry["ipaenabledflag"] = [verb == "enable"]
        else:
            doing, of = verb.split("_")
            for kind, names in arguments.items():
                now = set(entry.get(f"member{of}_{kind}", ()))
                assert doing != "add" or not now & set(names)
                assert doing != "remove" or now >= set(names)
                entry[f"member{of}_{kind}"] = sorted(now | set(names) if doing == "add" else now - set(names))
        for category, kinds in (("user", ("user", "group")), ("host", ("host", "hostgroup"))):
            beside = any(entry.get(f"member{category}_{kind}") for kind in kinds)
            entry["broken"] = entry.get("broken") or (beside and f"{category}category" in entry)
    return entry


def entry_of(policy):
    """What FreeIPA shows of a policy."""
    if policy is None:
        return None
    entry = {
        setting.attribute: [str(one) for one in policy[option]] if setting.type == "list" else [str(policy[option])]
        for option, setting in SETTINGS.items()
        if option in policy
    }
    for kind, of in policy_changes.MEMBERS.items():
        if policy.get(kind):
            entry[f"member{of}_{kind}"] = policy[kind]
    return {**entry, "cn": [policy["name"]], "ipaenabledflag": [policy["enabled"]]}


@given(policies(), tasks())
def test_prop_the_commands_lead_to_what_the_task_wants_and_the_same_task_again_to_none(before, said):
    try:
        after = policy_changes.wanted(said, "web", before, "example.com")
    except rules.Refused:
        assert before is None
        return
    entry = obeyed(entry_of(before), policy_changes.commands("web", before, after))
    assert (policy_changes.policy_of(entry) if entry else None) == after
    if after and said["state"] != "renamed":
        again = policy_changes.wanted(said, "web", after, "example.com")
        assert policy_changes.commands("web", after, again) == []


@given(policies().filter(bool), MEMBERS)
def test_prop_members_come_and_go_and_all_else_stays(before, members):
    before = {**before, "host": [f"{name}.x" for name in before.get("host", ())]}
    members = {**members, "host": [f"{name}.x" for name in members.get("host", ())]}
    more = policy_changes.wanted(task(action="member", **members), "web", before, "x")
    less = policy_changes.wanted(task(action="member", state="absent", **members), "web", before, "x")
    for kind in policy_changes.MEMBERS:
        now, named = set(before.get(kind, ())), set(members.get(kind, ()))
        assert set(more.get(kind, ())) == now | named
        assert set(less.get(kind, ())) == now - named
    for policy in (more, less):
        assert without_members(policy) == without_members(before)


def without_members(policy):
    return {option: value for option, value in policy.items() if option not in policy_changes.MEMBERS}


ALICE, EVERYBODY = {"user": ["alice"]}, {"usercategory": "all"}
WEB, EVERYWHERE = {"hostgroup": ["web"]}, {"hostcategory": "all"}


@pytest.mark.parametrize("users", [(ALICE, EVERYBODY), (EVERYBODY, ALICE), (ALICE, ALICE), (EVERYBODY, EVERYBODY)])
@pytest.mark.parametrize("hosts", [(WEB, EVERYWHERE), (EVERYWHERE, WEB), (WEB, WEB)])
@pytest.mark.parametrize("action", ["record", "exempt"])
def test_members_never_stand_beside_their_category_not_on_the_way_either(users, hosts, action):
    before, after = (
        {"name": "web", "enabled": True, "recordingaction": action, "order": 0, **users[when], **hosts[when]}
        for when in (0, 1)
    )
    entry = obeyed(entry_of(before), policy_changes.commands("web", before, after))
    assert not entry.get("broken")
    assert policy_changes.policy_of(entry) == after


@given(GIVEN, st.none() | st.sampled_from(BAD))
def test_prop_a_task_is_refused_exactly_where_freeipa_refuses_it(good, bad):
    policy = {"name": "web", "recordingaction": "record", **good}
    if bad:
        policy[bad[0]] = bad[1]
    lower = {attribute.lower(): attribute for attribute in server.OPTIONS}
    entry = {"cn": [policy["name"]]}
    for option, setting in SETTINGS.items():
        if option in policy:
            values = policy[option] if setting.type == "list" else [str(policy[option])]
            entry[lower.get(setting.attribute, setting.attribute)] = values
    # FreeIPA's own rule for text, which stands before ours.
    spaces = any(text != text.strip() for values in entry.values() for text in values)
    try:
        server.policy_from_entry(entry)
        refused = spaces
    except server.PolicyError:
        refused = True
    assert refused or not bad
    if refused:
        with pytest.raises(rules.Refused) as told:
            rules.check_policy(policy)
        assert str(told.value).isprintable()
    else:
        rules.check_policy(policy)


@given(
    st.integers(29, 86401),
    st.text("https:/.ab-1:", max_size=20)
    | st.sampled_from(
        ["https://a.example.com", "https://a:8443", "https://a/", "http://a", "https://A", "https://a:0"]
    ),
)
def test_prop_the_configuration_is_refused_exactly_where_freeipa_refuses_it(heartbeat, url):
    try:
        server.heartbeat_of(str(heartbeat))
        server.check_player_url(url)
    except ValueError:
        with pytest.raises(rules.Refused):
            rules.check_config({"heartbeat": heartbeat, "player_url": url})
    else:
        rules.check_config({"heartbeat": heartbeat, "player_url": url})


def test_a_task_takes_the_words_that_freeipa_takes():
    assert settings.RECORDING["capture"].choices == server.CAPTURE_WORDS
    assert settings.RECORDING["audit"].choices == server.AUDIT_WORDS
    assert settings.RECORDING["on_failure"].choices == tuple(server.OnFailure)
    assert SETTINGS["recordingaction"].choices == tuple(server.Action)
    attributes = {setting.attribute for setting in (*SETTINGS.values(), *settings.CONFIG.values())}
    assert attributes == {attribute.lower() for attribute in server.OPTIONS if attribute != "cn"}


def test_somebody_whom_a_policy_of_records_gains_is_added_before_others_are_removed():
    before = {"name": "web", "enabled": True, "recordingaction": "record", "order": 0, "user": ["alice"]}
    verbs = [command.method for command in policy_changes.commands("web", before, {**before, "user": ["bob"]})]
    assert verbs == ["recordingpolicy_add_user", "recordingpolicy_remove_user"]
    exempt = {**before, "recordingaction": "exempt"}
    verbs = [command.method for command in policy_changes.commands("web", exempt, {**exempt, "user": ["bob"]})]
    assert verbs == ["recordingpolicy_remove_user", "recordingpolicy_add_user"]


def test_hosts_get_the_domain_and_all_names_are_compared_in_lower_case():
    said = task(host=["Web", "db.example.org."], user=["Alice", "alice"], group=["Staff"])
    after = policy_changes.wanted(said, "web", None, "example.com")
    assert after["host"] == ["db.example.org", "web.example.com"]
    assert (after["user"], after["group"]) == (["alice"], ["staff"])


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (task(state="enabled"), "no recordingpolicy web"),
        (task(state="renamed", rename="x"), "no recordingpolicy web"),
        (task(action="member", user=["bob"]), "no recordingpolicy web"),
        (task(action="member", state="absent", user=["bob"]), "no recordingpolicy web"),
    ],
)
def test_a_policy_that_is_not_there_cannot_be_changed(said, message):
    with pytest.raises(rules.Refused, match=message):
        policy_changes.wanted(said, "web", None, "example.com")


def test_the_collection_has_the_version_of_the_recorder():
    assert yaml.safe_load((COLLECTION / "galaxy.yml").read_text())["version"] == VERSION


def test_all_modules_take_one_login_for_all():
    groups = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())["action_groups"]
    assert sorted(groups["freeipa"]) == sorted(path.stem for path in (COLLECTION / "plugins/modules").glob("*.py"))


@pytest.fixture(scope="module")
def documentation():
    """What ansible-doc says of the modules."""
    program, environment = ansible("ansible-doc")
    names = [f"freeipa.session_recording.{module}" for module in MODULES]
    done = subprocess.run([program, "-j", *names], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_ansible_doc_explains_each_option_and_each_value_that_is_returned(documentation, module):
    told = documentation[f"freeipa.session_recording.{module}"]
    assert told["doc"]["short_description"]
    assert all(option["description"] for option in told["doc"]["options"].values())
    assert all(value["description"] for value in told["return"].values())
    assert {"ipaadmin_principal", "ipaadmin_password", "ipaadmin_keytab"} <= set(told["doc"]["options"])


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_use_options_that_there_are(documentation, module):
    for example in yaml.safe_load(documentation[f"freeipa.session_recording.{module}"]["examples"]):
        [(name, said)] = [item for item in example.items() if "." in item[0]]
        if name.startswith("freeipa."):
            assert set(said) <= set(documentation[name]["doc"]["options"])


def test_a_machine_without_freeipa_is_told_in_one_line():
    program, environment = ansible("ansible")
    module, said = "freeipa.session_recording.recordingpolicy_test", "user=bob host=web"
    done = subprocess.run(
        [program, "localhost", "-i", "localhost,", "-c", "local", "-m", module, "-a", said],
        env={**environment, "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "has no ipalib: run the task on a machine with FreeIPA's client or server" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
