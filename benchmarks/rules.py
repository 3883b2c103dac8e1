"""What the shipped rules cost an ingest: `python -m benchmarks.rules`.

CPU time of taking ordinary sessions (`benchmarks.sessions`) into a fresh store, without rules and with the shipped
ones; then of the rules alone, for lines of such sessions and for events.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from auditor.ingest.file_source import Mark, ingest_file
from auditor.ingest.ingest import Ingest
from auditor.rules.files import shipped
from auditor.rules.matcher import RuleSet
from auditor.rules.watcher import RuleWatcher
from auditor.sqlite.store import SqliteStore
from auditor.transcript import Seen
from benchmarks.ingest import recording
from benchmarks.sessions import Sessions

RUNS = 3
"""The best counts: noise only adds."""

EVENT = {
    "event": {"action": "exec", "category": ["process"], "type": ["start"], "outcome": "success"},
    "process": {
        "pid": 4712,
        "parent": {"pid": 4711},
        "executable": "/usr/bin/git",
        "name": "git",
        "args": ["git", "commit", "-m", "rm -rf /var/log is only mentioned here"],
        "args_count": 4,
        "working_directory": "/home/alice/project",
        "user": {"id": "1000", "name": "alice"},
    },
}


def main() -> None:
    """Measure and print, with --json a line for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rules = RuleSet(shipped().rules)
    data = Sessions().output(args.megabytes * 1_000_000)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "r.jsonl"
        path.write_bytes(recording("r", data))
        plain, watched = (
            min(_ingest(Path(name) / f"{kind}{run}.sqlite", path, watcher) for run in range(RUNS))
            for kind, watcher in (("plain", None), ("watched", RuleWatcher(rules)))
        )
    lines = [Seen("printed", 0, text) for text in data.decode().splitlines()[:100_000]]
    watch = rules.watch("alice", "web1.example.test", 0.0)
    by_line = _rate(lambda: [watch.line(line) for line in lines], len(lines))
    by_event = _rate(lambda: [watch.event("exec", 0, EVENT) for _ in range(20_000)], 20_000)
    print(f"ingest: {plain:.2f} s CPU without rules, {watched:.2f} s with {len(rules.rules)} rules")
    print(f"rules alone: {by_line:,.0f} lines/s, {by_event:,.0f} exec events/s")
    if args.json:
        print(json.dumps({"plain": plain, "watched": watched, "lines": by_line, "events": by_event}))


def _ingest(store_file: Path, path: Path, watcher: RuleWatcher | None) -> float:
    store = SqliteStore(store_file)
    started = time.process_time()
    ingest_file(Ingest(store, watcher), path, Mark())
    seconds = time.process_time() - started
    store.close()
    return seconds


def _rate(work: Callable[[], object], count: int) -> float:
    best = 0.0
    for _ in range(RUNS):
        started = time.process_time()
        work()
        best = max(best, count / (time.process_time() - started))
    return best


if __name__ == "__main__":
    main()
