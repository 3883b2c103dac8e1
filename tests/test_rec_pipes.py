import signal
import subprocess

import pytest

from recorder.formats.message import Input, Output
from tests.recorded import (
    SESSREC,
    actions_of,
    environment,
    input_of,
    messages_of,
    output_of,
    record_on_pipes,
)

THREE = "cat; echo out; echo err >&2; exit 6"


@pytest.fixture
def home(tmp_path):
    return tmp_path


def streams_of(path):
    found = {"stdin": b"", "stdout": b"", "stderr": b""}
    for message in messages_of(path):
        for packet in message.packets:
            name = message.fields.get("sessrec", {}).get("stream", "stdout")
            if isinstance(packet, Input):
                found["stdin"] += packet.data
            elif isinstance(packet, Output):
                found[name] += packet.data
    return found


def test_without_a_terminal_the_command_its_status_and_duration_are_recorded_but_no_bytes(home):
    done = record_on_pipes(home, "sh", "-c", THREE, input=b"typed\n")
    assert (done.stdout, done.stderr, done.returncode) == (b"typed\nout\n", b"err\n", 6)
    assert actions_of(home / "rec.jsonl") == ["session-start", "session-end"]
    start, end = messages_of(home / "rec.jsonl")
    assert start.fields["process"]["args"] == ["sh", "-c", THREE]
    assert "tty" not in start.fields["process"]
    assert end.fields["process"]["exit_code"] == 6
    assert end.event["duration"] > 0
    assert output_of(home / "rec.jsonl") == b""


def test_with_input_at_its_end_every_byte_still_reaches_the_user(home):
    expected = b"".join(b"%d\n" % n for n in range(1, 100_001))
    for options in ([], ["--command-bytes"]):
        done = record_on_pipes(home, "seq", "100000", options=options)
        assert done.stdout == expected
        assert done.returncode == 0
        (home / "rec.jsonl").unlink()


def test_three_streams_are_passed_on_and_recorded_apart(home):
    data = bytes(range(256)) * 100
    script = f"tee {home}/copy; seq 3; seq 4 >&2; seq 5; exit 3"
    done = record_on_pipes(home, "sh", "-c", script, options=["--command-bytes"], input=data)
    assert done.stdout == data + b"1\n2\n3\n1\n2\n3\n4\n5\n"
    assert done.stderr == b"1\n2\n3\n4\n"
    assert done.returncode == 3
    assert streams_of(home / "rec.jsonl") == {"stdin": data, "stdout": done.stdout, "stderr": done.stderr}


def test_a_character_that_is_cut_by_the_other_stream_stays_in_its_own(home):
    script = r"printf 'out \346\227'; sleep 0.2; printf err >&2; sleep 0.2; printf '\245 \303'"
    done = record_on_pipes(home, "sh", "-c", script, options=["--command-bytes"])
    assert streams_of(home / "rec.jsonl") == {"stdin": b"", "stdout": done.stdout, "stderr": b"err"}
    assert done.stdout == "out 日 ".encode() + b"\xc3"


def test_what_is_recorded_of_a_stream_is_bounded_and_what_lies_beyond_is_counted(home):
    options = ["--command-bytes", "--command-bytes-limit", "10K"]
    done = record_on_pipes(home, "cat", options=options, input=b"x" * 100_000)
    assert done.stdout == b"x" * 100_000
    assert output_of(home / "rec.jsonl") == b"x" * 10_240
    assert input_of(home / "rec.jsonl") == b"x" * 10_240
    streams = messages_of(home / "rec.jsonl")[-1].fields["sessrec"]["streams"]
    assert streams["stdout"] == {"bytes": 100_000, "recorded": 10_240}
    assert streams["stderr"] == {"bytes": 0, "recorded": 0}


def test_a_reader_that_stops_early_stops_the_command(home):
    command = " ".join([*SESSREC, "rec", "-o", "rec.jsonl", "--command-bytes", "--", "yes", "|", "head", "-n2"])
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=home,
        env=environment(home),
        capture_output=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout == b"y\ny\n"
    assert done.stderr == b""
    assert messages_of(home / "rec.jsonl")[-1].fields["process"]["exit_code"] == 128 + signal.SIGPIPE


def test_a_command_that_does_not_read_its_input_does_not_hang(home):
    done = record_on_pipes(home, "true", options=["--command-bytes"], input=b"x" * 1_000_000)
    assert done.returncode == 0


@pytest.mark.parametrize("options", [[], ["--command-bytes"]])
def test_a_signal_to_the_recorder_reaches_the_command(home, options):
    process = subprocess.Popen(
        [
            *SESSREC,
            "rec",
            "-o",
            str(home / "rec.jsonl"),
            *options,
            "--",
            "sh",
            "-c",
            "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(home),
    )
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 9
    process.stdout.close()


def test_a_command_that_does_not_exist_is_refused(home):
    done = record_on_pipes(home, "no-such-command-here")
    assert (done.returncode, done.stdout) == (127, b"")
    assert done.stderr == b"sessrec: no-such-command-here: No such file or directory\n"
    assert not (home / "rec.jsonl").exists()
