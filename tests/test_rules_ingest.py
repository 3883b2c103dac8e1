"""Alerts as recordings are taken in: stored with the recording, raised once, whatever way it arrives."""

import pytest

from auditor.ingest.file_source import Mark, ingest_file
from auditor.ingest.ingest import Ingest
from auditor.rules.document import parse
from auditor.rules.matcher import RuleSet
from auditor.rules.watcher import RuleWatcher
from auditor.sqlite.store import SqliteStore
from recorder.formats.message import Output
from tests.recordings import new_store, texts
from tests.sealing import line_of, messages

TEXT = """
[[rule]]
name = "root"
description = "A root shell"
severity = "high"
quiet = "5s"
when = [{ command = '^sudo -i' }, { event.action = "exec", process.name = "su" }]

[[rule]]
name = "often"
description = "Refused again and again"
severity = "low"
quiet = 0
rate = { count = 3, within = "1m" }
when = [{ printed = 'refused$' }]
"""
REC = "r1"
RULES = RuleSet(parse(TEXT.encode(), "r.toml").rules)


class Told:
    """Who is told, in place of the journal."""

    def __init__(self):
        self.alerts = []

    def tell(self, facts, alert):
        self.alerts.append((facts.rec, alert.rule.name, alert.at))


@pytest.fixture
def told():
    return Told()


def session(*printed, **header):
    """The lines of a session that prints one text a second."""
    return [line_of(each).rstrip(b"\n") for each in messages([f"{text}\r\n$ " for text in ("", *printed)], **header)]


def take(store, told, lines, source="file:x"):
    """A run of `sessrec ingest` of its own."""
    ingest = Ingest(store, RuleWatcher(RULES, told))
    ingest.take(source, None, lines)
    ingest.settle(source)
    return ingest


def alerts(store, rec):
    return [(event.at, event.action, event.part > 0) for event in store.events(rec) if event.action == "alert"]


def test_an_alert_is_an_event_of_the_recording_and_is_found_by_search(store, told):
    take(store, told, session("sudo -i", rec=REC))
    assert alerts(store, REC) == [(2000, "alert", True)]
    assert texts(store, "alert root") == ["alert root: A root shell: sudo -i"]
    assert [(rec, name) for rec, name, _ in told.alerts] == [(REC, "root")]


def test_the_same_recording_again_raises_nothing_again(store, told):
    lines = session("sudo -i", rec=REC)
    take(store, told, lines)
    take(store, told, lines)
    take(store, told, lines, "file:copy")
    assert len(alerts(store, REC)) == 1
    assert len(told.alerts) == 1


@pytest.mark.parametrize("step", [1, 2, 3])
def test_runs_that_are_interrupted_raise_what_one_run_raises(tmp_path, told, step):
    """Also what has to happen more than once, and what is quiet for a while after an alert."""
    lines = session("sudo -i", "refused", "refused", "sudo -i", "x", "refused", "sudo -i", "refused", rec=REC)
    whole = SqliteStore(tmp_path / "whole.sqlite")
    take(whole, Told(), lines)
    store = new_store(tmp_path)
    for start in range(0, len(lines), step):
        take(store, told, lines[start : start + step])
    assert alerts(store, REC) == alerts(whole, REC)
    assert len(alerts(store, REC)) == 3
    assert len(told.alerts) == 3
    whole.close()
    store.close()


def test_messages_that_arrive_late_raise_what_they_would_have_raised_in_order(store, told):
    lines = session("sudo -i", "refused", "refused", "x", "refused", "x", "x", "sudo -i", rec=REC)
    take(store, told, [line for number, line in enumerate(lines) if number not in (3, 4)])
    before = list(told.alerts)
    assert [name for _, name, _ in before] == ["root", "root"]
    take(store, told, lines[3:5])
    assert [name for _, name, _ in told.alerts] == ["root", "root", "often"]
    assert len(alerts(store, REC)) == 3


def test_an_event_of_audit_raises_an_alert_at_its_own_moment(store, told):
    objects = messages(["a", "b"], rec=REC)
    objects[2] |= {
        "timing": "",
        "out_txt": "",
        "event": {"action": "exec", "category": ["process"]},
        "process": {"name": "su", "executable": "/usr/bin/su", "args": ["su", "-"]},
        "sessrec": {"at": 1500},
    }
    take(store, told, [line_of(each).rstrip(b"\n") for each in objects])
    assert told.alerts == [(REC, "root", 1500)]
    (event,) = [event for event in store.events(REC) if event.action == "alert"]
    assert (event.id, event.part, event.at) == (3, 1, 1500)
    assert '"matched": "/usr/bin/su -"' in event.detail


def test_recordings_do_not_count_for_each_other(store, told):
    for rec in ("r1", "r2", "r3"):
        take(store, told, session("refused", rec=rec))
    assert told.alerts == []


def test_long_arguments_hide_nothing_from_a_rule(store, told):
    objects = messages(["a"], rec=REC)
    args = ["su", *["x" * 1000] * 200, "-"]
    event = {"event": {"action": "exec"}, "process": {"args": args, "name": "su", "executable": "/usr/bin/su"}}
    objects[1] |= {"timing": "", "out_txt": "", **event}
    take(store, told, [line_of(each).rstrip(b"\n") for each in objects])
    assert [name for _, name, _ in told.alerts] == ["root"]


def test_a_flood_of_matching_lines_raises_few_alerts(store, told):
    flood = [Output(1000 + number * 150, b"sudo -i\r\nnot found\r\n$ ") for number in range(400)]
    take(store, told, [line_of(each).rstrip(b"\n") for each in messages([b"$ ", *flood], rec=REC)])
    assert 1 <= len(told.alerts) <= 15


def test_an_ingest_of_a_file_watches_it(tmp_path, store, told):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(session("sudo -i", rec=REC)) + b"\n")
    ingest_file(Ingest(store, RuleWatcher(RULES, told)), path, Mark())
    assert [name for _, name, _ in told.alerts] == ["root"]
