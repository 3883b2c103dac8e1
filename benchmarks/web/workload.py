"""Stores as the page meets them: many sessions, long ones, large ones, and ones in which much happened. Made up, and
always the same but for when they were."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from auditor.ingest.ingest import Ingest, rare_collections
from auditor.recordings.store import Addition, Facts
from auditor.sqlite.store import SqliteStore
from benchmarks import events
from benchmarks.elasticsearch.workload import recordings
from benchmarks.sessions import Sessions

BATCH = 200
"""Messages that are taken in together."""

DAY_SECONDS = 8 * 3600
HALF = "half of the working day"
"""What is printed in the middle of those eight hours."""


def searched(path: Path, count: int) -> None:
    """Sessions of 100 messages and 16,000 characters each."""
    _take(path, "searched", (line for _, lines in recordings(count) for line in lines))


def listed(path: Path, count: int) -> None:
    """Sessions of which only what the list shows is there, one every five minutes up to now."""
    store = SqliteStore(path)
    began = time.time() - count * 300
    for first in range(0, count, 1000):
        numbers = range(first, min(first + 1000, count))
        store.add("listed", None, [Addition(_facts(number, began + number * 300)) for number in numbers], ())
    store.close()


def working_day(path: Path) -> None:
    """One session of eight hours, in which something is printed every second."""
    _take(path, "day", _lines("day", DAY_SECONDS, 1000, 600, HALF))


def ordinary(path: Path, count: int) -> None:
    """Sessions of a minute that print at once."""
    _take(path, "ordinary", (line for number in range(count) for line in _lines(f"o{number:03}", 600, 100, 160)))


def large(path: Path, size: int) -> None:
    """One session with about `size` bytes of messages, 40 a second."""
    each = 4096
    _take(path, "large", _lines("large", size // (each + 400), 25, each))


def eventful(path: Path, count: int) -> None:
    """One session in which so many programs are run."""
    _take(path, "eventful", events.recording(count))


def _take(path: Path, source: str, lines: Iterator[bytes]) -> None:
    store = SqliteStore(path)
    ingest = Ingest(store)
    held: list[bytes] = []
    with rare_collections():
        for number, line in enumerate(lines):
            held.append(line.rstrip(b"\n"))
            if len(held) == BATCH * 20:
                ingest.take(source, str(number), held)
                held = []
        ingest.take(source, "end", held)
    store.close()


def _facts(number: int, start: float) -> Facts:
    return Facts(
        rec=f"listed{number:08d}",
        host=f"web{number % 40}.example.test",
        user=f"user{number % 300}",
        term="xterm-256color",
        session=number % 9999,
        start=start,
        length=(number % 977) * 10_000,
        next_id=3,
        messages=2,
        printed=4000,
        commands=number % 17,
        events=number % 29,
        columns=80,
        rows=24,
        command=("bash",),
        marked=True,
        ended=number % 50 != 0,
        exit_code=0,
        reason="exit",
        settled=True,
    )


def _lines(rec: str, count: int, step: int, size: int, middle: str = "") -> Iterator[bytes]:
    """The messages of a session, `step` ms and `size` characters each; `middle` is printed in its middle."""
    sessions = Sessions()
    head = {"ver": "2.3", "host": "build1.example.test", "rec": rec, "user": "alice", "term": "xterm", "session": 7}
    began = time.time() - 86_400 - count * step / 1000
    texts = {"in_txt": "", "in_bin": [], "out_bin": []}

    def line(id: int, pos: int, timing: str, output: str = "", **more: object) -> bytes:
        place = {"id": id, "pos": pos, "time": began + pos / 1000, "timing": timing, "out_txt": output}
        return json.dumps(head | place | texts | more, ensure_ascii=False, separators=(",", ":")).encode()

    tty = {"columns": 80, "rows": 24}
    process = {"args": ["bash"], "executable": "/bin/bash", "pid": 4711, "tty": tty}
    start = {"version": "0.1.0", "charset": "UTF-8", "input": False}
    yield line(1, 0, "=80x24", event={"action": "session-start"}, process=process, sessrec=start)
    text = ""
    for number in range(count):
        if len(text) < size:
            text = sessions.output(100 * size).decode()
        part, text = text[:size], text[size:]
        if middle and number == count // 2:
            part += f"\x1b[m\r\n{middle}\r\n"
        yield line(number + 2, number * step, f"=80x24>{len(part)}", part)
    end = {"action": "session-end", "duration": count * step * 1_000_000}
    yield line(count + 2, count * step, "", event=end, process={"exit_code": 0}, sessrec={"reason": "exit"})
