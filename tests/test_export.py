"""Recordings in other formats, and finding the recording that is meant."""

import json
import os
import pty
import stat
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.exports import asciicast, raw, tlog
from auditor.exports.messages import messages as exported
from auditor.recordings.locate import locate
from auditor.recordings.recording import RecordingError
from recorder.formats.message import Input, Output, Resize, parse
from tests.peers import needs
from tests.recordings import (
    HERE,
    environment,
    ingested,
    messages,
    new_store,
    recordings_of,
    sessrec,
    stored_lines,
    write_objects,
    write_recording,
)
from tests.sealing import line_of

CONTENT = [
    Output(1000, b"one \x1b[31mred\x1b[0m\r\n"),
    Input(1500, b"ls\r"),
    Resize(2000, 132, 50),
    Output(2500, "日本\r\n".encode()),
    Output(3000, b"\xff\xfe\xe6\x97"),
    Output(3500, b"\xa5\r\n"),
]
PRINTED = b"".join(packet.data for packet in CONTENT if isinstance(packet, Output))


@pytest.fixture
def file(tmp_path):
    write_recording(tmp_path / "r.jsonl", CONTENT, rec="r")
    return tmp_path / "r.jsonl"


def export(home, what, form, *argv):
    done = sessrec(home, "export", what, "--as", form, *argv, text=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_raw_is_every_byte_as_it_was(tmp_path, file):
    assert export(tmp_path, file, "raw") == PRINTED
    assert export(tmp_path, file, "raw", "--input") == b"ls\r"


def test_a_recording_in_the_store_exports_as_its_file_does(tmp_path, file):
    sessrec(tmp_path, "ingest", file)
    content = {form: export(tmp_path, file, form) for form in ("raw", "text", "asciicast", "tlog")}
    file.unlink()
    for form, expected in content.items():
        assert export(tmp_path, "r", form) == expected, form


def test_asciicast_has_output_resizes_and_input_only_when_asked(tmp_path, file):
    header, *events = map(json.loads, export(tmp_path, file, "asciicast").decode().splitlines())
    assert header == {"version": 2, "width": 80, "height": 24, "timestamp": 1795431231, "env": {"TERM": "xterm"}}
    assert events == [
        [1.0, "o", "one \x1b[31mred\x1b[0m\r\n"],
        [2.0, "r", "132x50"],
        [2.5, "o", "日本\r\n"],
        [3.0, "o", "\ufffd\ufffd"],
        [3.5, "o", "日\r\n"],
    ]
    with_input = export(tmp_path, file, "asciicast", "--input").splitlines()
    assert [1.5, "i", "ls\r"] in map(json.loads, with_input)


def test_asciicast_is_in_the_characters_of_the_session(tmp_path):
    write_recording(tmp_path / "r", ["grüße 日本".encode("euc-jp", "replace")], charset="EUC-JP")
    assert "日本" in export(tmp_path, tmp_path / "r", "asciicast").decode()


def test_text_is_what_was_to_be_read(tmp_path, file):
    lines = export(tmp_path, file, "text").decode().splitlines()
    assert lines[:2] == ["one red", "日本"]


def test_tlogs_messages_have_nothing_of_ours_and_no_gaps(tmp_path, file):
    lines = [json.loads(line) for line in export(tmp_path, file, "tlog").splitlines()]
    assert [each["id"] for each in lines] == list(range(1, len(lines) + 1))
    keys = [
        "ver",
        "host",
        "rec",
        "user",
        "term",
        "session",
        "id",
        "pos",
        "time",
        "timing",
        "in_txt",
        "in_bin",
        "out_txt",
        "out_bin",
    ]
    assert all(list(each) == keys for each in lines)
    assert all(type(each["time"]) is float for each in lines)


@needs("tlog-play")
def test_tlog_play_plays_the_exported_messages(tmp_path):
    # With a gap inside, and the events that tlog does not know at both ends.
    whole = messages([f"line {number} é\r\n".encode() + bytes([number % 256]) for number in range(300)], rec="r")
    write_objects(tmp_path / "r", whole[:100] + whole[150:])
    sessrec(tmp_path, "ingest", tmp_path / "r")
    assert sessrec(tmp_path, "export", "r", "--as", "tlog", "-o", tmp_path / "out").returncode == 0
    idle, open_end = os.pipe()  # tlog-play waits for ever on an input that ends
    try:
        command = ["tlog-play", "-r", "file", "-g", "end", "-i", tmp_path / "out"]
        played = subprocess.run(command, stdin=idle, capture_output=True, timeout=60, check=True).stdout
    finally:
        os.close(idle)
        os.close(open_end)
    assert played.removesuffix(b"\x1b[0m\x1b[?25h\n\0") == export(tmp_path, "r", "raw")


def test_a_file_is_written_for_its_owner_only_and_not_over_another(tmp_path, file):
    out = tmp_path / "out"
    assert sessrec(tmp_path, "export", file, "--as", "raw", "-o", out).returncode == 0
    assert out.read_bytes() == PRINTED
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    done = sessrec(tmp_path, "export", file, "--as", "raw", "-o", out)
    assert (done.returncode, done.stderr) == (1, f"sessrec: {out} cannot be created: File exists\n")


def test_what_cannot_be_exported_whole_leaves_no_file(tmp_path, file):
    file.write_bytes(file.read_bytes() + b"garbage\n")
    done = sessrec(tmp_path, "export", file, "--as", "raw", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "line 9 is not a message" in done.stderr
    assert not (tmp_path / "out").exists()
    write_objects(tmp_path / "two", messages([], rec="a") + messages([], rec="b"))
    assert "several recordings" in sessrec(tmp_path, "export", tmp_path / "two", "--as", "raw").stderr


def test_raw_bytes_are_not_let_loose_on_a_terminal(tmp_path, file):
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "sessrec", "export", str(file), "--as", "raw"]
    done = subprocess.run(
        command,
        cwd=HERE,
        env=environment(tmp_path),
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 1
    assert b"not for a terminal" in done.stderr


PACKETS = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.one_of(st.binary(min_size=1, max_size=12), st.text(min_size=1).map(str.encode)),
        st.sampled_from([Input, Output]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(PACKETS)
def test_prop_exports_have_every_byte(packets):
    at = 0
    content = []
    for delay, data, kind in packets:
        at += delay
        content.append(kind(at, data))
    lines = [line_of(each)[:-1] for each in messages(content)]

    class Held:
        def __init__(self):
            self.batches = [lines[:2], lines[2:]]

        def read(self):
            return self.batches.pop(0) if self.batches else []

        def close(self):
            pass

    def of(kind, packets):
        return b"".join(packet.data for packet in packets if isinstance(packet, kind))

    played = [packet for line in tlog.export(exported(Held())) for packet in parse(line).packets]
    for kind in (Input, Output):
        assert (
            b"".join(raw.export(exported(Held()), with_input=kind is Input)) == of(kind, content) == of(kind, played)
        )
    events = [json.loads(line) for line in asciicast.export(exported(Held()), with_input=True)][1:]
    for kind, code in ((Input, "i"), (Output, "o")):
        text = "".join(event[2] for event in events if event[1] == code)
        assert text == of(kind, content).decode("utf-8", "replace")


def drained(recording):
    lines = []
    while batch := recording.read():
        lines += [line + b"\n" for line in batch]
    return lines


def test_a_recording_is_found_by_path_id_and_beginning(tmp_path, file, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = new_store(tmp_path)
    ingested(store, file)
    lines = stored_lines(store, "r")
    assert drained(locate(str(file), None)) == lines
    assert drained(locate("r", store.path)) == lines
    with pytest.raises(RecordingError, match="no file and no recording"):
        locate("r", None)
    for name in ("", "x" * 5000, "a\0b", "../r.jsonl", "%", "_"):
        with pytest.raises(RecordingError, match="no file and no recording"):
            locate(name, store.path)
    store.close()


def test_a_running_recording_is_followed_by_its_id(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = recordings_of(tmp_path) / "running.jsonl"
    lines = [line_of(each) for each in messages(["one\r\n", "two\r\n"], rec="running")]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(lines[:2]))
    recording = locate("run", None)
    assert drained(recording) == lines[:2]
    with file.open("ab") as more:
        more.write(b"".join(lines[2:]))
    assert drained(recording) == lines[2:]
    recording.close()


def test_a_recording_in_the_store_can_be_followed_too(tmp_path):
    store = new_store(tmp_path)
    whole = messages([f"line {number}\r\n" for number in range(8)], rec="r")
    write_objects(tmp_path / "r", whole[:4] + whole[6:8])
    ingested(store, tmp_path / "r")
    recording = locate("r", store.path)
    assert len(drained(recording)) == 6
    write_objects(tmp_path / "r", whole[:4] + whole[6:])
    ingested(store, tmp_path / "r")
    assert drained(recording) == [line_of(each) for each in whole[8:]]
    recording.close()
    store.close()
