"""An audit log of any length: the recorded session of tests/samples/audit, again and again."""

import lzma
import re
from pathlib import Path

SAMPLE = Path(__file__).parent.parent.parent / "tests" / "samples" / "audit" / "session.log.xz"
LARGEST = 6000
"""Bytes. Events beyond it, of which the sample has three to try bounds with, are not what a session is made of."""

_STAMP = re.compile(r"msg=audit\((\d+)\.(\d+):(\d+)\)")


def log(events: int) -> tuple[bytes, int]:
    """A log of at least so many events, with times and serials that go on, and how many they are."""
    groups: dict[int, list[str]] = {}
    for line in lzma.decompress(SAMPLE.read_bytes()).decode().splitlines(keepends=True):
        match = _STAMP.search(line)
        if match is not None:
            groups.setdefault(int(match[3]), []).append(line)
    ordinary = [group for group in map("".join, groups.values()) if len(group) < LARGEST]
    passes = -(-events // len(ordinary))
    text = "".join(ordinary)
    span = max(groups) + 1 - min(groups)

    def again(number: int) -> str:
        return _STAMP.sub(
            lambda match: f"msg=audit({int(match[1]) + 2 * number}.{match[2]}:{int(match[3]) + span * number})", text
        )

    return "".join(map(again, range(passes))).encode(), passes * len(ordinary)
