"""The commands on policies as an administrator types them, on an enrolled client that knows of ours only what the
server tells it."""

import re
import shlex
from collections.abc import Iterator

import pytest

from integration.machine import Machine

OTHERS = ("contractors", "payment", "alice", "externals")
"""The policies that the examples of the help make."""


@pytest.fixture
def no_policies_left(client) -> Iterator[None]:
    yield
    remove(client)


def remove(client: Machine) -> None:
    names = [f"cli-{name}" for name in ("first", "second", "third")]
    client.ipa("recordingpolicy-del", "--continue", *names, *OTHERS, check=False)


def lines(client: Machine, *argv: str) -> list[str]:
    """What a command prints, without the lines that frame a summary."""
    said = client.ipa(*argv).stdout.splitlines()
    return [line.strip() for line in said if line.strip("- ")]


def test_the_client_has_no_code_of_ours(client):
    found = client.run("find", "/usr/lib/python3", "-iname", "*recording*", "-o", "-name", "ipa_plugin").stdout
    assert found == ""


def test_the_help_lists_both_topics(client):
    topics = client.ipa("help", "topics").stdout
    assert re.search(r"^recordingpolicy +Session recording policies$", topics, re.M)
    assert re.search(r"^recordingconfig +Session recording configuration$", topics, re.M)


def test_the_help_of_policies_explains_shows_examples_and_lists_all_commands(client):
    told = client.ipa("help", "recordingpolicy").stdout
    assert "those of the highest order\ndecide" in told
    assert "EXAMPLES:" in told
    for verb in (
        "add",
        "del",
        "mod",
        "find",
        "show",
        "enable",
        "disable",
        "add-user",
        "remove-user",
        "add-host",
        "test",
    ):
        assert re.search(rf"^  recordingpolicy-{verb} +[A-Z]", told, re.M), verb


def test_the_help_of_a_command_explains_each_option(client):
    told = client.ipa("recordingpolicy-add", "--help").stdout
    for option in ("action", "order", "capture", "audit", "audit-changes", "audit-reads", "notice", "on-failure"):
        assert re.search(rf"^  --{option}=[^\n]+?\s\s+[A-Z]", told, re.M), option
    assert "['record', 'exempt']" in told


@pytest.mark.usefixtures("no_policies_left")
@pytest.mark.parametrize("topic", ["recordingpolicy", "recordingconfig"])
def test_the_examples_of_the_help_work(client, topic):
    """As they stand, but for the names of hosts, which are the lab's."""
    before = client.ipa("recordingconfig-show").stdout
    text = client.ipa("help", topic).stdout.partition("EXAMPLES:")[2].partition("Topic commands:")[0]
    text = (
        text.replace("\\\n", " ").replace("web.example.com", "client").replace("hostgroups=payment", "hostgroups=web")
    )
    examples = [shlex.split(line)[1:] for line in text.splitlines() if line.strip().startswith("ipa ")]
    assert len(examples) > 4
    try:
        for example in examples:
            client.ipa(*example)
    finally:
        client.ipa(
            "recordingconfig-mod", "--audit=exec", "--notice=", "--heartbeat=300", "--player-url=", check=False
        )
    assert client.ipa("recordingconfig-show").stdout == before


@pytest.mark.usefixtures("no_policies_left")
def test_a_policy_is_added_shown_changed_found_and_removed(client):
    assert lines(
        client,
        "recordingpolicy-add",
        "cli-first",
        "--desc=A description",
        "--capture=output",
        "--capture=input",
        "--audit-changes=/etc",
        "--notice=Größe: ☃",
        "--usercat=all",
    ) == [
        'Added session recording policy "cli-first"',
        "Policy name: cli-first",
        "Description: A description",
        "Enabled: True",
        "Action: record",
        "Order: 0",
        "User category: all",
        "Capture: output, input",
        "Audit changes under: /etc",
        "Notice: Größe: ☃",
    ]
    assert lines(client, "recordingpolicy-add-host", "cli-first", "--hostgroups=web")[-2:] == [
        "Notice: Größe: ☃",
        "Number of members added 1",
    ]
    assert lines(client, "recordingpolicy-mod", "cli-first", "--order=5", "--capture=", "--notice=", "--desc=")[
        1:
    ] == [
        "Policy name: cli-first",
        "Enabled: True",
        "Action: record",
        "Order: 5",
        "User category: all",
        "Host Groups: web",
        "Audit changes under: /etc",
    ]
    for option in ("--order=5", "--audit-changes=/etc", "--hostgroups=web", "--usercat=all"):
        assert "Policy name: cli-first" in lines(client, "recordingpolicy-find", option)
    assert lines(client, "recordingpolicy-disable", "cli-first") == ['Disabled session recording policy "cli-first"']
    assert "Enabled: False" in lines(client, "recordingpolicy-show", "cli-first")
    assert lines(client, "recordingpolicy-del", "cli-first") == ['Deleted session recording policy "cli-first"']
    assert client.ipa("recordingpolicy-show", "cli-first", check=False).returncode == 2


