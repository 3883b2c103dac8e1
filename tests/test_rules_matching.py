"""What rules see in a session, in whose, when, and how often."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rules.document import parse
from auditor.rules.groups import Groups
from auditor.rules.matcher import RuleSet
from auditor.transcript import Seen

MONDAY = 1_795_435_200.0
"""2026-11-23 12:00 UTC."""


def rules(when, more="quiet = 0", **options):
    text = f'[[rule]]\nname = "r"\ndescription = "d"\nseverity = 1\nwhen = [{when}]\n{more}\n'
    text += "match = [{ printed = 'x' }]\nno_match = [{ printed = 'x' }]\n"
    document = parse(text.encode(), "r.toml")
    assert document.mistakes == ()
    return RuleSet(document.rules, **options)


def watch(when, more="quiet = 0", *, user="alice", host="web1.example.test", start=MONDAY, **options):
    return rules(when, more, **options).watch(user, host, start)


def sees(when, action, **fields):
    return bool(watch(when).event(action, 0, {"event": {"action": action}, **fields}))


def command(watching, text, at=0):
    return [
        (alert.rule.name, alert.at, alert.kind, alert.matched) for alert in watching.line(Seen("command", at, text))
    ]


def test_an_alert_says_what_was_seen_and_when():
    assert command(watch("{ command = 'rm -rf' }"), "rm -rf /", 42) == [("r", 42, "command", "rm -rf /")]
    assert command(watch("{ printed = 'rm -rf' }"), "rm -rf /") == []


def test_an_alert_for_an_event_has_the_line_that_describes_it():
    fields = {"event": {"action": "file-delete"}, "file": {"path": "/var/log/auth.log"}}
    (alert,) = watch("{ file.path = '/var/log/*' }").event("file-delete", 7, fields)
    assert (alert.kind, alert.at, alert.matched) == ("file-delete", 7, "delete /var/log/auth.log")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{ process.executable = '/usr/bin/ssh' }", True),
        ("{ process.executable = 'ssh' }", False),
        ("{ process.executable = '*/ssh' }", True),
        ("{ process.executable = '*/s?h' }", True),
        ("{ process.executable = { regex = 's+h$' } }", True),
        ("{ process.args = 'root@db1' }", True),
        ("{ process.args = 'root' }", False),
        ("{ process.args = ['x', '-p'] }", True),
        ("{ process.command_line = { regex = '^ssh -p 22 .*@db1$' } }", True),
        ("{ process.user.id = '1000' }", True),
        ("{ process.pid = 4712 }", True),
        ("{ process.pid = '1-4711' }", False),
        ("{ destination.port = [22, '8000-8999'] }", True),
        ("{ destination.ip = '192.0.2.0/24' }", True),
        ("{ destination.ip = '2001:db8::/32' }", False),
        ("{ destination.ip = '192.0.*' }", True),
        ("{ destination.domain = '*.example.test' }", True),
        ("{ url.full = 'https://example.test/*' }", True),
        ("{ event.action = 'exec' }", True),
        ("{ event.action = ['file-*', 'e?ec'] }", True),
        ("{ event.action = 'connect', process.executable = '*' }", False),
        ("{ event.action = 'exec', not.process.args = '-p' }", False),
        ("{ event.action = 'exec', not.process.args = '-q' }", True),
        ("{ file.path = '*' }", False),
        ("{ event.action = 'bind' }, { process.name = 'ssh' }", True),
    ],
)
def test_conditions_ask_for_fields_of_events(when, expected):
    fields = {
        "process": {
            "pid": 4712,
            "executable": "/usr/bin/ssh",
            "name": "ssh",
            "args": ["ssh", "-p", "22", "root@db1"],
            "user": {"id": "1000"},
        },
        "destination": {"ip": "192.0.2.7", "port": 8443},
        "sessrec": {"hosts": ["db1.example.test"], "urls": ["https://example.test/x"]},
    }
    assert sees(when, "exec", **fields) is expected


def test_what_is_no_text_where_a_text_should_be_matches_nothing_and_breaks_nothing():
    for wrong in (None, 3.5, True, {"a": 1}, [[]], [None, {}], [], "\ud800"):
        sees("{ process.args = 'x', process.user.name = '*' }", "exec", process={"args": wrong, "user": wrong})
        sees(
            "{ destination.port = 22 }, { destination.ip = '10.0.0.0/8' }",
            "x",
            destination={"port": wrong, "ip": wrong},
        )
    assert not sees("{ process.exit_code = 1 }", "exit", process={"exit_code": True})
    assert not sees("{ process.pid = 1 }", "exec", process="x")


def test_a_network_has_addresses_of_version_4_however_they_are_written():
    assert sees("{ destination.ip = '10.0.0.0/8' }", "connect", destination={"ip": "::ffff:10.1.2.3"})
    assert not sees("{ destination.ip = '10.0.0.0/8' }", "connect", destination={"ip": "not an address"})


def test_users_and_hosts_are_patterns_whose_case_does_not_matter():
    scope = 'quiet = 0\nusers = ["al*", "root"]\nnot_users = ["alfred"]\nhosts = ["web?.example.test"]\n'
    for user, host, expected in (
        ("alice", "web1.example.test", 1),
        ("Alice", "WEB1.example.test", 1),
        ("alfred", "web1.example.test", 0),
        ("bob", "web1.example.test", 0),
        ("alice", "db1.example.test", 0),
    ):
        assert len(command(watch("{ command = 'x' }", scope, user=user, host=host), "x")) == expected


def test_groups_are_those_of_the_table_or_of_the_system():
    groups = Groups({"dba": frozenset({"alice"})})
    for user, scope, expected in (
        ("alice", '["dba"]', 1),
        ("alice", '["root"]', 0),
        ("root", '["root"]', 1),
        ("root", '["dba"]', 0),
    ):
        watching = watch("{ command = 'x' }", f"quiet = 0\ngroups = {scope}", user=user, groups=groups)
        assert len(command(watching, "x")) == expected, (user, scope)


def test_an_alert_about_a_user_whose_groups_nobody_knows_is_raised_and_says_so():
    watching = watch("{ command = 'x' }", 'groups = ["dba"]', user="nobody-knows-him", groups=Groups({}))
    (alert,) = watching.line(Seen("command", 0, "x"))
    assert not alert.certain
    assert alert.fields()["sessrec"]["certain"] is False


@pytest.mark.parametrize(
    ("times", "hour", "expected"),
    [
        ("times = [{ days = 'mon' }]", 0, 1),
        ("times = [{ days = 'tue-sun' }]", 0, 0),
        ("not_times = [{ days = 'mon-fri', hours = '08:00-18:00', zone = 'UTC' }]", 0, 0),
        ("not_times = [{ days = 'mon-fri', hours = '08:00-18:00', zone = 'UTC' }]", 6, 1),
        ("times = [{ hours = '12:00-12:01', zone = 'UTC' }]", 0, 1),
        ("times = [{ hours = '11:00-12:00', zone = 'UTC' }]", 0, 0),
        ("times = [{ hours = '13:00-13:30', zone = 'Europe/Berlin' }]", 0, 1),
        # The night from Monday to Tuesday, and not that from Sunday to Monday.
        ("times = [{ days = 'mon', hours = '22:00-06:00', zone = 'UTC' }]", 11, 1),
        ("times = [{ days = 'mon', hours = '22:00-06:00', zone = 'UTC' }]", 15, 1),
        ("times = [{ days = 'mon', hours = '22:00-06:00', zone = 'UTC' }]", -10, 0),
    ],
)
def test_a_rule_watches_at_its_times(times, hour, expected):
    watching = watch("{ command = 'x' }", f"quiet = 0\n{times}")
    assert len(watching.line(Seen("command", hour * 3_600_000, "x"))) == expected


def test_a_time_that_no_calendar_has_is_no_time_of_the_week():
    assert command(watch("{ command = 'x' }", "times = [{ days = 'mon-sun' }]", start=1e300), "x") == []


def test_a_rate_alerts_at_every_so_many_within_the_time():
    watching = watch("{ command = 'x' }", 'quiet = 0\nrate = { count = 3, within = "10s" }')
    at = [at for at in (0, 1000, 11_000, 12_000, 13_000, 14_000, 15_000, 16_000) if command(watching, "x", at)]
    assert at == [12_000 + 1000, 16_000]


def test_after_an_alert_a_rule_is_quiet_for_a_while():
    watching = watch("{ command = 'x' }", "quiet = 10")
    assert [at for at in range(0, 40_000, 4_000) if command(watching, "x", at)] == [0, 12_000, 24_000, 36_000]
    assert len(command(watch("{ command = 'x' }", ""), "x")) == 1


def test_one_line_alerts_once_for_each_rule():
    text = "".join(
        f'[[rule]]\nname = "{name}"\nwhen = [{{ command = ["a", "b"] }}, {{ command = "c" }}]\n'
        for name in ("one", "two")
    )
    watching = RuleSet(parse(text.encode(), "r").rules).watch("u", "h", 0)
    assert [alert.rule.name for alert in watching.line(Seen("command", 0, "abc"))] == ["one", "two"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"(x+x+)+y", "x" * 65_536),
        (r"(a|a)*$", "a" * 65_535 + "b"),
        (r"(.*)(.*)(.*)(.*)(.*)[0-9]$", "a " * 32_768),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 65_536),
        (r"(a|b)*a(a|b){100}c", "abaab" * 13_000),
    ],
)
def test_no_expression_takes_more_than_time_in_proportion_to_the_line(expression, text):
    """Python's re would take longer than the universe has for the first of them."""
    watching = watch(f"{{ printed = '{expression}' }}")
    whole, half = (_seconds(watching, part) for part in (text, text[: len(text) // 2]))
    assert whole < 5.0
    assert whole < max(half * 6, 0.05), "twice the text is to take about twice the time"


def _seconds(watching, text):
    started = time.process_time()
    watching.line(Seen("printed", 0, text))
    return time.process_time() - started


@given(st.text(), st.sampled_from(["printed", "command", "entered", "exec", "url"]))
def test_prop_any_line_can_be_watched(text, kind):
    watching = watch(r"{ printed = '\w+@' }, { command = '(?i)É' }, { entered = '.' }")
    assert len(watching.line(Seen(kind, 0, text))) <= 1


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["args", "ip", "user", "id"]), inner),
)


@given(st.dictionaries(st.sampled_from(["event", "process", "destination", "sessrec"]), _VALUES))
def test_prop_any_event_can_be_watched(fields):
    watching = watch("{ process.args = 'x*' }, { destination.ip = '10.0.0.0/8', not.process.user.id = '0' }")
    watching.event("exec", 0, fields)
    watching.event("other", 0, fields)
