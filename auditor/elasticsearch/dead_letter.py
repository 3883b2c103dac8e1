"""A line that is not where it should be, as a document with the reason. Needs no client of Elasticsearch's."""

import base64
import time
from typing import Any

from auditor.elasticsearch.layout import recording_key
from auditor.output.printable import printable

EXCERPT = 160
"""Bytes of a dead letter that are shown."""


def dead_letter(source: str, rec: str, reason: str, line: bytes) -> tuple[str, dict[str, Any]]:
    """Its id, which is the same for the same line and reason, and its fields."""
    key = recording_key("\0".join((rec, reason, line.decode("utf-8", "replace"))) + " " * 200)
    return key, {
        "@timestamp": round(time.time() * 1000),
        "source": source,
        "rec": rec,
        "reason": reason,
        "excerpt": excerpt(line),
        "line": base64.b64encode(line).decode(),
    }


def excerpt(line: bytes) -> str:
    """Its beginning, fit to be shown."""
    return printable(line[:EXCERPT].decode("utf-8", "backslashreplace"))
