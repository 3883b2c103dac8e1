"""Sessions that are large, eventful or watched by many: the page answers, and the server's memory stays bounded.

Small here; `make bench-web ARGS='--only large --only live'` does it with 1 GB, a million events and 200 viewers.
"""

import asyncio
import json

import pytest

from benchmarks.web import workload
from benchmarks.web.large import large, peak
from benchmarks.web.live import live
from tests.web.serving import Server

ROOM = 150
"""MB that a server may take beside what it has at its start: what it keeps of recordings is bounded."""


@pytest.mark.parametrize(
    ("make", "size", "rec"), [(workload.large, 20_000_000, "large"), (workload.eventful, 30_000, "r")]
)
def test_a_large_session_is_watched_and_exported_in_bounded_memory(tmp_path, make, size, rec):
    make(tmp_path / "store.sqlite", size)
    server = Server(tmp_path, tmp_path / "store.sqlite")
    try:
        client = server.client()
        before = server.memory()
        assert len(list(large(server, client, rec, "it"))) > 10
        assert peak(server) < before + ROOM
        # Parts are small, however large the whole is.
        base = f"{server.base}/api/recordings/{rec}"
        for path in (
            "/segments?t=0",
            "/segments?t=100",
            "/events?limit=500",
            "/timeline?buckets=2000",
            "/preview?t=9",
        ):
            assert len(client.open(base + path).read()) < 3_000_000, path
        tree = json.load(client.open(base + "/tree"))
        assert len(tree["processes"]) <= 5000
    finally:
        server.close()


def test_many_watch_one_session(tmp_path):
    rows = dict(asyncio.run(live(tmp_path, 40, 5)))
    lines, cut = rows["lines that each of them has read, and how many were cut off"].split("; ")
    fewest, most = map(int, lines.split(" to "))
    assert most > 20
    assert fewest >= most - 12  # who came a piece of news later
    assert cut == "0"
    before, after = map(int, rows["memory of the server, before and with them"].removesuffix(" MB").split(" and "))
    assert after < before + 60
    late = rows["from being printed to being read, through the log pipeline: p50, p99, worst"]
    assert float(late.split(",")[0]) < 3
