"""Both ways: tlog plays what we record, we read what tlog records, to the byte."""

import lzma
import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.peers import needs
from tests.recorded import OnTerminal, environment, messages_of, output_of, record

SAMPLES = Path(__file__).parent / "samples"
TRAILER = b"\x1b[0m\x1b[?25h\n\0"
"""What tlog-play itself prints at its end."""


@pytest.fixture
def home(tmp_path):
    return tmp_path


def mixed(size):
    """Chinese, colour and emoji, always the same, about `size` bytes."""
    source = random.Random(7)
    lines = []
    for _ in range(2000):
        words = (
            f"\x1b[{source.randint(0, 1)};3{source.randint(0, 7)}m"
            + "".join(chr(source.randint(0x4E00, 0x9FA5)) for _ in range(source.randint(1, 8)))
            + source.choice([" ", "é", "😀", 'abc "q" \\ '])
            for _ in range(source.randint(3, 10))
        )
        lines.append("".join(words) + "\x1b[0m\r\n")
    block = "".join(lines).encode()
    return (block * (size // len(block) + 1))[:size]


def workloads():
    yield "mixed", mixed(8_000_000)
    yield "random", random.Random(1).randbytes(1_000_000)
    yield "every byte", bytes(range(256)) * 40
    yield "cut characters", b"\xe6\x97" * 500 + b"\xf0\x9f\x98" + b"end \xe6\x97"
    yield "control", bytes(range(32)) * 100 + b"\x7f" * 100 + b'"\\' * 100
    for sample in sorted(SAMPLES.glob("*.xz")):
        yield sample.name, lzma.decompress(sample.read_bytes())


def name_of(value):
    return value if isinstance(value, str) else ""


def played_by_tlog(path, total):
    """The bytes that tlog-play prints for a recording, without its own trailer."""
    process = subprocess.Popen(
        ["tlog-play", "-r", "file", "-g", "end", "-i", str(path)],
        stdin=subprocess.PIPE,  # open and idle: at its end tlog-play hangs
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    chunks = []
    while data := os.read(process.stdout.fileno(), 1 << 20):
        chunks.append(data)
    found = b"".join(chunks)
    error = process.stderr.read()
    process.stdin.close()
    assert process.wait(30) == 0, error
    process.stdout.close()
    process.stderr.close()
    assert found.endswith(TRAILER), total
    return found[: -len(TRAILER)]


@needs("tlog-play", "stty")
@pytest.mark.parametrize(("name", "data"), list(workloads()), ids=name_of)
def test_tlog_play_plays_our_recordings_to_the_byte(home, name, data):
    (home / "data.raw").write_bytes(data)
    session = record(home, "sh", "-c", f"stty raw; cat {home / 'data.raw'}")
    assert session.finish() == 0
    assert session.seen == data
    assert output_of(home / "rec.jsonl") == data
    assert played_by_tlog(home / "rec.jsonl", len(data)) == data


@needs("tlog-play", "stty")
def test_tlog_play_plays_a_recording_with_resizes_input_and_idle_signatures(home):
    script = (
        'trap "stty size" WINCH; echo ready; while read -r line; do [ "$line" = over ] && exit; echo "<$line>"; done'
    )
    session = record(home, "bash", "-c", script, options=["--input", "--sign-interval", "1"])
    session.until(b"ready")
    for rows in (30, 40, 50):
        session.process.setwinsize(rows, 100)
        session.send(b"x%d\r" % rows)
        session.until(b"<x%d>" % rows)
    session.send(b"over\r")
    assert session.finish() == 0
    assert any(m.event and m.event["action"] == "resize" for m in messages_of(home / "rec.jsonl"))
    assert played_by_tlog(home / "rec.jsonl", 0) == session.seen


@needs("tlog-play")
def test_tlog_play_plays_what_was_recorded_without_a_terminal(home):
    from tests.recorded import record_on_pipes

    record_on_pipes(home, "sh", "-c", "seq 100; seq 50 >&2; seq 10", options=["--command-bytes"], input=b"typed")
    assert len(played_by_tlog(home / "rec.jsonl", 0)) == len(output_of(home / "rec.jsonl")) > 0


def ensure_utmp():
    """tlog-rec does not start without it, and a container may not have it."""
    path = Path("/run/utmp")
    if not path.exists():
        if os.geteuid() != 0:
            pytest.skip("tlog-rec needs /run/utmp, which only root can create")
        path.touch()


@needs("tlog-rec", "stty")
@pytest.mark.parametrize(("name", "data"), list(workloads()), ids=name_of)
def test_we_read_the_recordings_of_tlog_to_the_byte(home, name, data):
    ensure_utmp()
    data = data[:2_000_000]
    (home / "data.raw").write_bytes(data)
    path = home / "tlog.log"
    command = f"stty raw; cat {home / 'data.raw'}"
    session = OnTerminal(
        ["tlog-rec", "--writer=file", f"--file-path={path}", "--log-input=true", "sh", "-c", command], home
    )
    session.finish()
    assert output_of(path) == data


@needs("tlog-rec", "tlog-play")
def test_a_recording_of_tlog_is_found_and_played_by_us(home):
    ensure_utmp()
    path = home / "tlog.log"
    argv = ["tlog-rec", "--writer=file", f"--file-path={path}", "sh", "-c", "printf 'fro\\033[31mm tlog\\033[0m\\n'"]
    OnTerminal(argv, home).finish()
    from tests.recorded import SESSREC

    def sessrec(*arguments):
        done = subprocess.run([*SESSREC, *arguments], env=environment(home), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    sessrec("ingest", str(path))
    assert b"from tlog" in sessrec("search", "from tlog")
    assert sessrec("export", str(path), "--as", "raw") == output_of(path)
