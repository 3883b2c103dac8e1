"""What is said of an event in one line: readable for what audit tells, and total over whatever else stands there."""

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.events import events
from auditor.events.event_fields import MAX_TEXT
from auditor.events.event_sentence import sentence
from tests.audited import connected, event, executed, touched

USER = {"id": "0", "name": "root"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (executed(5, 1, 2, "cat", "/etc/my file"), "/usr/bin/cat '/etc/my file'"),
        (executed(5, 1, 2, "-bash", path="/usr/bin/bash"), "/usr/bin/bash (called -bash)"),
        (executed(5, 1, 2, "vi", outcome="failure", error="EACCES"), "/usr/bin/vi (failed: EACCES)"),
        (
            executed(5, 1, 2, "sh", "x", script="/home/a/x", truncated=True),
            "/usr/bin/sh x (script /home/a/x, arguments cut)",
        ),
        (
            executed(5, 1, 2, "id") | {"process": {"executable": "/bin/id", "user": USER, "real_user": {"id": "7"}}},
            "/bin/id (as root)",
        ),
        (touched(5, "file-write", "/etc/x", repeated=3), "write /etc/x by /usr/bin/touch (3 times)"),
        (touched(5, "file-rename", "/b", old_path="/a"), "rename /a to /b by /usr/bin/touch"),
        (
            event(5, "file-attributes", file={"path": "/a", "mode": "4755", "uid": 0}),
            "change attributes of /a: mode 4755, uid 0",
        ),
        (connected(5, "192.0.2.1", 443), "connect to 192.0.2.1:443 by /usr/bin/curl"),
        (connected(5, "2001:db8::1", 22, hosts=["db1"]), "connect to [2001:db8::1]:22 by /usr/bin/curl (db1)"),
        (event(5, "accept", source={"ip": "192.0.2.2", "port": 5000}), "accept from 192.0.2.2:5000"),
        (event(5, "bind", source={"ip": "0.0.0.0", "port": 80}), "bind to 0.0.0.0:80"),
        (
            event(5, "privilege", process={"user": USER, "executable": "/usr/bin/su"}, ours={"syscall": "setuid"}),
            "privilege root by setuid: /usr/bin/su",
        ),
        (
            event(5, "privilege", process={"user": USER, "executable": "/bin/sudo"}, ours={"command": "id -u"}),
            "privilege root runs id -u by /bin/sudo",
        ),
        (event(5, "lost", ours={"lost_events": 4, "reason": "backlog"}), "lost 4 events: backlog"),
        (event(5, "alert", rule={"name": "r", "description": "d"}, ours={"matched": "m"}), "alert r: d: m"),
        (event(5, "control", ours={"control": {"action": "suspend", "by": "rita"}}), "control suspend by rita"),
    ],
)
def test_an_event_is_told_in_one_line(fields, said):
    assert sentence(fields["event"]["action"], fields) == said


def test_the_same_is_said_of_what_the_store_keeps_of_it():
    fields = executed(5, 1, 2, "vi", "a b", outcome="failure", error="EACCES")
    kept = events.parsed_detail(events.detail(fields))
    assert sentence("exec", kept) == sentence("exec", fields)


@pytest.mark.parametrize("at", [-1, 101, 2**70, "5", None, 5.0, True, [], {}])
def test_a_moment_that_is_not_in_the_recording_is_that_of_the_message(at):
    assert events.moment({"sessrec": {"at": at}}, 100) == 100
    assert events.moment({"sessrec": []}, 100) == 100
    assert events.moment({"sessrec": {"at": 99}}, 100) == 99


def test_what_is_too_long_is_cut_and_said_to_be():
    fields = executed(5, 1, 2, "echo", *["x" * 5000] * 1000)
    kept = events.detail(fields)
    assert len(kept) <= events.MAX_DETAIL
    assert json.loads(kept)[events.SHORTENED] is True
    assert events.parsed_detail(kept)["process"]["pid"] == 1
    assert len(sentence("exec", fields)) <= MAX_TEXT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["pid", "parent", "args", "executable", "name", "user", "real_user", "ip", "port", "domain", "path", "id"]
NAMES += ["target_path", "mode", "at", "script", "old_path", "repeated", "error", "hosts", "urls", "full", "control"]
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3))
FIELDS = st.dictionaries(
    st.sampled_from(["process", "file", "sessrec", "destination", "source", "network", "url", "event", "rule", "x"]),
    JSON | OBJECTS,
)
ACTIONS = (
    st.sampled_from([*events.KINDS, *events.OWN, "privilege", "login", "firewall", "alert", "exit", "new"])
    | st.text()
)


@example(action="exec", fields={"process": {"args": ["\ud800\n\x1b[2J\u202e"], "executable": 7}})
@example(action="file-rename", fields={"file": {"path": "a\nb"}, "sessrec": {"old_path": ["x"]}})
@given(action=ACTIONS, fields=FIELDS)
def test_prop_of_any_event_there_is_one_line_that_a_terminal_only_shows(action, fields):
    said = sentence(action, fields)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in said)
    said.encode()
    kept = events.parsed_detail(events.detail(fields))
    sentence(action, kept)
    line = events.search_line(action, fields)
    assert line is None or line == (events.kind(action), said) or action == "session-start"
    assert 0 <= events.moment(fields, 50) <= 50