@pytest.mark.usefixtures("no_policies_left")
def test_the_test_command_prints_what_follows_for_members_of_nested_groups(client):
    client.ipa("recordingpolicy-add", "cli-first", "--audit=exec", "--audit-reads=/srv", "--notice=One line")
    client.ipa("recordingpolicy-add-user", "cli-first", "--groups=externals")
    client.ipa("recordingpolicy-add-host", "cli-first", "--hostgroups=production")
    client.ipa("recordingpolicy-add", "cli-second", "--action=exempt", "--usercat=all", "--order=9")
    assert lines(client, "recordingpolicy-test", "--user=bob", "--host=client") == [
        "Recorded: True",
        "Decided by: cli-first",
        "Matched: cli-first",
        "Not matched: cli-second",
        "Capture: output, resize",
        "Audit: exec, reads under /srv",
        "Notice: One line",
        "On failure: deny",
    ]
    assert lines(client, "recordingpolicy-test", "--user=alice", "--host=client") == [
        "Recorded: False",
        "Not matched: cli-first, cli-second",
    ]
    assert lines(client, "recordingpolicy-test", "--user=bob", "--host=other", "--nodetail") == ["Recorded: False"]


REFUSALS = [
    ("recordingpolicy-add cli-second --audit-changes=etc", 1, "invalid 'audit_changes': must be absolute, as /etc"),
    ("recordingpolicy-add cli-second --audit-reads=/srv/", 1, "invalid 'audit_reads': must be written without"),
    ("recordingpolicy-add cli-second --audit=files", 1, "invalid 'audit': must be one of 'exec', 'network', 'none'"),
    ("recordingpolicy-add cli-second --capture=none --capture=input", 1, "invalid 'capture': \"none\" stands alone"),
    ("recordingpolicy-add cli-second --order=many", 1, "invalid 'order': must be an integer"),
    ("recordingpolicy-add cli-second --on-failure=maybe", 1, "invalid 'on_failure': must be one of 'deny', 'allow'"),
    (
        f"recordingpolicy-add cli-second --notice={'n' * 1001}",
        1,
        "invalid 'notice': must have at most 1000 characters",
    ),
    ("recordingpolicy-add cli-second '--notice=\x1b[2J'", 1, "invalid 'notice': must have printable characters only"),
    ("recordingpolicy-add cli-second --action=exempt --capture=none", 1, "invalid 'action': an exempt policy"),
    ("recordingpolicy-add cli-first", 1, 'session recording policy with name "cli-first" already exists'),
    (
        "recordingpolicy-mod cli-first --action=exempt",
        1,
        "an exempt policy records nothing: clear --capture, --notice",
    ),
    ("recordingpolicy-mod cli-first --usercat=all", 1, "user category cannot be set to 'all' while there are users"),
    (
        "recordingpolicy-add-host cli-first --hosts=client.lab.test",
        1,
        "hosts cannot be added when host category='all'",
    ),
    ("recordingpolicy-enable cli-first", 1, "This entry is already enabled"),
    ("recordingpolicy-mod cli-third --order=1", 2, "cli-third: session recording policy not found"),
    ("recordingpolicy-test --user=nobody-here --host=client", 2, "nobody-here: user not found"),
    ("recordingpolicy-test --user=bob --host=nowhere", 2, "nowhere.lab.test: host not found"),
    (
        "recordingpolicy-test --user=bob --host=client --policies=cli-third",
        2,
        "cli-third: session recording policy not",
    ),
    ("recordingpolicy-test --user=bob", 1, "'host' is required"),
    ("recordingconfig-mod --heartbeat=5", 1, "invalid 'heartbeat': must be at least 30"),
]


@pytest.fixture(scope="module")
def refusals(client) -> dict[str, object]:
    """What each of the commands comes to, beside a policy that is in their way."""
    client.ipa("recordingpolicy-add", "cli-first", "--hostcat=all", "--capture=output", "--notice=Line")
    client.ipa("recordingpolicy-add-user", "cli-first", "--users=alice")
    try:
        return {command: client.ipa(*shlex.split(command), check=False) for command, _, _ in REFUSALS}
    finally:
        remove(client)


@pytest.mark.parametrize(("command", "status", "message"), REFUSALS, ids=[message for _, _, message in REFUSALS])
def test_what_is_wrong_is_told_in_one_line_and_by_the_status(refusals, command, status, message):
    done = refusals[command]
    assert done.returncode == status, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("ipa: ERROR: ")
    assert message in done.stderr


def test_who_has_no_role_is_told_so_and_not_that_nobody_is_recorded(client):
    done = client.ipa("recordingpolicy-test", "--user=bob", "--host=client", principal="alice", check=False)
    assert done.returncode == 1
    assert done.stderr == "ipa: ERROR: Insufficient access: you may not read all that decides who is recorded\n"


@pytest.mark.usefixtures("no_policies_left")
def test_members_that_cannot_be_added_are_named_and_the_status_tells(client):
    client.ipa("recordingpolicy-add", "cli-first")
    done = client.ipa("recordingpolicy-add-user", "cli-first", "--users=nobody-here", check=False)
    assert done.returncode == 1
    assert "member user: nobody-here: no such entry" in done.stdout
    assert "Number of members added 0" in done.stdout
