"""How fast the screen is reconstructed and its lines are found: `python -m benchmarks.screen`.

MB of terminal output by second of CPU time, of `ls -lR` in colour and of a vim session: the cuts in tests/samples,
or whole recordings of raw output named ls.raw and vim.raw in a directory.
"""

import argparse
import cProfile
import json
import lzma
import pstats
import time
from pathlib import Path

from auditor.screen import Screen
from auditor.transcript import Transcript
from recorder.formats.message import Output, Resize

SAMPLES = Path(__file__).parent.parent / "tests" / "samples"

PACKET = 4095
"""Bytes: what one read from a Linux terminal gives at the most."""

PACE = 20
"""Milliseconds between two packets."""


def main() -> None:
    """Measure, print, and with --json end with a line for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=SAMPLES)
    parser.add_argument("--quick", action="store_true", help="one pass")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rates = {}
    for name in ("ls.raw", "vim.raw"):
        data = _read(args.directory / name)
        passes = 1 if args.quick else max(3, 10_000_000 // len(data))
        alone = min(_screen(data) for _ in range(passes))
        profile = cProfile.Profile()
        if args.profile:
            profile.runcall(_transcript, data)
        whole, lines = min(_transcript(data) for _ in range(passes))
        rates[f"screen {name}"] = round(len(data) / 1e6 / whole, 2)
        print(
            f"{name}: {len(data) / 1e6:.1f} MB, screen alone {len(data) / 1e6 / alone:.1f} MB/s, "
            f"with its lines {rates[f'screen {name}']:.1f} MB/s ({lines} lines)"
        )
        if args.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(20)
    if args.json:
        print(json.dumps(rates))


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else lzma.decompress(Path(f"{path}.xz").read_bytes())


def _screen(data: bytes) -> float:
    parts = [data[start : start + PACKET].decode(errors="replace") for start in range(0, len(data), PACKET)]
    screen = Screen(80, 24)
    started = time.process_time()
    for part in parts:
        screen.feed(part)
    return time.process_time() - started


def _transcript(data: bytes) -> tuple[float, int]:
    packets = [
        Output(number * PACE, data[start : start + PACKET])
        for number, start in enumerate(range(0, len(data), PACKET))
    ]
    transcript = Transcript()
    transcript.feed(Resize(0, 80, 24))
    lines = 0
    started = time.process_time()
    for packet in packets:
        lines += len(transcript.feed(packet))
    lines += len(transcript.finish())
    return time.process_time() - started, lines


if __name__ == "__main__":
    main()
