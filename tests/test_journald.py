"""Messages in the systemd journal: whole, in order, also over a journald that stops, hangs or is replaced."""

import fcntl
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.sinks.journald_sink import JournaldSink
from recorder.sinks.sink import SinkError
from recorder.sinks.spool import Spool
from tests.journald import JOURNALD, PATIENCE, message, running_journald
from tests.peers import needs


def drain(spool):
    """Until a daemon that is merely slower than we are has taken everything."""
    end = time.monotonic() + PATIENCE
    while not spool.retry():
        assert time.monotonic() < end, spool.last_error
        time.sleep(0.01)


@pytest.fixture
def journald():
    with running_journald() as daemon:
        yield daemon


@pytest.fixture
def receiver(tmp_path):
    """A socket in journald's place, to see what is sent to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "socket"))
        bound.settimeout(PATIENCE)
        yield bound


def received(receiver):
    """The fields of one entry, and the descriptor's seals where one was sent."""
    data, rights, _, _ = socket.recv_fds(receiver, 1 << 20, 4)
    seals = None
    for fd in rights:
        with open(fd, "rb") as file:
            seals = fcntl.fcntl(file, fcntl.F_GET_SEALS)
            file.seek(0)
            data = file.read()
    fields = {}
    while data:
        name, _, rest = data.partition(b"\n")
        if b"=" in name:
            name, _, value = name.partition(b"=")
            data = rest
        else:
            length = int.from_bytes(rest[:8], "little")
            value, end, data = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
            assert end == b"\n"
        fields[name.decode()] = value
    return fields, seals


def write(sink, line, kind="io"):
    sink.write([line[:4], line[4:]], rec="0a1b2c", kind=kind)


def line(number, size=10):
    text = json.dumps({"id": number, "out_txt": "\x1b[1mä漢🙂\x9b" + "x" * size}, ensure_ascii=False)
    return text.replace("\x7f", "").encode() + b"\n"


def test_an_entry_names_the_recording_and_what_it_is(receiver, tmp_path):
    sink = JournaldSink(socket_path=str(tmp_path / "socket"))
    for kind in ("event", "io"):
        write(sink, b'{"id":1}\n', kind)
        assert received(receiver)[0] == {
            "PRIORITY": b"6",
            "SYSLOG_IDENTIFIER": b"sessrec",
            "SESSREC_REC": b"0a1b2c",
            "SESSREC_TYPE": kind.encode(),
            "MESSAGE": b'{"id":1}',
        }


def test_a_recording_id_cannot_add_fields(receiver, tmp_path):
    sink = JournaldSink(socket_path=str(tmp_path / "socket"))
    sink.write([b"{}\n"], rec="a\nPRIORITY=0\nMESSAGE=forged", kind="io")
    fields, _ = received(receiver)
    assert fields["SESSREC_REC"] == b"a\nPRIORITY=0\nMESSAGE=forged"
    assert fields["MESSAGE"] == b"{}"


def test_a_message_too_large_for_a_datagram_is_sent_as_a_sealed_file(receiver, tmp_path):
    sink = JournaldSink(socket_path=str(tmp_path / "socket"))
    large = line(1, 1_000_000)
    before = set(Path("/proc/self/fd").iterdir())
    write(sink, large)
    assert set(Path("/proc/self/fd").iterdir()) == before
    fields, seals = received(receiver)
    assert fields["MESSAGE"] + b"\n" == large
    assert seals == fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def test_a_message_in_very_many_parts_arrives_whole(receiver, tmp_path):
    sink = JournaldSink(socket_path=str(tmp_path / "socket"))
    parts = [b"%d," % n for n in range(5000)]
    sink.write([*parts, b"\n"], rec="r", kind="io")
    assert received(receiver)[0]["MESSAGE"] == b"".join(parts)


def test_a_journal_that_is_not_there_is_one_line_of_explanation(tmp_path):
    sink = JournaldSink(socket_path=str(tmp_path / "socket"))
    with pytest.raises(SinkError, match=r"journald at .*: No such file or directory") as caught:
        write(sink, b"{}\n")
    assert caught.value.errno
    sink.close()
    with pytest.raises(SinkError):
        write(sink, b"{}\n")


def test_a_path_too_long_for_a_socket_is_one_line_of_explanation(tmp_path):
    with pytest.raises(SinkError, match=r"journald at .*too long"):
        write(JournaldSink(socket_path=str(tmp_path / ("x" * 200))), b"{}\n")


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "a b", "ä", "x" * 201])
def test_a_namespace_is_no_way_to_another_directory(namespace):
    with pytest.raises(SinkError, match="is not a journal namespace"):
        JournaldSink(namespace)


def test_a_session_does_not_wait_for_a_journal_that_reads_nothing(receiver, tmp_path):
    sink = JournaldSink(socket_path=str(tmp_path / "socket"))
    spool = Spool(sink, 1_000_000)
    lines = [line(n) for n in range(2000)]
    for one in lines:
        spool.write([one], rec="r", kind="io")
    assert spool.pending_messages
    got = []
    while len(got) < len(lines):
        got.append(received(receiver)[0]["MESSAGE"] + b"\n")
        spool.retry()
    assert got == lines


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_prop_any_bytes_arrive_as_one_field(tmp_path_factory, parts, rec):
    path = str(tmp_path_factory.mktemp("j") / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(path)
        bound.settimeout(PATIENCE)
        sink = JournaldSink(socket_path=path)
        sink.write([*parts, b"\n"], rec=rec, kind="io")
        fields, _ = received(bound)
        sink.close()
    assert fields["MESSAGE"] == b"".join(parts)
    assert fields["SESSREC_REC"] == rec.encode(errors="replace")


live = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a journald of its own")


@live
@needs(JOURNALD, "journalctl")
def test_messages_are_in_the_journal_as_they_were_written(journald):
    sink = JournaldSink(journald.namespace)
    lines = [line(1), line(2, 60_000), line(3, 400_000), line(4)]
    for one in lines:
        write(sink, one, "event")
    entries = journald.entries()
    assert [message(entry) for entry in entries] == lines
    assert {(entry["SESSREC_REC"], entry["SESSREC_TYPE"], entry["PRIORITY"]) for entry in entries} == {
        ("0a1b2c", "event", "6")
    }
    assert {entry["_UID"] for entry in entries} == {"0"}
    assert {entry["_PID"] for entry in entries} == {str(os.getpid())}


@live
@needs(JOURNALD, "journalctl")
def test_nothing_is_lost_when_journald_is_stopped_and_started_again(journald):
    spool = Spool(JournaldSink(journald.namespace), 1_000_000)
    lines = [line(n, 200 * n) for n in range(60)]
    for number, one in enumerate(lines):
        if number == 20:
            drain(spool)
            assert journald.messages() == lines[:20]
            journald.stop()
        if number == 40:
            assert spool.last_error is not None
            assert spool.pending_messages == 20
            journald.start()
        spool.write([one], rec="r", kind="io")
    assert spool.close(PATIENCE)
    assert journald.messages() == lines


@live
@needs(JOURNALD, "journalctl")
def test_nothing_is_lost_when_journald_hangs_for_a_while(journald):
    spool = Spool(JournaldSink(journald.namespace), 10_000_000)
    lines = [line(n, 100) for n in range(3000)]
    os.kill(journald.process.pid, signal.SIGSTOP)
    try:
        for one in lines:
            spool.write([one], rec="r", kind="io")
        assert spool.pending_messages
    finally:
        os.kill(journald.process.pid, signal.SIGCONT)
    assert spool.close(PATIENCE)
    assert journald.messages() == lines
