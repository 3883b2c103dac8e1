"""Fuzz targets, one reader of foreign bytes each: `python -m tests.fuzz.fuzz_config --seconds 3600`.

A target takes bytes, raises nothing but what the reader promises, and returns what kind of answer it got. Inputs
that give a new kind of answer are kept and mutated further, so a target needs no instrumented interpreter.
"""

import argparse
import random
import sys
import time
from pathlib import Path

MAX_SIZE = 4096


def main(target, seeds):
    """Run `target` from the command line; the first input that breaks it is written to a file."""
    parser = argparse.ArgumentParser(description=target.__module__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="of the random numbers, to repeat a run")
    parser.add_argument("file", nargs="?", type=Path, help="run this one input")
    args = parser.parse_args()
    if args.file:
        print(target(args.file.read_bytes()))
        return
    print(f"--seed {args.seed}")
    kinds = run(target, seeds, seconds=args.seconds, seed=args.seed)
    print(f"{kinds} kinds of answers, nothing broke")


def run(target, seeds, *, runs=sys.maxsize, seconds=3600.0, seed=0):
    """Mutate `seeds` for so many runs or seconds; the number of kinds of answers. Raises what the target raises."""
    rng = random.Random(seed)
    kept = list(seeds)
    seen = {target(data) for data in kept}
    end = time.monotonic() + seconds
    while runs > 0 and time.monotonic() < end:
        runs -= 1
        data = _mutated(rng, kept)
        try:
            kind = target(data)
        except BaseException:
            Path("fuzz-input").write_bytes(data)
            print("the input is in ./fuzz-input", file=sys.stderr)
            raise
        if kind not in seen:
            seen.add(kind)
            kept.append(data)
    return len(seen)


def _mutated(rng, kept):
    data = bytearray(rng.choice(kept))
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(data))
        end = min(len(data), start + rng.randint(0, 16))
        other = rng.choice(kept)
        begin = rng.randint(0, len(other))
        replacement = rng.choice(
            (
                b"",
                rng.randbytes(rng.randint(1, 4)),
                bytes(data[start:end]) * rng.randint(2, 40),
                other[begin : begin + rng.randint(1, 64)],
            )
        )
        data[start:end] = replacement
    return bytes(data[:MAX_SIZE])
