"""The modules against FreeIPA: what a task changes, that it changes it once, what it says beforehand, and what it is
refused for."""

import re
from pathlib import Path

import pytest
import yaml

from integration.machine import PASSWORD
from integration.rollout.ansible_tasks import play, results, task

PAGE = Path(__file__).parents[2] / "docs/ansible.md"

NAMES = ["k-first", "k-second"]
pytestmark = pytest.mark.timeout(900)

LOGIN = {"ipaadmin_password": PASSWORD}


def policy(**options):
    return task("recordingpolicy", **LOGIN, **options)


@pytest.fixture
def no_policies_left(server):
    yield
    server.ipa("recordingpolicy-del", "--continue", *NAMES, check=False)


STEPS = [
    (
        {
            "description": "Whom we watch",
            "group": ["contractors", "k-group"],
            "hostcategory": "all",
            "capture": ["resize", "output"],
            "audit": "exec",
            "audit_changes": ["/srv", "/etc"],
            "notice": "Größe: ☃",
            "on_failure": "allow",
            "order": 7,
        },
        {"order": 7, "group": ["contractors", "k-group"], "notice": "Größe: ☃", "enabled": True},
    ),
    ({"user": ["Bob", "alice"], "action": "member"}, {"user": ["alice", "bob"], "group": ["contractors", "k-group"]}),
    (
        {"user": ["alice"], "group": "k-group", "action": "member", "state": "absent"},
        {"user": ["bob"], "group": ["contractors"]},
    ),
    ({"user": ["alice"]}, {"user": ["alice"], "group": ["contractors"]}),
    (
        {"hostcategory": "", "host": ["client", "other.lab.test."], "hostgroup": "web"},
        {"host": ["client.lab.test", "other.lab.test"], "hostgroup": ["web"], "hostcategory": None},
    ),
    ({"user": [], "group": [], "usercategory": "all"}, {"usercategory": "all", "user": None, "group": None}),
    (
        {
            "capture": [],
            "audit": [],
            "audit_changes": [],
            "notice": "",
            "on_failure": "",
            "description": "",
            "recordingaction": "exempt",
        },
        {"recordingaction": "exempt", "capture": None, "notice": None, "description": None, "order": 7},
    ),
    ({"state": "disabled"}, {"enabled": False}),
    ({"state": "enabled"}, {"enabled": True}),
    ({"state": "renamed", "rename": NAMES[1]}, {"name": NAMES[1]}),
    ({"name": NAMES, "state": "absent"}, None),
]


@pytest.mark.usefixtures("no_policies_left")
def test_each_step_in_the_life_of_a_policy_is_foretold_done_once_and_told(server):
    """Check mode, the task, and the task again."""
    server.ipa("group-add", "k-group", check=False)
    tasks = [policy(**{"name": NAMES[0], **said}, check=check) for said, _ in STEPS for check in (True, False, False)]
    found = results("client", *tasks)
    server.ipa("group-del", "k-group")
    for (said, expected), foretold, done, again in zip(STEPS, found[0::3], found[1::3], found[2::3], strict=True):
        assert not any(result["failed"] for result in (foretold, done, again)), (said, done)
        assert (foretold["changed"], done["changed"], again["changed"]) == (True, True, False), said
        assert foretold["diff"] == done["diff"] != []
        assert again["diff"] == []
        assert foretold["policies"] == done["policies"] == again["policies"]
        told = done["policies"][0] if expected else {}
        assert {option: told.get(option) for option in expected or {}} == (expected or {})
        assert [diff["after"] or None for diff in done["diff"]] == [told or None]


@pytest.mark.usefixtures("no_policies_left")
def test_freeipa_shows_the_policy_that_a_task_has_made(server):
    [done] = results("server", policy(name=NAMES[0], group="contractors", hostcategory="all", audit_reads="/srv"))
    assert done["changed"]
    shown = [line.strip() for line in server.ipa("recordingpolicy-show", NAMES[0]).stdout.splitlines()]
    assert shown == [
        f"Policy name: {NAMES[0]}",
        "Enabled: True",
        "Action: record",
        "Order: 0",
        "Host category: all",
        "User Groups: contractors",
        "Audit reads under: /srv",
    ]


@pytest.mark.usefixtures("no_policies_left")
def test_what_a_policy_means_is_asked_by_a_task(server):
    server.ipa("recordingpolicy-add", NAMES[0], "--hostcat=all", "--notice=Hello", "--audit-changes=/etc")
    server.ipa("recordingpolicy-add-user", NAMES[0], "--groups=externals")
    question = {**LOGIN, "user": "bob", "host": "client"}
    bob, alice, disabled = results(
        "client",
        task("recordingpolicy_test", **question, check=True),
        task("recordingpolicy_test", **{**question, "user": "alice"}),
        task("recordingpolicy_test", **{**question, "policies": NAMES[0], "host": "other.lab.test"}),
    )
    assert {name: bob[name] for name in ("changed", "recorded", "decided", "capture", "audit", "notice")} == {
        "changed": False,
        "recorded": True,
        "decided": [NAMES[0]],
        "capture": ["output", "resize"],
        "audit": ["changes under /etc"],
        "notice": "Hello",
    }
    assert (alice["recorded"], alice["matched"], alice["notmatched"]) == (False, [], [NAMES[0]])
    assert disabled["recorded"]


