"""Recordings from the systemd journal: sessrec's and tlog's, from where the last run ended, by their real senders."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auditor.ingest.ingest import Ingest
from auditor.ingest.journal import Journal, JournalError
from auditor.ingest.journal_source import JournalSource
from auditor.query.query import Selection
from recorder.sinks.journald_sink import JournaldSink
from recorder.sinks.sink import SinkError
from tests.journald import JOURNALD, running_journald
from tests.peers import needs
from tests.recordings import HERE, environment, messages, objects, sessrec, stored_lines, texts
from tests.sealing import line_of

live = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a journald of its own")


@pytest.fixture
def journald():
    with running_journald() as daemon:
        yield daemon


def send(journald, objects):
    """As the recorder does; all of it is in the journal afterwards."""
    sink = JournaldSink(journald.namespace)
    for each in objects:
        while True:
            try:
                sink.write([line_of(each)], rec=each["rec"], kind="event" if "event" in each else "io")
            except SinkError:
                time.sleep(0.01)  # journald reads more slowly than we write
            else:
                break
    sink.close()
    sync(journald)


def send_fields(journald, **fields):
    """One entry of any fields, as bytes."""
    data = b"".join(
        name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n" for name, value in fields.items()
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(data, str(journald.runtime / "socket"))
    sync(journald)


def sync(journald):
    subprocess.run(["journalctl", "--namespace", journald.namespace, "--sync"], check=True)


def take(store, journald):
    ingest = Ingest(store)
    JournalSource(ingest, store, Journal(journald.namespace)).look()
    return ingest.counts.taken, ingest.counts.known, ingest.counts.refused


@live
@needs(JOURNALD, "journalctl")
def test_recordings_come_whole_and_the_next_run_goes_on(store, journald):
    whole = messages(
        ["needle one\r\n", b"\xff\xfe\x9b", "\x1b[31m日本\u009b\r\n", "x" * 100_000 + "\r\n", "last\r\n"], rec="r"
    )
    send(journald, whole[:4])
    assert take(store, journald) == (4, 0, 0)
    send(journald, whole[4:])
    assert take(store, journald) == (3, 0, 0)
    assert take(store, journald) == (0, 0, 0)
    assert stored_lines(store, "r") == [line_of(each) for each in whole]
    assert texts(store, "needle") == ["needle one"]
    (facts,) = store.recordings(Selection())
    assert facts.origin.startswith("uid=0 unit=")
    assert facts.source == f"journal:namespace={journald.namespace}"


@live
@needs(JOURNALD, "journalctl")
def test_what_is_not_ours_is_not_looked_at(store, journald):
    send_fields(journald, MESSAGE=b"somebody else's", PRIORITY=b"6")
    send(journald, messages([], rec="r"))
    assert take(store, journald) == (2, 0, 0)


@live
@needs(JOURNALD, "journalctl")
def test_tlogs_recordings_are_found_by_their_fields(store, journald):
    for each in messages(["needle\r\n"] * 3, rec="tlog-rec"):
        each.pop("event", None)
        send_fields(journald, MESSAGE=line_of(each)[:-1], TLOG_REC=b"tlog-rec", TLOG_ID=str(each["id"]).encode())
    assert take(store, journald) == (5, 0, 0)
    assert len(texts(store, "needle")) == 3


@live
@needs(JOURNALD, "journalctl")
def test_another_user_cannot_write_into_a_recording(store, journald):
    whole = messages(["mine\r\n", "theirs\r\n"], rec="r")
    send(journald, whole[:2])
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        os._exit(
            subprocess.call([sys.executable, "-c", FORGE, str(journald.runtime / "socket"), json.dumps(whole[2])])
        )
    assert os.waitpid(pid, 0)[1] == 0
    sync(journald)
    assert take(store, journald) == (2, 0, 1)
    assert [row.reason for row in store.quarantined()] == [
        "it was not sent by the sender of the recording's first message"
    ]
    assert texts(store, "theirs") == []


FORGE = """
import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(
    b"SESSREC_TYPE=io\\nSESSREC_REC=r\\nMESSAGE=" + sys.argv[2].encode() + b"\\n", sys.argv[1])
"""


@live
@needs(JOURNALD, "journalctl")
def test_entries_without_a_usable_message_are_refused(store, journald):
    send_fields(journald, SESSREC_TYPE=b"io", MESSAGE=b"\xff\x00\x1b[31m")
    send_fields(journald, SESSREC_TYPE=b"io")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"SESSREC_TYPE=io\nMESSAGE=a\nMESSAGE=b\n", str(journald.runtime / "socket"))
    sync(journald)
    assert take(store, journald) == (0, 0, 3)
    assert all(row.excerpt.isprintable() for row in store.quarantined())


@live
@needs(JOURNALD, "journalctl")
def test_a_pretty_printed_message_is_one_message(store, journald):
    whole = messages(["needle\r\n"], rec="r")
    for each in whole:
        send_fields(journald, SESSREC_TYPE=b"io", MESSAGE=json.dumps(each, indent=1).encode())
    assert take(store, journald) == (3, 0, 0)
    assert [json.loads(line) for line in stored_lines(store, "r")] == whole


@live
@needs(JOURNALD, "journalctl")
def test_the_verb_reads_a_namespace_or_a_directory_and_follows(tmp_path, journald):
    whole = messages(["needle one\r\n", "needle two\r\n"], rec="r")
    send(journald, whole[:2])
    done = sessrec(tmp_path, "ingest", "--namespace", journald.namespace)
    assert (done.returncode, done.stdout) == (0, "1 recordings, 2 new messages\n")
    directory = next(
        path
        for base in ("/run/log/journal", "/var/log/journal")
        for path in Path(base).glob(f"*.{journald.namespace}")
    )
    done = sessrec(tmp_path, "ingest", "--directory", directory)
    assert (done.returncode, done.stdout) == (0, "0 recordings, 0 new messages, 2 known already\n")
    command = [sys.executable, "-m", "sessrec", "ingest", "--namespace", journald.namespace, "--follow", "--quiet"]
    follower = subprocess.Popen(command, cwd=HERE, env=environment(tmp_path), stderr=subprocess.PIPE)
    try:
        send(journald, whole[2:])
        deadline = time.monotonic() + 60
        while objects(sessrec(tmp_path, "list", "--json"))[0]["state"] != "ended":
            assert time.monotonic() < deadline
        follower.send_signal(2)
        assert follower.communicate(timeout=30) == (None, b"")
    finally:
        follower.kill()
        follower.wait()


@live
@needs(JOURNALD, "journalctl")
def test_many_entries_are_taken_while_more_arrive(store, journald):
    whole = messages([f"needle {number}\r\n" for number in range(400)], rec="r")
    sender = threading.Thread(target=send, args=(journald, whole))
    sender.start()
    while sender.is_alive():
        take(store, journald)
    sender.join()
    take(store, journald)
    assert stored_lines(store, "r") == [line_of(each) for each in whole]
    assert len(texts(store, "needle")) == 400


@needs("journalctl")
def test_a_journal_that_is_not_there_is_said(tmp_path):
    with pytest.raises(JournalError, match="cannot read the journal"):
        list(Journal(directory=tmp_path / "missing").entries(None))


def test_a_machine_without_journalctl_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JournalError, match="journalctl is not installed"):
        list(Journal().entries(None))
