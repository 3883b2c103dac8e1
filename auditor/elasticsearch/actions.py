"""What is written to Elasticsearch: documents, packed into requests, and what became of them. Needs no client of its.

https://www.elastic.co/guide/en/elasticsearch/reference/8.19/docs-bulk.html
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

MAX_BYTES = 1024 * 1024
"""Of one request: more does not make Elasticsearch faster."""

MAX_DOCUMENTS = 1000
"""Of one request."""

SHARD_TIMEOUT = "20s"
"""For how long Elasticsearch waits for a part of the index that is nowhere."""

ANSWER = ",".join(f"items.*.{name}" for name in ("status", "error.type", "error.reason", "_seq_no", "_primary_term"))
"""What of an answer is asked for."""


class Action(NamedTuple):
    """One write: `operation` (create, index, update, delete) of the document `id` in the index `target`.

    `body` is JSON, or None to delete it. `if_seq_no` and `if_primary_term` are of the version that must still be
    there. `alias`: the target must be one.
    """

    operation: str
    target: str
    id: str
    body: bytes | None
    if_seq_no: int | None = None
    if_primary_term: int | None = None
    alias: bool = False


class Result(NamedTuple):
    """What became of it: HTTP status, `type` and `reason` of an error, and the version that is there now."""

    status: int
    type: str = ""
    reason: str = ""
    seq_no: int = -1
    primary_term: int = -1

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return 200 <= self.status < 300


def document(fields: Any) -> bytes:
    """A document's JSON. Half surrogate pairs, which are no text but may stand in a message, as escapes."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(fields, separators=(",", ":")).encode()


def requests(actions: Iterable[Action], max_bytes: int = MAX_BYTES) -> Iterator[list[Action]]:
    """They in their order, as many together as one request may have."""
    request: list[Action] = []
    size = 0
    for action in actions:
        length = len(action.body or b"") + len(action.id) + 100
        if request and (size + length > max_bytes or len(request) == MAX_DOCUMENTS):
            yield request
            request, size = [], 0
        request.append(action)
        size += length
    if request:
        yield request


def lines(action: Action) -> Iterator[bytes]:
    """What stands for it in a request."""
    head: dict[str, Any] = {"_index": action.target, "_id": action.id}
    if action.if_seq_no is not None:
        head |= {"if_seq_no": action.if_seq_no, "if_primary_term": action.if_primary_term}
    if action.alias:
        # Else a store that was not set up would come into being with whatever mapping Elasticsearch guesses.
        head["require_alias"] = True
    yield document({action.operation: head})
    if action.body is not None:
        yield action.body


def result(item: dict[str, Any]) -> Result:
    """What an answer says of it."""
    error = item.get("error") or {}
    return Result(
        item["status"],
        error.get("type", ""),
        error.get("reason", ""),
        item.get("_seq_no", -1),
        item.get("_primary_term", -1),
    )