def test_the_configuration_is_changed_once_and_back(server):
    before = server.ipa("recordingconfig-show").stdout
    changes = {
        "heartbeat": 60,
        "audit": ["exec", "network"],
        "notice": "Hello",
        "player_url": "https://auditor.lab.test",
    }
    back = {"heartbeat": 300, "audit": "exec", "notice": "", "player_url": ""}
    shown, *found = results(
        "client",
        task("recordingconfig", **LOGIN),
        *(
            task("recordingconfig", **LOGIN, **said, check=check)
            for said in (changes, back)
            for check in (True, False, False)
        ),
    )
    assert not shown["changed"]
    assert shown["config"]["heartbeat"] == 300
    assert [result["changed"] for result in found] == [True, True, False, True, True, False]
    assert found[0]["diff"] == found[1]["diff"]
    assert found[1]["config"] == {**shown["config"], **changes}
    assert found[4]["config"] == shown["config"]
    assert server.ipa("recordingconfig-show").stdout == before


REFUSED = [
    ({"audit_changes": "etc"}, 'audit_changes: "etc": must be absolute, as /etc'),
    ({"notice": "\x1b[2J"}, "notice: must have printable characters only"),
    ({"notice": "n" * 1001}, "notice: must have at most 1000 characters"),
    ({"capture": ["none", "input"]}, "capture: none stands alone"),
    ({"capture": "sound"}, "value of capture must be one or more of: output, input, resize, command-bytes, none"),
    ({"order": 1000001}, "order: must be a whole number from 0 to 1000000"),
    ({"recordingaction": "exempt"}, "recordingaction: an exempt policy records nothing: clear capture"),
    ({"usercategory": "all"}, "usercategory: all stands for every user: clear it, or user"),
    ({"user": "nobody-here"}, "nobody-here: user not found"),
    ({"group": ["contractors", "nobody-here"]}, "nobody-here: group not found"),
    ({"host": "nowhere"}, "nowhere.lab.test: host not found"),
    ({"hostgroup": "nowhere"}, "nowhere: host group not found"),
    ({"name": NAMES}, "name: only one policy at a time with state present"),
    ({"name": []}, "name: must name a policy"),
    ({"name": " x"}, "name: must not be empty, nor begin or end with a space"),
    ({"name": NAMES[1], "state": "enabled"}, f"no recordingpolicy {NAMES[1]}"),
    ({"name": NAMES[1], "action": "member", "user": "bob"}, f"no recordingpolicy {NAMES[1]}"),
    ({"action": "member"}, "action: member needs one of user, group, host, hostgroup"),
    ({"action": "member", "user": "bob", "notice": "x"}, "notice: not used with action member and state present"),
    ({"action": "member", "user": "bob", "state": "enabled"}, "action: member goes with state present or absent"),
    ({"state": "absent", "user": "bob"}, "user: not used with action policy and state absent"),
    ({"state": "renamed"}, "state is renamed but all of the following are missing: rename"),
    ({"state": "renamed", "rename": "k-taken"}, "rename: there is a recordingpolicy k-taken already"),
    ({"ipaadmin_keytab": "/etc/krb5.keytab"}, "mutually exclusive: ipaadmin_password|ipaadmin_keytab"),
]


@pytest.fixture(scope="module")
def refused(server):
    """What tasks of REFUSED come to in check mode, what some of them come to without it, and whether that changed a
    policy."""
    server.ipa("recordingpolicy-add", NAMES[0], "--capture=output")
    server.ipa("recordingpolicy-add-user", NAMES[0], "--users=alice")
    server.ipa("recordingpolicy-add", "k-taken")
    try:
        before = server.ipa("recordingpolicy-find").stdout
        tasks = [policy(**{"name": NAMES[0], **said}, check=True) for said, _ in REFUSED]
        done = [policy(**{"name": NAMES[0], **said}) for said, _ in REFUSED[:1] + REFUSED[9:10]]
        found = results("client", *tasks, *done)
        return found[: len(REFUSED)], found[len(REFUSED) :], before == server.ipa("recordingpolicy-find").stdout
    finally:
        server.ipa("recordingpolicy-del", "--continue", "k-taken", NAMES[0])


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[message for _, message in REFUSED])
def test_what_is_wrong_with_a_task_is_told_in_one_line_and_in_check_mode_too(refused, number):
    result = refused[0][number]
    assert result["failed"]
    assert REFUSED[number][1] in result["msg"]
    assert result["msg"].count("\n") == 0
    assert "Traceback" not in str(result)


def test_a_task_that_is_refused_has_changed_nothing(refused):
    assert [result["failed"] for result in refused[1]] == [True, True]
    assert refused[2]


