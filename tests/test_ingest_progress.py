"""What an ingest that follows notes of itself in its store, of either kind."""

import json
import subprocess
import time

import pytest

from auditor.ingest.ingest import Ingest
from auditor.ingest.progress import PREFIX, Notes, Progress, progress
from auditor.sqlite.store import SqliteStore
from tests.recorded import SESSREC, environment
from tests.recordings import write_recording


def test_how_late_messages_are_is_told_once(store):
    ingest = Ingest(store)
    notes = Notes(store, ingest, "here")
    old = json.dumps({"ver": "2.3", "host": "h", "rec": "r", "user": "u", "term": "", "session": 1, "id": 1,
                      "pos": 0, "time": round(time.time() - 90, 3), "timing": "", "in_txt": "", "in_bin": [],
                      "out_txt": "", "out_bin": []})  # fmt: skip
    ingest.take("file:x", None, [old.encode()])
    notes.looked()
    (found,) = progress(store)
    assert 90 <= found.lag < 100
    assert (found.taken, found.refused) == (1, 0)
    notes._noted = 0
    notes.looked()
    (found,) = progress(store)
    assert found.lag == 0
    # And not more often than needed: each is written.
    store.add(f"{PREFIX}{found.host}:here", "{}", (), ())
    notes.looked()
    assert list(progress(store)) == []


@pytest.mark.parametrize("text", ["", "[]", '{"host": 1}'])
def test_a_note_that_is_none_is_left_out(store, text):
    store.add(f"{PREFIX}a", text, (), ())
    note = Progress("web1", "b", 1.0, time.time() - 600, 3.0, 4, 5)
    store.add(f"{PREFIX}b", json.dumps(vars(note)), (), ())
    # Long ago: it was moved, and nobody is to be told for ever.
    store.add(f"{PREFIX}c", json.dumps(vars(note) | {"looked": time.time() - 8 * 86_400}), (), ())
    assert list(progress(store)) == [note]


def test_an_ingest_that_follows_notes_that_it_looks(tmp_path):
    write_recording(tmp_path / "logs/one.jsonl")
    path = tmp_path / "store.sqlite"
    command = [*SESSREC, "ingest", "--follow", "--quiet", "--store", str(path), str(tmp_path / "logs")]
    with subprocess.Popen(command, env=environment(tmp_path)) as process:
        end = time.monotonic() + 30
        found = []
        while not found:
            assert time.monotonic() < end
            time.sleep(0.1)
            if path.exists():
                store = SqliteStore(path)
                found = list(progress(store))
                store.close()
        process.terminate()
    assert (found[0].source, found[0].refused) == (f"files:{tmp_path}/logs", 0)
    assert found[0].taken > 0
