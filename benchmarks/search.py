"""How long a search takes: `python -m benchmarks.search`.

1,000 recordings with 1 GB of terminal output, in one store. Wall time until the first 50 hits are there, for words
that are nearly nowhere, here and there, and everywhere; parts of words; phrases; one letter; with fields. The store
is filled with the lines as they are seen, without going through a screen, which searching does not notice.
"""

import argparse
import json
import re
import tempfile
import time
from datetime import datetime
from itertools import islice
from pathlib import Path

from auditor.query.query import parse_query
from auditor.recordings.store import Addition, Facts
from auditor.sqlite.store import SqliteStore
from auditor.transcript import Seen
from benchmarks.ingest import recording
from benchmarks.sessions import Sessions

QUERIES = {
    "one line in 1 GB": "needleinhaystack",
    "part of a rare word": "dleinhays",
    "a phrase with it": '"the needleinhaystack was"',
    "not there at all": "neverwrittenanywhere",
    "in the oldest recording only": "oldestonly",
    "part of many words": "tas",
    "everywhere": "root",
    "one letter": "e",
    "common words together": "building root",
    "a common phrase": '"building c object"',
    "a rare word of the language": "{rare}",
    "a number": "31415",
    "an address": "10.3.141.59",
    "a rare word, one user": "needleinhaystack user:user7*",
    "a command": "cmd:{common}",
    "a command, and what was shown": "cmd:{common} screen:needleinhaystack",
    "common, an old week": "root until:@{week}",
    "Chinese": "日志",
}
START = 1_795_000_000.0
RUNS = 5
"""The best counts: noise only adds."""


def main() -> None:
    """Measure, print, and with --json end with a line for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=1000, help="of about 1 MB each")
    parser.add_argument("--quick", action="store_true", help="50 recordings")
    parser.add_argument("--store", type=Path, help="keep the store here, and use it if it is there")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    count = 50 if args.quick else args.recordings
    with tempfile.TemporaryDirectory() as directory:
        path = args.store or Path(directory) / "store.sqlite"
        if not path.exists():
            fill(path, count)
        print(f"store: {path.stat().st_size / 1e6:.0f} MB for {count} recordings")
        words = Sessions().words(20_000)
        common, rare = max(set(words), key=words.count), min(set(words), key=lambda word: (words.count(word), word))
        slowest = 0.0
        for name, pattern in QUERIES.items():
            text = pattern.format(common=common, rare=rare, week=START + count * 9)
            hits, times = measure(path, text)
            slowest = max(slowest, min(times))
            print(f"{name:32} {text:44} {hits:3} hits  {min(times):7.1f} ms  first {times[0]:7.1f} ms")
    print(f"slowest: {slowest:.1f} ms")
    if args.json:
        print(json.dumps({"search": round(slowest, 1)}))


def fill(path: Path, count: int) -> None:
    """Recordings of 1 MB, the first of them the oldest."""
    store = SqliteStore(path)
    sessions = Sessions()
    for number in range(count):
        data = sessions.output(1_000_000)
        if number == 0:
            data += b"oldestonly\r\n" * 30
        if number == count // 2:
            data += "so the needleinhaystack was found 日志文件\r\n".encode()
        rec = f"{number:04x}-bench"
        lines = [(id, line) for id, line in enumerate(recording(rec, data).split(b"\n"), 1) if line]
        facts = Facts(rec, f"web{number % 20}", f"user{number % 100}", "xterm", 7, START + number * 60, length=60_000)
        facts.next_id, facts.messages, facts.printed = len(lines) + 1, len(lines), len(data)
        store.add("benchmark", None, [Addition(facts, lines=lines, seen=list(seen(data.decode())))], [])
    store.close()


def seen(text: str) -> list[Seen]:
    """The lines of made up output as a person sees them."""
    lines = []
    for number, line in enumerate(re.sub(r"\x1b\[[0-9;]*[a-zA-Z]|x\b \b", "", text).split("\r\n")):
        prompt, mark, command = line.partition("$ ")
        if mark and "@" in prompt:
            lines.append(Seen("command", number, command))
        lines.append(Seen("printed", number, line))
    return lines


def measure(path: Path, text: str) -> tuple[int, list[float]]:
    """Hits, and ms of each run, every one with the store opened anew."""
    times = []
    hits = 0
    for _ in range(RUNS):
        store = SqliteStore(path)
        started = time.perf_counter()
        hits = len(list(islice(store.search(parse_query(text, datetime.now().astimezone()), 10), 50)))
        times.append((time.perf_counter() - started) * 1000)
        store.close()
    return hits, times


if __name__ == "__main__":
    main()
