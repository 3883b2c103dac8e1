"""Files of rules: what they can say, and every mistake told with its line, its rule and what to write."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.rules.document import parse
from auditor.rules.event_fields import ACTIONS, COMMAND_LINE, FIELDS
from auditor.rules.examples import failures
from auditor.rules.rule import Order, Rate
from tests import fuzz
from tests.fuzz import fuzz_rules

DOCS = Path(__file__).parent.parent / "docs"

RULE = """
[[rule]]
name = "dumped"
description = "A database was dumped"
severity = "high"
when = [
  { command = 'mysqldump' },
  { event.action = "exec", process.name = "pg_dump*" },
]
match = [{ command = "mysqldump shop" }]
no_match = [{ command = "ls" }]
"""


def rule(text=RULE):
    document = parse(text.encode(), "r.toml")
    assert document.mistakes == ()
    (found,) = document.rules
    return found


def mistakes(text):
    data = text if isinstance(text, bytes) else text.encode()
    return [str(mistake) for mistake in parse(data, "r.toml").mistakes]


def test_a_rule_has_what_the_file_says():
    found = rule(
        RULE
        + """
users = ["a*"]
quiet = "5m"
rate = { count = 3, within = "10m" }
actions = { webhook = "https://hooks.example.test/x", run = ["/bin/true", "-q"], session = "terminate" }
"""
    )
    assert (found.name, found.severity, found.quiet, found.rate) == ("dumped", 73, 300.0, Rate(3, 600.0))
    assert found.scope.users == ("a*",)
    assert found.actions.run == ("/bin/true", "-q")
    assert found.actions.session is Order.TERMINATE
    assert found.place == "r.toml:2"


def test_a_rule_that_is_switched_off_needs_its_name_only():
    assert not rule('[[rule]]\nname = "root-shell"\nenabled = false\n').enabled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = 1", "r.toml:1: rules: unknown; write [[rule]] or [groups]"),
        ("x", "r.toml:1: not TOML: Expected '=' after a key in a key/value pair; correct this line"),
        (b"a = '\n\xff'", "r.toml:2: not UTF-8; save the file as UTF-8"),
        ("[rule]\n", "r.toml:1: rule: is not a list of tables; write [[rule]]"),
        ("\n[groups]\na = 'bob'\n", 'r.toml:3: groups: a: is not a list of users; write ["...", "..."]'),
        (RULE + RULE, 'r.toml:14: rule "dumped": name: is there twice, first at r.toml:2; give each'),
        (RULE + "sevrity = 1", 'r.toml:12: rule "dumped": sevrity: unknown; did you mean severity?'),
        (
            RULE.replace('"high"', '"hihg"'),
            'r.toml:5: rule "dumped": severity: "hihg" is no severity; write one of low,',
        ),
        (RULE.replace('name = "dumped"', 'name = "Dumped it"'), 'r.toml:3: rule "Dumped it": name: write name ='),
        (RULE.replace("pg_dump*", ""), 'when 2: process.name: "": it is empty, and would match everything; write'),
        (RULE.replace("process.name", "process.nam"), "when 2: process.nam: is no field; did you mean process.name?"),
        (RULE.replace("process.name", "process.color"), "when 2: process.color: is no field; "),
        (RULE.replace('"exec"', '"exce"'), 'when 2: event.action: "exce": is no action of an event; write one of'),
        (RULE.replace("'mysqldump'", "'(mysqldump'"), 'when 1: command: "(mysqldump": RE2 cannot read it: missing )'),
        (
            RULE.replace("'mysqldump'", "'(?!x)y'"),
            "it has no look-ahead or look-behind: write what must not match under",
        ),
        (RULE.replace("'mysqldump'", "'((a{100}){100}){100}'"), "RE2 cannot read it: invalid repetition size"),
        (RULE.replace("'mysqldump'", "'[^a]{900}'"), "it is too large ("),
        (
            RULE.replace("{ command = 'mysqldump' }", "{ command = 'x', printed = 'y' }"),
            "when 1: printed: stands beside",
        ),
        (RULE.replace("{ command = 'mysqldump' }", "{ command = 'x', file.path = 'y' }"), "file.path: stands beside"),
        (RULE.replace("{ command = 'mysqldump' }", "{ }"), "when 1: asks for nothing; write a kind of line"),
        (
            RULE.replace("{ command = 'mysqldump' }", "{ destination.port = 'ssh' }"),
            "is not a number; write a number, a",
        ),
        (
            RULE.replace("{ command = 'mysqldump' }", "{ destination.ip = '10.0.0.300' }"),
            "write an address or a network",
        ),
        (
            RULE.replace("match = [{ command", "match = [{ comand"),
            "match 1: comand: is no field; did you mean command?",
        ),
        (
            RULE.replace('no_match = [{ command = "ls" }]', ""),
            "no_match: is missing; write at least one example that",
        ),
        (
            RULE.replace('match = [{ command = "mysqldump shop" }]', ""),
            "match: is missing; write at least one example",
        ),
        (
            RULE.replace('match = [{ command = "mysqldump shop" }]', "match = [{ file.path = 'x' }]"),
            "every event has one",
        ),
        (RULE + "times = [{ days = 'monday' }]", 'write days such as "mon-fri", "sat, sun"'),
        (RULE + "times = [{ hours = '8-18' }]", 'write hours such as "08:00-18:00", from 00:00 to 24:00'),
        (RULE + "times = [{ hours = '08:00-08:00' }]", "it has no length; write another end"),
        (
            RULE + "not_times = [{ zone = 'Mars/Olympus' }]",
            'is no time zone that is known here; write "UTC" or one such',
        ),
        (RULE + f"users = ['{'?' * 999}']", "has a name that is none: it is too large ("),
        (RULE + f"hosts = ['{'x' * 1001}']", "has a name that is none: it is longer than 1000 characters; write it"),
        (RULE + "rate = { count = 1, within = 60 }", "has a count that is not 2 to 10000; write { count = 5"),
        (RULE + "quiet = '1 week'", 'is no duration; write a number of seconds, or "90s", "10m", "1h", "1d"'),
        (RULE + "actions = { webhook = 'ftp://x' }", 'has a webhook that is no URL; write webhook = "https://..."'),
        (
            RULE + "actions = { run = ['mail'] }",
            "whose program is no absolute path; write it from / on, without a shell",
        ),
        (RULE + "actions = { run = '/bin/mail root' }", 'is no list of texts; write run = ["/path", "argument"]'),
        (RULE + "actions = { session = 'kill' }", "has an unknown order; write session = 'suspend' or 'terminate'"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(text, said):
    assert any(said in each for each in mistakes(text)), mistakes(text)


def test_every_mistake_of_a_file_is_told():
    text = RULE.replace('"high"', "7000").replace("'mysqldump'", "'('").replace("pg_dump*", "")
    assert [each.split(": ")[0] for each in mistakes(text)] == ["r.toml:5", "r.toml:6", "r.toml:6"]


def test_a_mistake_below_a_table_of_its_own_has_its_line():
    text = '[[rule]]\nname = "a"\nenabled = false\n\n[rule.actions]\n\nsession = "stop"\n[[rule]]\nname = "?"\n'
    assert [each.split(": ")[0] for each in mistakes(text)][:2] == ["r.toml:5", "r.toml:8"]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            ("'mysqldump'", "'mysqldmp'"),
            "r.toml:2: rule 'dumped': match: must match, but does not: command \"mysqldump shop\"",
        ),
        (("'mysqldump'", "'s'"), "r.toml:2: rule 'dumped': no_match: must not match, but does: command \"ls\""),
    ],
)
def test_a_rule_that_does_not_keep_to_its_examples_is_told(broken, said):
    (failure,) = failures([rule(RULE.replace(*broken))])
    assert str(failure).startswith(said)


def test_an_example_can_say_whose_and_when():
    text = (
        RULE.replace(
            '{ command = "ls" }', '{ command = "mysqldump", user = "bob" }, { command = "mysqldump", host = "db9" }'
        ).replace('"mysqldump shop" }', '"mysqldump", user = "alice", time = 2026-11-28T12:00:00Z }')
        + 'users = ["alice"]\nhosts = ["db1", "web*"]\ntimes = [{ days = "sat", zone = "UTC" }]\n'
    )
    assert list(failures([rule(text)])) == []
    assert len(list(failures([rule(text.replace("2026-11-28", "2026-11-27"))]))) == 1


def test_the_fields_and_actions_that_rules_can_ask_for_are_those_of_the_format():
    text = (DOCS / "format.md").read_text()
    made_here = {COMMAND_LINE, "destination.domain"}
    for name in (*FIELDS, *ACTIONS):
        assert name in made_here or f"`{name}`" in text, name


def test_the_rules_of_the_documentation_are_right():
    section = (DOCS / "auditor.md").read_text().partition("\n## Rules\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```toml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        document = parse(block.encode(), "auditor.md")
        assert [str(mistake) for mistake in (*document.mistakes, *failures(document.rules))] == []


@given(st.text())
def test_prop_any_expression_is_read_or_refused(text):
    parse(f"[[rule]]\nwhen = [{{ printed = {fuzzed(text)} }}]".encode(), "r.toml")


def fuzzed(text):
    """A TOML string of any text."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text if not "\ud800" <= char <= "\udfff") + '"'


@given(st.integers(0, 2**32))
def test_prop_any_file_gives_rules_or_mistakes_with_lines(seed):
    fuzz.run(fuzz_rules.target, fuzz_rules.SEEDS, runs=3, seed=seed)


def test_rules_are_mutated_for_a_while():
    assert fuzz.run(fuzz_rules.target, fuzz_rules.SEEDS, runs=300) > 3