CACHE = {"KRB5CCNAME": "/root/lab/rita.ccache"}
LOGINS = [
    # What the task says, its environment, and the message or "".
    ({}, CACHE, ""),
    ({"ipaadmin_principal": "rita"}, CACHE, ""),
    ({"ipaadmin_principal": "rita", "ipaadmin_password": PASSWORD}, {}, ""),
    ({"ipaadmin_principal": "rita", "ipaadmin_password": PASSWORD}, {"KRB5CCNAME": "/nowhere"}, ""),
    ({"ipaadmin_principal": "rita", "ipaadmin_keytab": "/root/rita.keytab"}, {}, ""),
    ({"ipaadmin_principal": "rita"}, {"KRB5_CLIENT_KTNAME": "/root/rita.keytab"}, ""),
    ({}, {"KRB5CCNAME": "/nowhere"}, "no valid Kerberos ticket: give ipaadmin_password or ipaadmin_keytab"),
    ({"ipaadmin_principal": "otto"}, CACHE, "the Kerberos ticket is that of rita@LAB.TEST"),
    ({"ipaadmin_password": "wrong"}, {}, "admin cannot sign in: "),
    ({"ipaadmin_principal": "nobody-here", "ipaadmin_password": "wrong"}, {}, "nobody-here cannot sign in: "),
    ({"ipaadmin_keytab": "/nowhere"}, {}, "admin cannot sign in: "),
]


@pytest.fixture(scope="module")
def logins(client, server):
    """What tasks of LOGINS come to."""
    client.run("true", principal="rita")
    ask = "addent -password -p rita -k 1 -e aes256-cts -f"
    client.run("ktutil", input=f"{ask}\n{PASSWORD}\nwrite_kt /root/rita.keytab\n")
    before = client.run("sh", "-c", "ls -d /tmp/session-recording-* 2>/dev/null; true").stdout
    tasks = [
        task("recordingpolicy", name=NAMES[0], **said, environment=environment, check=True)
        for said, environment, _ in LOGINS
    ]
    found = results("client", *tasks)
    left = client.run("sh", "-c", "ls -d /tmp/session-recording-* 2>/dev/null; true").stdout
    return found, (before, left)


@pytest.mark.parametrize("number", range(len(LOGINS)), ids=[str(said) for said, _, _ in LOGINS])
def test_a_task_signs_in_by_password_keytab_or_ticket_or_says_what_is_missing(logins, number):
    result, message = logins[0][number], LOGINS[number][2]
    assert result["failed"] == bool(message), result
    assert message in result.get("msg", "")
    assert result.get("msg", "").count("\n") == 0
    assert PASSWORD not in str(result)


def test_no_ticket_is_left(logins):
    assert logins[1] == ("", "")


@pytest.mark.usefixtures("no_policies_left")
def test_who_may_not_see_policies_is_told_so_and_not_that_there_is_none(client, server):
    server.ipa("recordingpolicy-add", NAMES[0])
    client.run("true", principal="alice")
    client.run("true", principal="otto")
    alice, otto = ({"KRB5CCNAME": f"/root/lab/{name}.ccache"} for name in ("alice", "otto"))
    gone, read, changed, tested, configured = results(
        "client",
        task("recordingpolicy", name=NAMES[0], state="absent", environment=alice),
        task("recordingpolicy", name=NAMES[0], environment=otto),
        task("recordingpolicy", name=NAMES[0], notice="Hello", environment=otto),
        task("recordingpolicy_test", user="bob", host="client", environment=alice),
        task("recordingconfig", heartbeat=60, environment=otto),
    )
    assert gone["msg"].startswith("alice@LAB.TEST may not see policies of session recording")
    assert not read["failed"]
    assert not read["changed"]
    for result in (changed, tested, configured):
        assert result["failed"]
        assert "Insufficient access" in result["msg"]
        assert "\n" not in result["msg"]


def test_a_server_that_does_not_answer_is_told_in_one_line(client, server):
    client.run("true", principal="rita")
    server.run("systemctl", "stop", "apache2")
    try:
        [done] = results("client", task("recordingconfig", environment=CACHE))
    finally:
        server.run("systemctl", "start", "apache2")
    assert done["failed"]
    assert done["msg"].startswith("FreeIPA cannot be asked: ")
    assert "\n" not in done["msg"]


def test_the_tasks_of_the_page_do_what_it_says(client, server, tmp_path):
    section = PAGE.read_text().partition("\n## Modules\n")[2].partition("\n## ")[0]
    [(shown,)] = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", section, re.M | re.S)]
    login = {"vars": {"ipaadmin_password": PASSWORD}, "module_defaults": shown["module_defaults"]}
    try:
        first, second = (play("client", shown["tasks"], str(tmp_path), **login) for _ in range(2))
    finally:
        server.ipa("recordingpolicy-del", "--continue", "contractors", "web", check=False)
        server.ipa("recordingconfig-mod", "--notice=", check=False)
    assert re.search(r"ok=6 +changed=4 +unreachable=0 +failed=0", first.stdout), first.stdout
    assert re.search(r"ok=6 +changed=0 +unreachable=0 +failed=0", second.stdout), second.stdout
