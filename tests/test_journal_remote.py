"""Journals of other hosts, which systemd-journal-remote has received, and what journald has dropped."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.ingest.ingest import Ingest
from auditor.ingest.journal import Journal, JournalError, _entry
from auditor.ingest.journal_files import journals
from auditor.ingest.journal_source import JournalSource
from tests.journald import JOURNALD, running_journald
from tests.peers import needs
from tests.recordings import messages, sessrec, texts
from tests.sealing import line_of
from tests.test_journal_ingest import send, sync
from tests.units import unit

REMOTE = "/lib/systemd/systemd-journal-remote"
UPLOAD = "/lib/systemd/systemd-journal-upload"
BOOT = "0123456789abcdef0123456789abcdef"

live = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a journald of its own")


def receive(path, built, *, began):
    """As systemd-journal-remote writes what a host sent: its clock, in seconds, at the first message."""
    entries = []
    for number, each in enumerate(built):
        micros = int((began + number) * 1_000_000)
        fields = {
            "__REALTIME_TIMESTAMP": micros,
            "__MONOTONIC_TIMESTAMP": micros,
            "_BOOT_ID": BOOT,
            "_UID": 990,
            "_SYSTEMD_UNIT": "session-recorder.service",
            "SESSREC_TYPE": "event" if "event" in each else "io",
            "MESSAGE": line_of(each)[:-1].decode(),
        }
        entries.append("".join(f"{name}={value}\n" for name, value in fields.items()) + "\n")
    subprocess.run([REMOTE, "-o", path, "-"], input="".join(entries).encode(), check=True, capture_output=True)


def look(store, directory):
    ingest = Ingest(store)
    JournalSource(ingest, store, Journal(directory=directory)).look()
    return ingest.counts.taken, ingest.counts.known, ingest.counts.refused


@needs(REMOTE, "journalctl")
def test_what_a_host_sends_late_is_not_passed_by(store, tmp_path):
    one, two = (messages(["needle\r\n"] * 4, rec=rec) for rec in ("one", "two"))
    receive(tmp_path / "remote-web1.journal", one, began=2000)
    assert look(store, tmp_path) == (6, 0, 0)
    # Another host was away: all of its entries are older than those that were read.
    receive(tmp_path / "remote-web2.journal", two[:3], began=1000)
    assert look(store, tmp_path) == (3, 0, 0)
    receive(tmp_path / "remote-web2.journal", two[3:], began=1100)
    assert look(store, tmp_path) == (3, 0, 0)
    assert look(store, tmp_path) == (0, 0, 0)
    assert len(texts(store, "needle")) == 8
    assert {store.facts(rec).origin for rec in ("one", "two")} == {"uid=990 unit=session-recorder.service"}


@needs(REMOTE, "journalctl")
def test_only_journals_with_something_new_are_read(store, tmp_path, monkeypatch):
    whole = messages(["needle\r\n"] * 4, rec="r")
    receive(tmp_path / "remote-web1.journal", whole[:3], began=1000)
    ingest = Ingest(store)
    source = JournalSource(ingest, store, Journal(directory=tmp_path))
    source.look()
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        source.look()
    receive(tmp_path / "remote-web1.journal", whole[3:], began=2000)
    source.look()
    assert ingest.counts.taken == 6


@needs(REMOTE, "journalctl")
def test_what_was_read_may_be_rotated_away_and_removed(store, tmp_path):
    whole = messages(["needle\r\n"] * 7, rec="r")
    receive(tmp_path / "remote-web1.journal", whole[:3], began=1000)
    assert look(store, tmp_path) == (3, 0, 0)
    (tmp_path / "remote-web1.journal").rename(tmp_path / "remote-web1@1.journal")
    receive(tmp_path / "remote-web1.journal", whole[3:6], began=2000)
    assert look(store, tmp_path) == (3, 0, 0)
    (tmp_path / "remote-web1@1.journal").unlink()
    (tmp_path / "remote-web1.journal").unlink()
    receive(tmp_path / "remote-web1.journal", whole[6:], began=3000)
    assert look(store, tmp_path) == (3, 0, 0)


@needs(REMOTE, "journalctl")
def test_one_file_of_a_journal_is_read(tmp_path):
    receive(tmp_path / "one.journal", messages(["needle\r\n"], rec="r"), began=1000)
    receive(tmp_path / "two.journal", messages(["other\r\n"], rec="other"), began=1000)
    done = sessrec(tmp_path, "ingest", "--directory", tmp_path / "one.journal")
    assert (done.returncode, done.stdout) == (0, "1 recordings, 3 new messages\n")
    done = sessrec(tmp_path, "ingest", "--directory", tmp_path / "missing.journal")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    (tmp_path / "broken.journal").write_bytes(b"no journal")
    with pytest.raises(JournalError):
        list(Journal(directory=tmp_path / "broken.journal").parts[0].entries(None))


@needs(REMOTE, "journalctl")
def test_a_broken_journal_of_one_host_does_not_keep_the_others_away(store, tmp_path):
    whole = messages(["needle\r\n"] * 4, rec="r")
    (tmp_path / "remote-a.journal").write_bytes(b"LPKSHHRH" + bytes(5000))
    receive(tmp_path / "remote-b.journal", whole[:3], began=1000)
    ingest = Ingest(store)
    source = JournalSource(ingest, store, Journal(directory=tmp_path))
    assert [str(error).startswith("journalctl cannot read the journal: ") for error in source.look()] == [True]
    assert source.look() == []
    receive(tmp_path / "remote-b.journal", whole[3:], began=2000)
    assert (source.look(), ingest.counts.taken) == ([], 6)
    assert [row.source.rpartition(" ")[2] for row in store.quarantined()] == ["remote-a"]
    done = sessrec(tmp_path, "ingest", "--directory", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stdout == "1 recordings, 6 new messages\n"


@live
@needs(JOURNALD, "journalctl", REMOTE, UPLOAD)
def test_a_namespace_arrives_over_http_as_it_was(store, tmp_path):
    whole = messages([f"needle {number} é\r\n" for number in range(30)], rec="r")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "remote").mkdir()
    command = [REMOTE, f"--listen-http=127.0.0.1:{port}", "--split-mode=host", "-o", tmp_path / "remote"]
    with running_journald() as journald:
        send(journald, whole)
        (kept,) = (
            path
            for base in ("/run/log/journal", "/var/log/journal")
            for path in Path(base).glob(f"*.{journald.namespace}")
        )
        receiver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            upload = [UPLOAD, f"--url=http://127.0.0.1:{port}", f"--directory={kept}", "--follow=no"]
            end = time.monotonic() + 60
            while subprocess.run(upload, capture_output=True, timeout=60).returncode:
                assert time.monotonic() < end
                time.sleep(0.1)
        finally:
            receiver.terminate()
            receiver.wait(60)
    assert look(store, tmp_path / "remote") == (32, 0, 0)
    assert len(texts(store, "needle")) == 30


@live
@needs(JOURNALD, "journalctl")
def test_what_journald_has_dropped_is_told(store, tmp_path):
    with running_journald() as journald, unit("session-recorder.service") as recorder:
        journald.stop()
        limit = "[Journal]\nRateLimitIntervalSec=1s\nRateLimitBurst=1\n"
        (journald.settings / "limit.conf").write_text(limit)
        journald.start()
        whole = messages(["needle\r\n"] * 300, rec="r")
        recorder.run(send, journald, whole[:-1])
        time.sleep(1.1)
        recorder.run(send, journald, whole[-1:])
        # Somebody who says the same is not believed.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            lie = b"MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nN_DROPPED=7000\nMESSAGE=lie\n"
            out.sendto(lie, str(journald.runtime / "socket"))
        sync(journald)
        ingest = Ingest(store)
        source = JournalSource(ingest, store, Journal(journald.namespace))
        source.look()
        dropped = source.dropped
        assert 0 < dropped == 302 - ingest.counts.taken
        (row,) = store.quarantined()
        assert row.reason.startswith("journald has dropped messages of session-recorder.service on ")
        assert row.excerpt == f"Suppressed {dropped} messages from session-recorder.service"
        source.look()
        assert (source.dropped, len(list(store.quarantined()))) == (dropped, 1)
        assert store.facts("r").missing == dropped
        done = sessrec(tmp_path, "ingest", "--namespace", journald.namespace)
        assert done.stderr.startswith(f"sessrec: journald has dropped {dropped} messages by its rate limit: set ")


@given(
    st.lists(
        st.sampled_from(["a.journal", "a@1.journal", "a@2.journal~", "b.journal", "a.b@3.journal", "x.log"]),
        unique=True,
    )
)
def test_prop_each_file_belongs_to_one_journal(tmp_path_factory, names):
    place = tmp_path_factory.mktemp("journals")
    for name in names:
        (place / name).touch()
    found = list(journals(place))
    assert sorted(path.name for each in found for path in each.paths) == sorted(set(names) - {"x.log"})
    assert len({each.name for each in found}) == len(found)
    assert all(len({path.name.partition("@")[0].partition(".j")[0] for path in each.paths}) == 1 for each in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
NAMES = st.sampled_from(["__CURSOR", "MESSAGE", "MESSAGE_ID", "N_DROPPED", "_TRANSPORT", "_SYSTEMD_UNIT", "_UID"])


@given(st.dictionaries(NAMES, JSON | st.sampled_from(["driver", "a596d6fe7bfa4994828e72309e95d61e"])))
def test_prop_any_entry_is_read(fields):
    entry = _entry(json.dumps(fields).encode())
    assert entry is None or (b"\n" not in entry.line and entry.origin.isprintable())
