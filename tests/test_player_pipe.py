"""Playing into a pipe: exact bytes, and a clear word where a recording cannot be played on."""

import os
import subprocess

import pytest

from auditor.player.loader import Loader
from auditor.recordings.recording import FileRecording
from recorder.formats.message import Input, Output, Resize
from tests.peers import needs
from tests.playing import line, write
from tests.recorded import SESSREC, environment

NOISE = bytes(range(256)) * 4


def played(home, *arguments):
    return subprocess.run(
        [*SESSREC, "play", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(home),
        timeout=60,
    )


def test_a_pipe_gets_every_printed_byte_and_none_more(tmp_path):
    packets = [Output(0, b"\x1b[31mone\x07"), Input(50, b"typed"), Resize(60, 100, 30), Output(70, NOISE)]
    file = write(tmp_path / "r.jsonl", [*packets, Output(3_600_000, "é\n".encode())])
    for arguments in (["-g", "end"], ["--speed", "0"], ["-s", "1e6", "--skip-idle", "0"]):
        done = played(tmp_path, *arguments, file)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == b"\x1b[31mone\x07" + NOISE + "é\n".encode()


def test_a_file_can_be_named_as_tlog_play_wants_it(tmp_path):
    file = write(tmp_path / "r.jsonl", [Output(0, b"x")])
    assert played(tmp_path, "-r", "file", "-i", file, "-g", "end").stdout == b"x"


def test_a_broken_line_ends_playing_with_its_number_after_what_comes_before_it(tmp_path):
    file = tmp_path / "r.jsonl"
    lines = [line(1, 0, [Output(0, b"one")]), "{", line(2, 0, [Output(0, b"two")])]
    file.write_text("\n".join(lines) + "\n")
    done = played(tmp_path, "-g", "end", file)
    assert (done.returncode, done.stdout) == (1, b"one")
    assert b"line 2 cannot be played: not JSON" in done.stderr
    assert b"--lax" in done.stderr
    assert done.stderr.count(b"\n") == 1
    done = played(tmp_path, "-g", "end", "--lax", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"onetwo", b"")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([line(1, 0, []), line(3, 0, [])], b"line 2 cannot be played: 1 messages are missing before message 3"),
        ([line(1, 0, []), line(1, 0, [])], b"line 2 cannot be played: message 1 comes after message 1"),
        ([line(1, 900, []), line(2, 800, [])], b"line 2 cannot be played: the time runs backwards"),
        ([line(1, 0, []), line(1, 0, [], rec="rec-2")], b"--file-match REC"),
        (["hello", ""], b"line 1 cannot be played: not JSON"),
        ([line(1, 0, []), line(2, 0, [])[:40]], b"line 2 cannot be played: the file ends in the middle of it"),
    ],
)
def test_what_breaks_the_order_is_named_with_its_line(tmp_path, lines, reason):
    file = tmp_path / "r.jsonl"
    file.write_text("\n".join(lines))
    done = played(tmp_path, "-g", "end", file)
    assert done.returncode == 1
    assert reason in done.stderr
    assert b"Traceback" not in done.stderr


def test_lax_plays_on_over_missing_messages(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text(line(1, 0, [Output(0, b"a")]) + "\n" + line(7, 5, [Output(5, b"b")]))
    assert played(tmp_path, "-g", "end", "--lax", file).stdout == b"ab"


def test_one_recording_of_several_in_a_file_can_be_chosen(tmp_path):
    file = tmp_path / "r.jsonl"
    lines = [line(1, 0, [Output(0, b"a")], rec="one"), line(1, 0, [Output(0, b"b")], rec="two")]
    lines += [line(2, 0, [Output(0, b"a")], rec="one"), line(2, 0, [Output(0, b"b")], rec="two")]
    file.write_text("\n".join(lines) + "\n")
    assert played(tmp_path, "-g", "end", "-m", "two", file).stdout == b"bb"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-i", "x", "y"],
        ["-p", "x"],
        ["-s", "fast", "x"],
        ["-s", "-1", "x"],
        ["-g", "1:2:3:4", "x"],
        ["-s", "nan", "x"],
    ],
)
def test_a_wrong_command_line_is_refused_in_words(tmp_path, arguments):
    done = played(tmp_path, *arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_running_recording_is_followed_until_its_session_ends(tmp_path):
    file = tmp_path / "r.jsonl"
    lines = [line(1, 0, [Output(0, b"one\n")]), line(2, 90_000, [Output(90_000, b"two\n")])]
    file.write_text(lines[0] + "\n")
    process = subprocess.Popen(
        [*SESSREC, "play", "-f", str(file)],
        stdout=subprocess.PIPE,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
    )
    assert os.read(process.stdout.fileno(), 100) == b"one\n"
    with file.open("a") as grows:
        grows.write(lines[1])  # not yet a line
        grows.flush()
        grows.write("\n")
        grows.flush()
        assert os.read(process.stdout.fileno(), 100) == b"two\n"
        grows.write(line(3, 91_000, [], event="session-end") + "\n")
    assert process.communicate(timeout=20) == (b"", None)
    assert process.returncode == 0


@needs("tlog-play")
def test_what_tlog_play_puts_out_is_the_same(tmp_path):
    packets = [Output(0, b"\x1b[31mone\r\n"), Output(400, "déjà 漢\r\n".encode()), Output(900, NOISE)]
    file = write(tmp_path / "r.jsonl", packets)
    idle, hold = os.pipe()
    theirs = subprocess.run(
        ["tlog-play", "-r", "file", "-g", "end", "-i", file],
        stdin=idle,
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    ).stdout
    os.close(idle)
    os.close(hold)
    assert theirs == played(tmp_path, "-g", "end", file).stdout + b"\x1b[0m\x1b[?25h\n\0"


def test_a_recording_longer_than_memory_is_played_as_far_as_it_fits(tmp_path, monkeypatch):
    file = write(tmp_path / "r.jsonl", [Output(at, b"x" * 1000) for at in range(20)])
    monkeypatch.setattr("auditor.player.loader.MAX_MEMORY", 10_000)
    loader = Loader(FileRecording(file), lax=True)
    while loader.load():
        pass
    assert 9_000 < loader.timeline.memory < 12_000
    assert "too long" in str(loader.error)
    assert loader.timeline.ended
