"""Whether a recording has arrived in Elasticsearch, for a host that may only add to it.

Its password reads nothing there. But what is there already cannot be created again: Elasticsearch answers 409. What
is not there yet is created by the question, with what belongs there; so each message is asked for once.
"""

import json
import time
from collections.abc import Sequence

from auditor.elasticsearch.actions import Action
from auditor.elasticsearch.layout import MESSAGES, Names, message_key
from auditor.log_servers.plain_bulk import PlainBulk
from host.proof_error import ProofError

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds before each question; a recording has as many messages, or more."""

THERE = 409


def proven_in_store(bulk: PlainBulk, lines: Sequence[bytes], pauses: Sequence[float] = PAUSES) -> str:
    """What was found, when all messages before the one that was asked for are there. Raises ProofError for a
    recording that somebody else has not sent, and StoreError."""
    documents = [_document(bulk.address.prefix, line) for line in lines]
    begun = time.monotonic()
    for asked, pause in enumerate(pauses[: len(documents)], 1):
        time.sleep(pause)
        if _is_there(bulk, documents[-asked:][:1]) == 1:
            earlier = documents[:-asked]
            if _is_there(bulk, earlier) != len(earlier):
                raise ProofError(f"messages of the recording are missing in {bulk.address}: see what sends them")
            return f"sent to {bulk.address}, within {time.monotonic() - begun:.1f} s"
    raise ProofError(
        f"nothing has sent the recording to {bulk.address} within {time.monotonic() - begun:.0f} s: "
        "see `journalctl -u session-recording-rsyslog`"
    )


def _is_there(bulk: PlainBulk, documents: Sequence[Action]) -> int:
    """How many were there already."""
    answers = bulk.write(documents)
    for answer in answers:
        if answer.status != THERE and not answer.done:
            raise ProofError(f"{bulk.address} refuses the recording: {answer.type}: {answer.reason}")
    return sum(answer.status == THERE for answer in answers)


def _document(prefix: str, line: bytes) -> Action:
    """As rsyslog is told to write it."""
    fields = json.loads(line, parse_float=str)
    seconds, _, fraction = str(fields["time"]).partition(".")
    stamp = f"{seconds}{fraction:0<3.3}"
    return Action(
        "create",
        Names(prefix).of(MESSAGES),
        message_key(fields["rec"], fields["id"]),
        b'{"@timestamp":%b,%b' % (stamp.encode(), line.rstrip(b"\n")[1:]),
    )
