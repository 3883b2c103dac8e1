"""Alert rules for Prometheus: promtool understands them, each is raised when it should be, on numbers we tell."""

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from auditor.ingest.ingest import Ingest
from auditor.ingest.progress import Notes
from auditor.sqlite.store import SqliteStore
from auditor.web.metrics import numbers
from host import metrics
from tests.peers import needs
from tests.test_host_metrics import FOUND
from tests.web.sites import site_of

RULES = Path(__file__).parent.parent / "monitoring/prometheus/session-recording.rules.yml"
CASES = RULES.with_suffix("").with_suffix(".rules.test.yml")
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told(tmp_path):
    """Names of all numbers, by hosts and by the page."""
    store = SqliteStore(tmp_path / "store.sqlite")
    Notes(store, Ingest(store), "here").looked()
    store.close()
    site = site_of(tmp_path / "store.sqlite", tokens=None)
    site.ledger.record("rita", "watch", rec="one")
    texts = (metrics.text(FOUND), numbers(site))
    families = [family for text in texts for family in text_string_to_metric_families(text.decode())]
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@needs("promtool")
def test_the_rules_are_understood():
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(RULES))


@needs("promtool")
def test_every_alert_is_raised_when_it_should_be_and_not_otherwise():
    promtool("test", "rules", str(CASES))
    cases = CASES.read_text()
    for alert in ALERTS:
        tried = re.findall(rf"alertname: {alert}\n\s+exp_alerts:(.*)", cases)
        assert sorted(tried) == ["", " []"], alert


def test_alerts_are_about_numbers_that_there_are(tmp_path):
    names = told(tmp_path)
    used = set(re.findall(r"session_recording_\w+", RULES.read_text()))
    assert used
    assert used <= set(names)


@pytest.mark.parametrize("file", [RULES, CASES], ids=lambda path: path.name)
def test_files_are_ascii_and_end_with_a_newline(file):
    assert file.read_bytes().isascii()
    assert file.read_bytes().endswith(b"\n")
