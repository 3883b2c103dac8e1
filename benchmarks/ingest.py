"""How fast sessions are taken into the store: `python -m benchmarks.ingest`.

MB of terminal output by second of CPU time, with all that `sessrec ingest` does: messages read and checked, the
screen reconstructed, lines compressed and indexed. Ordinary sessions (`benchmarks.sessions`), in a fresh store.
"""

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path

from auditor.ingest.file_source import catch_up
from auditor.sqlite.store import SqliteStore
from benchmarks.sessions import Sessions

RUNS = 3
"""The best counts: noise only adds."""

MESSAGE = 16 * 1024
"""Bytes of output in a message: between a person's typing and a flood."""


def main() -> None:
    """Measure, print, and with --json end with a line for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=24)
    parser.add_argument("--quick", action="store_true", help="6 MB")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    megabytes = 6 if args.quick else args.megabytes
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "recordings").mkdir()
        sessions = Sessions()
        output = 0
        for number in range(max(1, megabytes // 2)):
            data = sessions.output(2_000_000)
            output += len(data)
            (directory / "recordings" / f"r{number}.jsonl").write_bytes(recording(f"r{number}", data))
        seconds = min(ingest(directory, number) for number in range(RUNS))
        size = (directory / "store0.sqlite").stat().st_size
        rate = output / 1e6 / seconds
        print(f"ingest: {output / 1e6:.1f} MB of output in {seconds:.2f} s CPU: {rate:.1f} MB/s")
        print(f"store: {size / output:.2f} bytes for each byte of output")
        if args.profile:
            profile = cProfile.Profile()
            profile.runcall(ingest, directory, RUNS)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    if args.json:
        print(json.dumps({"ingest": round(rate, 2)}))


def ingest(directory: Path, number: int) -> float:
    """CPU seconds of one ingest into a store of its own."""
    store = SqliteStore(directory / f"store{number}.sqlite")
    started = time.process_time()
    catch_up(store, directory / "recordings")
    seconds = time.process_time() - started
    store.close()
    return seconds


def recording(rec: str, data: bytes, start: float = 1_795_431_231.0) -> bytes:
    """A recording as tlog would have written it."""
    lines = []
    text = data.decode()
    for number, first in enumerate(range(0, len(text), MESSAGE)):
        part = text[first : first + MESSAGE]
        fields = {
            "ver": "2.3",
            "host": "web1.example.test",
            "rec": rec,
            "user": "alice",
            "term": "xterm-256color",
            "session": 7,
            "id": number + 1,
            "pos": number * 1000,
            "time": start + number,
            "timing": f"=80x24>{len(part)}" if number == 0 else f">{len(part)}",
            "in_txt": "",
            "in_bin": [],
            "out_txt": part,
            "out_bin": [],
        }
        lines.append(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return b"".join(lines)


if __name__ == "__main__":
    main()
