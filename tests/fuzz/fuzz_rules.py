"""Files of rules: rules, or mistakes of one line with a line that exists; and rules that can be followed."""

import re

from auditor.output.printable import printable
from auditor.rules.document import parse
from auditor.rules.examples import failures
from auditor.rules.matcher import RuleSet
from auditor.transcript import Seen
from tests import fuzz

SEEDS = [
    b"""[groups]
dba = ["alice"]
[[rule]]
name = "a"
description = "b"
severity = "high"
users = ["a*"]
groups = ["dba"]
not_hosts = ["db?"]
times = [{ days = "mon-fri, sun", hours = "18:00-08:00", zone = "UTC" }]
when = [
  { printed = 'x+y' },
  { event.action = "connect", destination.ip = "10.0.0.0/8", not.destination.port = [22, "1-99"] },
]
rate = { count = 2, within = "1m" }
quiet = 5
match = [{ printed = "xy" }]
no_match = [{ event.action = "exec", process.args = ["a"], time = 2026-01-01T00:00:00Z }]
actions = { webhook = "https://example.test/x", run = ["/bin/true"], session = "suspend" }
""",
    b'rule = [{ name = "x", enabled = false }, { when = [{ process.args = { regex = "a" } }] }]',
    b"rule = [{ match = [{ printed = 2026-01-01 }, { event.action = [2026-01-01T00:00:00], file.path = nan }] }]",
    b"[[rule]]\nname='q'\n[[rule.when]]\ncommand = ['a', 'b']\n[rule.actions]\nrun = ['/x']\n",
]


def target(data):
    """Read, run the examples, and watch with what was read."""
    document = parse(data, "r.toml")
    problems = []
    for mistake in (*document.mistakes, *failures(document.rules)):
        line = str(mistake)
        assert printable(line).isprintable()
        assert 1 <= mistake.line <= data.count(b"\n") + 1, line
        problems.append(re.sub(r"\d+|'.*?'|\".*?\"", "", mistake.problem)[-25:])
    watch = RuleSet(document.rules).watch("alice", "db1", 1_795_000_000.0)
    watch.line(Seen("printed", 1, "xxy a b"))
    watch.event("connect", 2, {"event": {"action": "connect"}, "destination": {"ip": "10.1.2.3", "port": 443}})
    return tuple(sorted(problems)[:3]) or len(document.rules)


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
