"""What many events cost: `python -m benchmarks.events`.

A recording with 100,000 exec events, as a build makes them: how fast it is taken into the store and how large that
becomes, how long searches take, until the player has it, and until its tree of processes is drawn.
"""

import argparse
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

from auditor.events.process_tree import process_tree
from auditor.events.tree_drawing import print_tree
from auditor.ingest.file_source import catch_up
from auditor.player.event_marks import time_line
from auditor.player.loader import Loader
from auditor.recordings.recording import FileRecording
from auditor.sqlite.store import SqliteStore
from benchmarks.search import measure

QUERIES = (
    "exec:gcc",
    "exec:777.o",
    'exec:"/4711.o"',
    "exec:-O2 exec:main3",
    "lib1",
    "file:shadow",
    "e",
)
START = 1_795_431_231.0


def main() -> None:
    """Measure, print, and with --json end with a line for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="10,000 events")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    count = 10_000 if args.quick else args.events
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name, "recordings")
        directory.mkdir()
        file = directory / "r.jsonl"
        file.write_bytes(b"".join(recording(count)))
        store = SqliteStore(Path(name, "store.sqlite"))
        seconds = timed("ingest", lambda: catch_up(store, directory), clock=time.process_time)
        print(f"{count / seconds:.0f} events/s of CPU time")
        size = store.path.stat().st_size
        print(f"messages: {file.stat().st_size / count:.0f} bytes an event, in the store: {size / count:.0f}")
        slowest = 0.0
        for query in QUERIES:
            hits, times = measure(store.path, query)
            slowest = max(slowest, min(times))
            print(f"{query:30} {hits:3} hits  {min(times):7.1f} ms")
        events = list(store.events("r"))
        with redirect_stdout(io.StringIO()):
            roots = process_tree(events)
            print_tree("r", roots)
        timed("tree built", lambda: process_tree(events))
        with redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
            timed("tree drawn", lambda: print_tree("r", roots))
        loader = Loader(FileRecording(file))
        timed("read by the player", lambda: _load(loader))
        timed("time line", lambda: time_line(loader.timeline, 1000.0, 200))
        store.close()
    if args.json:
        print(json.dumps({"event ingest": round(count / seconds), "event search": round(slowest, 1)}))


def timed(name: str, work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that something takes, which are printed."""
    started = clock()
    work()
    seconds = clock() - started
    sys.stderr.write(f"{name}: {seconds:.3f} s\n")
    return seconds


def recording(count: int) -> Iterator[bytes]:
    """The lines of a recording in which so many programs are run."""
    chosen = random.Random(1)
    words = [f"{word}{number}" for word in ("src", "lib", "test", "build", "main", "util") for number in range(200)]
    yield _line(1, 0, "=80x24", {"event": {"action": "session-start"}, "process": {"args": ["bash"], "pid": 1}})
    for number in range(count):
        source, target = chosen.choice(words), chosen.choice(words)
        arguments = ["gcc", "-O2", "-Wall", "-c", f"{source}/{target}.c", "-o", f"{source}/{number}.o"]
        process = {
            "pid": 4000 + number % 28_000,
            "parent": {"pid": 1000 + number % 7},
            "executable": "/usr/bin/gcc",
            "name": "gcc",
            "args": arguments,
            "args_count": len(arguments),
            "working_directory": "/home/alice/project",
            "user": {"id": "1000", "name": "alice"},
        }
        event = {
            "action": "exec",
            "category": ["process"],
            "type": ["start"],
            "outcome": "success",
            "sequence": number,
        }
        ours = {"at": max(0, number * 20 - 3)}
        yield _line(number + 2, number * 20, "", {"event": event, "process": process, "sessrec": ours})


def _line(id: int, pos: int, timing: str, more: dict[str, object]) -> bytes:
    head = {"ver": "2.3", "host": "web1.example.test", "rec": "r", "user": "alice", "term": "xterm", "session": 7}
    rest = {"id": id, "pos": pos, "time": START + pos / 1000, "timing": timing}
    texts: dict[str, object] = {"in_txt": "", "in_bin": [], "out_txt": "", "out_bin": []}
    return json.dumps({**head, **rest, **texts, **more}, separators=(",", ":")).encode() + b"\n"


def _load(loader: Loader) -> None:
    while loader.load():
        pass


if __name__ == "__main__":
    main()
