"""Recordings in files: nothing overwritten, nobody else reads them, never half a message."""

import contextlib
import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.sinks.file_sink import FileSink, is_file_name
from recorder.sinks.sink import SinkError
from recorder.sinks.spool import Spool
from tests.peers import needs

REPOSITORY = Path(__file__).parent.parent


@contextlib.contextmanager
def room_for(size):
    """Files may be no longer than `size` bytes: writes beyond are short, then fail, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def write(sink, *parts):
    sink.write(parts, rec="r", kind="io")


def test_a_recording_is_for_its_owner_only(tmp_path):
    sink = FileSink.in_directory(str(tmp_path / "data" / "recordings"), "0a1b")
    write(sink, b"one\n")
    sink.close()
    file = tmp_path / "data" / "recordings" / "0a1b.jsonl"
    assert file.read_bytes() == b"one\n"
    assert file.stat().st_mode & 0o7777 == 0o600
    assert file.parent.stat().st_mode & 0o7777 == 0o700
    assert file.parent.parent.stat().st_mode & 0o7777 == 0o700


def test_a_recording_is_for_its_owner_only_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        FileSink(str(tmp_path / "a.jsonl")).close()
    finally:
        os.umask(before)
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o7777 == 0o600


def test_a_shell_that_is_started_does_not_hold_the_recording_open(tmp_path):
    sink = FileSink(str(tmp_path / "a.jsonl"))
    held = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, close_fds=False, check=True)
    sink.close()
    assert "a.jsonl" not in held.stdout


def test_an_existing_recording_is_not_overwritten(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"precious\n")
    with pytest.raises(SinkError, match="exists and is not overwritten") as caught:
        FileSink(str(file))
    assert caught.value.errno == errno.EEXIST
    assert file.read_bytes() == b"precious\n"


def test_what_is_not_a_file_is_refused_by_its_name(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for path, kind in (
        ("/dev/stdout", "a symbolic link"),
        ("/dev/null", "a device"),
        (str(tmp_path), "a directory"),
        (str(tmp_path / "fifo"), "a FIFO"),
        (str(tmp_path / "dangling"), "a symbolic link"),
    ):
        with pytest.raises(SinkError, match=f"is {kind}: a recording is written to a new regular file"):
            FileSink(path)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("path", ["", "nowhere/at/all", "a\0b", "x" * 300, "/dev/fd/999"])
def test_a_name_that_cannot_be_is_one_line_of_explanation(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SinkError) as caught:
        FileSink(path)
    assert "\n" not in str(caught.value)
    assert caught.value.errno
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rec", ["", "..", ".hidden", "-rf", "a/b", "a\0b", "a b", "a\nb", "é", "x" * 201])
def test_a_recording_id_cannot_name_a_file_elsewhere(rec, tmp_path):
    with pytest.raises(SinkError):
        FileSink.in_directory(str(tmp_path / "d"), rec)
    assert not list(tmp_path.iterdir())


def test_the_ids_of_tlog_and_of_ours_can_name_a_file():
    assert is_file_name("175bde1c5c8a47bb98d3b10e0555c888-4d12-593ea")
    assert is_file_name("00ff" * 5)


def test_a_directory_that_cannot_be_made_is_one_line_of_explanation(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot create"):
        FileSink.in_directory(str(tmp_path / "file" / "below"), "r")


def test_a_message_in_very_many_parts_arrives_whole(tmp_path):
    sink = FileSink(str(tmp_path / "a"))
    parts = [b"%d," % n for n in range(5000)]
    write(sink, *parts, b"\n")
    write(sink, b"", b"next", b"", b"\n")
    assert (tmp_path / "a").read_bytes() == b"".join(parts) + b"\nnext\n"


def test_a_disk_that_is_full_at_any_byte_leaves_whole_messages_only(tmp_path):
    messages = [[b"first ", b"message", b"\n"], [b"second\n"], [b"a third ", b"one\n"]]
    lines = [b"".join(parts) for parts in messages]
    for room in range(len(b"".join(lines)) + 1):
        path = tmp_path / f"{room}.jsonl"
        spool = Spool(FileSink(str(path), fsync=room % 2 == 0), 1000)
        with room_for(room):
            for parts in messages:
                spool.write(parts, rec="r", kind="io")
            held = path.read_bytes()
            assert b"".join(lines).startswith(held)
            assert held.endswith(b"\n") or not held
            assert len(held) + spool.pending_bytes == len(b"".join(lines))
        assert spool.close(0.0)
        assert path.read_bytes() == b"".join(lines)


def test_the_reason_of_a_refused_message_can_be_told(tmp_path):
    sink = FileSink(str(tmp_path / "a"))
    with room_for(3), pytest.raises(SinkError, match="File too large") as caught:
        write(sink, b"longer than that\n")
    assert caught.value.errno == errno.EFBIG


@pytest.mark.parametrize("retried", [True, False])
def test_what_cannot_be_cut_off_again_is_finished_before_the_next_message(tmp_path, monkeypatch, retried):
    path = tmp_path / "a"
    sink = FileSink(str(path))
    write(sink, b"one\n")

    def cannot(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched, room_for(7):
        patched.setattr(os, "ftruncate", cannot)
        with pytest.raises(SinkError):
            write(sink, b"two", b" too\n")
        assert path.read_bytes() == b"one\ntwo"
        with pytest.raises(SinkError):
            write(sink, b"two too\n")
    if retried:
        write(sink, b"two too\n")
    with room_for(15), pytest.raises(SinkError):
        write(sink, b"three\n")
    assert path.read_bytes() == b"one\ntwo too\n"
    write(sink, b"three\n")
    assert path.read_bytes() == b"one\ntwo too\nthree\n"


def test_a_message_that_never_reached_the_disk_is_written_again(tmp_path, monkeypatch):
    path = tmp_path / "a"
    sink = FileSink(str(path), fsync=True)
    write(sink, b"one\n")

    def lost(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", lost)
        with pytest.raises(SinkError, match="Input/output error"):
            write(sink, b"two\n")
        assert path.read_bytes() == b"one\n"
    write(sink, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_an_interrupt_in_the_middle_leaves_whole_messages_only(tmp_path, monkeypatch):
    path = tmp_path / "a"
    sink = FileSink(str(path))
    write(sink, b"one\n")
    writev = os.writev

    def interrupted(fd, parts):
        writev(fd, [b"".join(parts)[:2]])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write(sink, b"two\n")
    write(sink, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


@needs("mount", "umount")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_recording_goes_on_when_a_full_disk_has_room_again(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted in this container")
    try:
        (disk / "filler").write_bytes(bytes(50_000))
        sink = FileSink(str(disk / "a.jsonl"))
        spool = Spool(sink, 100_000)
        lines = [b"%d" % n * 5000 + b"\n" for n in range(9)]
        for line in lines:
            spool.write([line], rec="r", kind="io")
        assert spool.last_error is not None
        assert spool.last_error.errno == errno.ENOSPC
        held = (disk / "a.jsonl").read_bytes()
        assert held == b"".join(lines)[: len(held)]
        assert held.endswith(b"\n") or not held
        (disk / "filler").unlink()
        assert spool.close(0.0)
        assert (disk / "a.jsonl").read_bytes() == b"".join(lines)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_closed_file_takes_nothing(tmp_path):
    sink = FileSink(str(tmp_path / "a"))
    sink.close()
    sink.close()
    with pytest.raises(SinkError, match="closed"):
        write(sink, b"one\n")


@pytest.mark.parametrize(
    "module",
    [
        *(f"sinks.{name}" for name in ("sink", "file_sink", "journald_sink", "syslog_sink", "spool", "rate_limit")),
        "capture.masking",
        "capture.locale_charset",
    ],
)
def test_a_login_does_not_wait_for_what_it_does_not_need(module):
    heavy = {"re", "json", "typing", "enum", "socket", "logging", "pathlib", "dataclasses", "collections", "locale"}
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import recorder.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())


@given(st.lists(st.tuples(st.lists(st.binary(max_size=30), max_size=5), st.integers(0, 400)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_prop_the_file_is_what_was_taken_and_nothing_else(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("sink") / "a"
    sink = FileSink(str(path))
    taken = b""
    for parts, room in steps:
        line = b"".join(parts).replace(b"\n", b" ") + b"\n"
        with room_for(room):
            try:
                write(sink, line[:1], line[1:])
                taken += line
            except SinkError:
                pass
        assert path.read_bytes() == taken
    sink.close()
