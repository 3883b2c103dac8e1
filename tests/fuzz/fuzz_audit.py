"""Audit records: any bytes are events of known actions, of bounded size, or lines that are counted."""

import json

from recorder.audit.conversion import Converter
from recorder.audit.event import CATEGORIES
from tests import fuzz
from tests.auditing import SAMPLES

SEEDS = [path.read_bytes()[:4000] for path in sorted(SAMPLES.glob("*.log"))]
MAX_EVENT = 200_000


def target(data):
    """Convert in two pieces, as data arrives."""
    converter = Converter("own")
    half = len(data) // 2
    events = converter.feed(data[:half]) + converter.feed(data[half:])
    events += converter.expire(2_000_000_000.0) + converter.finish()
    kinds = []
    for event in events:
        text = json.dumps(event.fields, allow_nan=False)
        assert len(text) < MAX_EVENT
        text.encode()
        assert event.action in CATEGORIES
        kinds.append((event.action, *sorted(event.fields), *sorted(event.fields.get("sessrec", ()))))
    return tuple(kinds[:3]), converter.bad > 0, converter.incomplete > 0


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
