"""`sessrec audit-json`: an audit log in, one JSON event a line out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sessrec
from tests.auditing import SAMPLES, executed, needs_auparse

ROOT = Path(__file__).parent.parent
CASES = sorted(path.stem for path in SAMPLES.glob("*.log"))


def audit_json(capfd, *arguments):
    status = sessrec.main(["audit-json", *arguments])
    printed = capfd.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize("case", CASES)
def test_recorded_records_are_these_events(case, capfd):
    assert audit_json(capfd, "--engine", "own", str(SAMPLES / f"{case}.log")) == (
        0,
        (SAMPLES / f"{case}.jsonl").read_text(),
        "",
    )


@needs_auparse
@pytest.mark.parametrize("case", CASES)
def test_recorded_records_are_these_events_to_auparse_too(case, capfd):
    assert audit_json(capfd, "--engine", "auparse", str(SAMPLES / f"{case}.log")) == (
        0,
        (SAMPLES / f"{case}.jsonl").read_text(),
        "",
    )


def test_it_is_a_filter(tmp_path):
    (tmp_path / "log").write_text("".join(executed(1, [b"x"])))
    with open(tmp_path / "log", "rb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "sessrec", "audit-json"], stdin=log, capture_output=True, cwd=ROOT, check=True
        )
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["event"]["action"] == "exec"
    assert done.stderr == b""


def test_an_event_is_printed_while_the_log_goes_on():
    with subprocess.Popen(
        [sys.executable, "-m", "sessrec", "audit-json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        process.stdin.write("".join(executed(1, [b"x"])).encode())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["process"]["args"] == ["x"]
        process.stdin.close()
        assert process.wait(20) == 0


def test_bad_lines_are_told_of_once(tmp_path, capfd):
    log = tmp_path / "log"
    log.write_bytes(b"nonsense\n" * 3 + "".join(executed(1, [b"x"])).encode() + b"\x00\xff\n")
    status, out, err = audit_json(capfd, str(log))
    assert (status, len(out.splitlines())) == (0, 1)
    assert err == "sessrec: 4 lines are no audit records and were left out\n"


def test_a_log_that_cannot_be_read_is_one_line(tmp_path, capfd):
    status, out, err = audit_json(capfd, str(tmp_path / "missing"))
    assert (status, out) == (1, "")
    assert err == f"sessrec: {tmp_path / 'missing'}: No such file or directory\n"


def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(each for serial in range(5000) for each in executed(serial, [b"x" * 200])))
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "sessrec", "audit-json", str(log)], stdout=writer, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (sessrec.BROKEN_PIPE, b"")


def test_recorders_need_nothing_but_the_standard_library(tmp_path):
    """Of a recorded host: our package, and Python without site-packages."""
    (tmp_path / "recorder").symlink_to(ROOT / "recorder")
    (tmp_path / "sessrec.py").symlink_to(ROOT / "sessrec.py")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import sessrec; sys.exit(sessrec.main(['audit-json']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], input="".join(executed(1, [b"x"])).encode(), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


def test_every_field_of_an_event_is_described():
    described = (ROOT / "docs" / "format.md").read_text()
    fields = set()
    for case in CASES:
        for line in (SAMPLES / f"{case}.jsonl").read_text().splitlines():
            fields |= set(names_of(json.loads(line)))
    assert len(fields) > 30
    assert {field for field in fields if f"`{field}`" not in described} <= {"auid"}


def names_of(value, before=""):
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from names_of(inner, f"{before}{name}.")
        else:
            yield f"{before}{name}"
