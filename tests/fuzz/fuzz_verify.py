"""Verification: any bytes get one of the four answers, and `complete` only the recording that was sealed."""

import io
import json
import re

from auditor.verify import Verdict, verify, verify_file
from tests import fuzz
from tests.golden import RECORDING, golden_key, golden_lines

OBJECTS = [json.loads(line) for line in golden_lines()]
TRUSTED = [golden_key()]
SEEDS = [
    RECORDING.read_bytes(),
    b"".join(golden_lines()[:2]),
    json.dumps(OBJECTS[:3]).encode(),
    "\n".join(json.dumps(each, indent=1) for each in OBJECTS[:3]).encode(),
]


def target(data):
    """Verify as a file and as lines."""
    found = verify_file(io.BytesIO(data), TRUSTED)
    in_lines = verify(data.split(b"\n"), TRUSTED)
    if Verdict.COMPLETE in (found.verdict, in_lines.verdict):
        assert _objects(data) == OBJECTS
    # An unfinished line is all that a file can have and lines cannot.
    assert found.verdict == in_lines.verdict or not data.endswith(b"\n"), (found, in_lines)
    return found.verdict, re.sub(r"\d+|'.*'", "", found.reason)


def _objects(data):
    decoder = json.JSONDecoder()
    text = data.decode().lstrip().removeprefix("[")
    objects = []
    while text := text.lstrip(" \t\r\n,]"):
        value, end = decoder.raw_decode(text)
        objects.append(value)
        text = text[end:]
    return objects


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
