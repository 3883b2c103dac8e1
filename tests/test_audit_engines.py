"""Both engines read the same, and what the audit project's own programs read: on recorded and on generated logs."""

import lzma
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.audit.conversion import Converter
from recorder.audit.engines import AuparseEngine, EngineError, OwnEngine, engine
from recorder.audit.record import PATH_FIELDS, SYSCALL_FIELDS, parse_lines
from tests.auditing import SAMPLES, logs, mixed, needs_auparse
from tests.peers import needs

ASKED_FOR = {"SYSCALL": SYSCALL_FIELDS, "PATH": PATH_FIELDS}
"""Of these records we read no more."""


def session():
    return lzma.decompress((SAMPLES / "session.log.xz").read_bytes())


def converted(data, engine):
    converter = Converter(engine)
    events = converter.feed(data) + converter.finish()
    return events, converter.bad, converter.incomplete


def read(engine, text, size=None):
    """All records that an engine makes of a log, with their fields."""
    records, _ = parse_lines(text)
    groups = []
    for start in range(0, len(records), size or len(records) or 1):
        groups += engine.feed(records[start : start + (size or len(records))])
    groups += engine.finish()
    return [[(record.type, record.stamp, record.fields) for record in group.records] for group in groups]


@needs_auparse
def test_both_make_the_same_events_of_a_recorded_session():
    events, *counts = converted(session(), "auparse")
    assert (events, *counts) == converted(session(), "own")
    assert len(events) > 100
    assert counts == [0, 0]


@needs_auparse
@given(logs().flatmap(lambda events: st.tuples(st.just(events), mixed(events))), st.integers(1, 9))
def test_prop_both_read_the_same_records_and_fields(drawn, size):
    _, lines = drawn
    text = "".join(lines)
    own = read(OwnEngine(), text, size)
    auparse = read(AuparseEngine(), text, size)
    for group in auparse:
        for type, _, fields in group:
            assert fields.pop("type", type) == type  # auparse counts the head of a line among the fields
            fields.pop("node", None)
            for name in [name for name in fields if name not in ASKED_FOR.get(type, fields)]:
                del fields[name]
    assert auparse == own


@needs_auparse
@given(st.permutations(session().decode().splitlines(keepends=True)[:40]))
def test_prop_both_make_the_same_events_in_any_order(lines):
    data = "".join(lines).encode()
    assert converted(data, "auparse") == converted(data, "own")


@needs_auparse
@given(st.sampled_from(sorted(SAMPLES.glob("*.log"))), st.data())
def test_prop_nothing_breaks_auparse(path, data):
    text = path.read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.binary(max_size=6)) + text[at + data.draw(st.integers(0, 20)) :]
    converted(text, "auparse")


@needs_auparse
def test_auparse_is_taken_where_it_is_there():
    assert engine("auto").name == "auparse"


def test_without_auparse_ours_is_taken_and_asking_for_it_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "auparse", None)
    assert engine("auto").name == "own"
    with pytest.raises(EngineError, match="python3-audit"):
        engine("auparse")


@needs("ausearch")
def test_ausearch_reads_the_recorded_session_as_we_do(tmp_path):
    log = tmp_path / "audit.log"
    log.write_bytes(session())
    done = subprocess.run(
        ["ausearch", "-i", "-if", str(log)], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60
    )
    told = {}
    for line in done.stdout.decode(errors="backslashreplace").splitlines():
        stamp = re.search(r"msg=audit\([^)]*:(\d+)\)", line)
        if stamp:
            told.setdefault(int(stamp[1]), []).append(line)
    events, *_ = converted(session(), "own")
    compared = 0
    for event in events:
        text = "\n".join(told[event.serial])
        fields = event.fields
        sessrec = fields.get("sessrec", {})
        process = fields["process"]
        assert f" pid={event.pid} " in text
        call = sessrec.get("syscall")
        if call in (None, "connect", "fchmodat2"):  # of socketcall, and newer than this ausearch may be
            pass
        else:
            assert f" syscall={call} " in text or re.search(r" syscall=\d+ ", text)
        if "error" in sessrec:
            assert f"exit={sessrec['error']}(" in text
        for number, argument in enumerate(process.get("args", ())):
            if argument and argument.isprintable() and "\\" not in argument and len(argument) < 1000:
                assert re.search(rf" a{number}={re.escape(argument)}(\s|$)", text, re.MULTILINE), argument
                compared += 1
        for end in ("source", "destination"):
            if "port" in fields.get(end, {}):
                address = fields[end]
                assert re.search(rf"laddr=(::ffff:)?{re.escape(address['ip'])} lport={address['port']} ", text)
                compared += 1
        if "file" in fields and "\\" not in fields["file"]["path"] and "name=(null)" not in text:
            assert fields["file"]["path"].rpartition("/")[2] in text
            compared += 1
    assert compared > 1000
