"""Recordings for the tests of the store, and the verbs run on them as a person would."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from auditor.ingest.file_source import Mark, ingest_file
from auditor.ingest.ingest import Ingest
from auditor.query.query import parse_query
from auditor.sqlite.store import SqliteStore
from tests.sealing import BEGAN, line_of, messages

HERE = Path(__file__).parent.parent


def write_recording(path, content=(), **header):
    """A whole recording as a file; its lines. `content` and `header` as for `tests.sealing.messages`."""
    return write_objects(path, messages(content, **header))


def write_objects(path, objects):
    """Message objects, or lines, as a file; its lines."""
    lines = [each if isinstance(each, bytes) else line_of(each) for each in objects]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    return lines


def ingested(store, path):
    """Take a file in as `sessrec ingest FILE` does; what was counted."""
    ingest = Ingest(store)
    ingest_file(ingest, path, Mark())
    return ingest.counts


def found(store, query, each=10_000):
    """The lines that a query finds, as (rec, kind, at, text)."""
    hits = store.search(parse_query(query, datetime.now().astimezone()), each)
    return [(hit.facts.rec, hit.kind, hit.at, hit.text) for hit in hits]


def texts(store, query):
    """The text of what a query finds."""
    return [text for _, _, _, text in found(store, query)]


def stored_lines(store, rec):
    """The messages in a store, each with its newline."""
    return [line + b"\n" for batch in store.lines(rec) for line in batch]


def environment(home):
    """The environment of a person whose data lies below `home`."""
    return os.environ | {"XDG_DATA_HOME": str(home), "TZ": "UTC", "PYTHONUNBUFFERED": "1"}


def recordings_of(home):
    """Where that person's recordings lie."""
    return home / "session-recording" / "recordings"


def sessrec(home, *argv, **more):
    """Run `sessrec ARGV...`; what it printed is text."""
    return subprocess.run(
        [sys.executable, "-m", "sessrec", *map(str, argv)],
        **{
            "cwd": HERE,
            "env": environment(home),
            "capture_output": True,
            "stdin": subprocess.DEVNULL,
            "text": True,
            "check": False,
            "timeout": 120,
        }
        | more,
    )


def objects(done):
    """The JSON objects that a verb printed, one a line."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def name_of(store):
    """What --store takes for it."""
    return getattr(store, "path", None) or str(store.address)


def new_store(tmp_path):
    """An empty store."""
    return SqliteStore(tmp_path / "store" / "store.sqlite")


__all__ = ["BEGAN", "messages"]
