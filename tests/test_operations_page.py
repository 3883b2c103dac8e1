"""docs/operations.md is true: its commands run, its numbers and alerts are those that there are, its sizes follow
from the benchmarks, and Prometheus takes its configuration."""

import re
import subprocess

import pytest

from tests.pages import ROOT, blocks, commands, follow, page, prepare, table_rows, understood
from tests.peers import needs
from tests.test_alert_rules import ALERTS, RULES, told

TEXT = page("operations")
PREFIX = "session_recording_"


@needs("jq")
def test_its_commands_do_what_it_shows(tmp_path):
    environment = prepare(tmp_path, "auditor")
    steps = commands(TEXT)
    assert len(steps) > 10
    follow(steps, tmp_path, environment)


def test_its_commands_for_root_are_understood():
    understood(TEXT)


def described(heading):
    """Labels by the names of a table of numbers."""
    return {
        name: set(re.findall(r"`(\w+)`", labels))
        for names, labels, _ in table_rows(TEXT, heading)
        for name in re.findall(r"`(\w+)`", names)
    }


def test_numbers_and_their_labels_are_those_that_are_told(tmp_path):
    both = described("### Numbers of a host") | described("### Numbers of the page")
    assert {PREFIX + name: labels for name, labels in both.items()} == told(tmp_path)


def test_every_alert_is_described_with_its_severity():
    severities = re.findall(r"severity: (\w+)", RULES.read_text())
    shown = [(name.strip("`"), severity) for name, severity, _ in table_rows(TEXT, "## Alerts")]
    assert shown == list(zip(ALERTS, severities, strict=True))


@needs("promtool")
def test_prometheus_takes_the_configuration(tmp_path):
    (block,) = blocks(TEXT, "yaml")
    (tmp_path / "token").write_text("x")
    text = block.text.replace("/etc/prometheus/session-recording-token", str(tmp_path / "token"))
    rules = ROOT / "monitoring"
    (tmp_path / "prometheus.yml").write_text(text.replace("/usr/share/session-recording/monitoring", str(rules)))
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def figure(row, column=0):
    """A number of docs/benchmarks.md."""
    (cells,) = re.findall(rf"^\| {re.escape(row)} \|(.*)\|$", page("benchmarks"), re.MULTILINE)
    return float(re.search(r"[\d.]+", cells.split("|")[column].replace(",", ""))[0])


def near(text, value, places):
    """The page has this number, rounded."""
    assert text.format(f"{round(value, places):,g}") in " ".join(TEXT.split()), (text, value)


def test_sizes_follow_from_the_benchmarks():
    printed, messages, lines = (figure(row, 1) for row in ("printed, kB", "messages", "messages, as lines, kB"))
    stored = figure("stored, kB", 1)
    near("prints {} MB", printed / 1000, 1)
    near("in {} messages", messages, 0)
    near("messages of {} MB", lines / 1000, 1)
    near("| {} MB, without copies", stored / 1000, 1)
    near("{} GB of messages", lines * 5 * 365 / 1e6, 1)
    near("{} GB in Elasticsearch", stored * 5 * 365 / 1e6, 1)
    services = figure("PSS of the service, 20 idle, kB", 3) + figure("PSS of the responder, 20 idle, kB", 3)
    near("{} MB for the services", services / 1000, 0)
    near("{} to", figure("PSS of a session, 200 idle, kB", 3) / 1000, 1)
    near("to {} MB for a session that sleeps", figure("PSS of a session, 20 idle, kB", 3) / 1000, 1)
    near("{} MB for one at work", figure("load, PSS of a recorder at work, kB", 3) / 1000, 1)
    near("{} messages a second:", taken_in(), 0)
    near("{} people at work", round(taken_in() / (messages / 3600), -2), 0)
    hosts = 700_000_000 / (stored * 5 * 365)
    near("a year of {} such hosts", int(hosts), 0)
    near("90 days of {}", round(hosts * 365 / 90, -1), 0)
    near("send {} messages a second", int(hosts) * messages / 3600, 0)


def taken_in():
    (found,) = re.findall(
        r"^\| taken in \| [\d,]+ documents/s, ([\d,]+) messages/s", page("benchmarks"), re.MULTILINE
    )
    return float(found.replace(",", ""))


@pytest.mark.parametrize("name", ["operations"])
def test_the_page_is_named_on_the_first_one(name):
    assert f"docs/{name}.md" in (ROOT / "README.md").read_text()
