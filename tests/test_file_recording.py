"""The lines of a file that may still grow."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.recordings import recording
from auditor.recordings.recording import BATCH, FileRecording, RecordingError
from recorder.formats.message import MAX_LINE


def drained(source):
    lines = []
    while batch := source.read():
        lines += batch
    return lines


def test_a_growing_file_is_followed_line_by_line(tmp_path):
    file = tmp_path / "r"
    file.write_bytes(b"one\ntw")
    source = FileRecording(file)
    assert drained(source) == [b"one"]
    assert source.rest() == b"tw"
    with file.open("ab") as more:
        more.write(b"o\nthree\n")
    assert drained(source) == [b"two", b"three"]
    assert (source.rest(), source.offset) == (b"", 14)
    assert drained(source) == []
    source.close()


def test_a_half_line_that_was_cut_off_again_is_forgotten(tmp_path):
    file = tmp_path / "r"
    file.write_bytes(b"one\nhalf a li")
    source = FileRecording(file)
    assert drained(source) == [b"one"]
    os.truncate(file, 4)
    with file.open("ab") as more:
        more.write(b"another\n")
    assert drained(source) == [b"another"]
    source.close()


def test_a_huge_line_takes_bounded_memory_and_hides_nothing_behind_it(tmp_path):
    file = tmp_path / "r"
    with file.open("wb") as out:
        out.write(b"before\n")
        out.seek(3 * BATCH + 17)  # NULs, without the disk space for them
        out.write(b"\nafter\n")
    source = FileRecording(file)
    lines = drained(source)
    assert [len(line) for line in lines] == [6, MAX_LINE + 1, 5]
    assert lines[2] == b"after"
    assert source.offset == file.stat().st_size
    source.close()


def test_a_later_reader_goes_on_where_an_earlier_one_stopped(tmp_path):
    file = tmp_path / "r"
    file.write_bytes(b"one\ntwo\nthree")
    first = FileRecording(file)
    first.read()
    later = FileRecording(file, first.offset)
    file.write_bytes(b"one\ntwo\nthree\nfour\n")
    assert drained(later) == [b"three", b"four"]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: None])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, make):
    make(tmp_path / "r")
    with pytest.raises(RecordingError, match=r"r (is|does)"):
        FileRecording(tmp_path / "r")


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 60), st.integers(4, 30))
def test_prop_lines_are_the_files_lines_however_it_is_read(tmp_path_factory, parts, grown, batch):
    file = tmp_path_factory.getbasetemp() / "grown"
    file.write_bytes(b"")
    data = b"".join(parts)
    before = recording.BATCH
    recording.BATCH = batch
    try:
        source = FileRecording(file)
        lines = []
        for start in range(0, len(data), grown):
            with file.open("ab") as out:
                out.write(data[start : start + grown])
            lines += drained(source)
            assert source.offset == data.rfind(b"\n", 0, start + grown) + 1
        assert lines == data.split(b"\n")[:-1]
        assert source.rest() == data.split(b"\n")[-1] if data else True
        source.close()
    finally:
        recording.BATCH = before
