"""Many viewers of one live session: the processor time and the memory of the server, and how late they see it."""

import asyncio
import signal
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.web.viewers import watch
from tests.recorded import SESSREC, environment, record
from tests.web.serving import Server

PRINTS = 10
"""Lines a second."""

SCRIPT = f"while :; do echo at=$(date +%s.%N) and some text that somebody would read; sleep {1 / PRINTS}; done"


async def live(place: Path, viewers: int, seconds: float) -> list[list[str]]:
    """Rows for people. The session is recorded into a file, which is taken into the store as it grows."""
    home = place / "live"
    recordings = home / "recordings"
    recordings.mkdir(parents=True)
    store = home / "store.sqlite"
    session = record(home, "sh", "-c", SCRIPT, file=recordings / "live.jsonl")
    reading = asyncio.create_task(asyncio.to_thread(_drained, session))
    follow = [*SESSREC, "ingest", "-q", "--follow", "--store", str(store), str(recordings)]
    ingest = subprocess.Popen(follow, env=environment(home), stdin=subprocess.DEVNULL)
    try:
        while not store.exists():
            await asyncio.sleep(0.1)
        server = Server(home, store)
        try:
            return await _measured(server, viewers, seconds)
        finally:
            server.close()
    finally:
        session.process.terminate(force=True)
        ingest.send_signal(signal.SIGTERM)
        ingest.wait(20)
        await reading


async def _measured(server: Server, viewers: int, seconds: float) -> list[list[str]]:
    client = server.client()
    rec = ""
    while not rec:
        page = client.open(f"{server.base}/sessions?state=live", timeout=30).read().decode()
        rec = page.partition('href="/watch/')[2].partition('"')[0]
        await asyncio.sleep(0.2)
    jar = next(handler.cookiejar for handler in client.handlers if hasattr(handler, "cookiejar"))
    cookie = "; ".join(f"{each.name}={each.value}" for each in jar)
    port = int(server.base.rpartition(":")[2])
    before, began, used = server.memory(), time.monotonic(), server.processor()
    watched = await watch(port, cookie, rec, viewers, seconds)
    share = (server.processor() - used) / (time.monotonic() - began)
    delays = sorted(delay for each in watched.delays for delay in each)
    lines = [len(each) for each in watched.delays]
    return [
        [f"{viewers} viewers of one live session, {PRINTS} lines a second: processor", f"{share:.0%} of one"],
        ["memory of the server, before and with them", f"{before:.0f} and {server.memory():.0f} MB"],
        [
            "from being printed to being read, through the log pipeline: p50, p99, worst",
            f"{statistics.median(delays):.2f}, {delays[int(len(delays) * 0.99)]:.2f}, {delays[-1]:.2f} s",
        ],
        [
            "lines that each of them has read, and how many were cut off",
            f"{min(lines)} to {max(lines)}; {watched.cut}",
        ],
    ]


def _drained(session: object) -> None:
    session.finish()  # type: ignore[attr-defined]
