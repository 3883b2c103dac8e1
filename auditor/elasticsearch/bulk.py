"""Writing many documents: in requests of a bounded size, two at a time, and what Elasticsearch has no room for again.

Elasticsearch carries out each document of a request by itself: some may be there and others not. Whoever writes here
learns of each what became of it.
"""

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import chain
from typing import Any, NamedTuple

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import is_read_only, item_error, store_error

MAX_BYTES = 1024 * 1024
"""Of one request: more does not make Elasticsearch faster."""

MAX_DOCUMENTS = 1000
"""Of one request."""

IN_FLIGHT = 2
"""Requests at once: one is on its way while another is being indexed, and never more, so that a slow Elasticsearch
slows us down rather than being buried."""

PATIENCE = 60.0
"""Seconds for which documents that Elasticsearch has no room for are sent again."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts; the pause doubles, and is drawn by lot between half of it and all of it, so that
several of us do not come back at the same moment."""

SHARD_TIMEOUT = "20s"
"""For how long Elasticsearch waits for a part of the index that is nowhere."""

_BUSY = (429, 503)

_ANSWER = ",".join(f"items.*.{name}" for name in ("status", "error.type", "error.reason", "_seq_no", "_primary_term"))


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


class Bulk:
    """Writes to one server. Raises StoreError where nothing can be written at all, or not in time."""

    def __init__(
        self, client: Elasticsearch, address: Address, *, patience: float = PATIENCE, max_bytes: int = MAX_BYTES
    ) -> None:
        self._client = client
        self._address = address
        self._patience = patience
        self._max_bytes = max_bytes
        self._senders = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="bulk")

    def write(self, actions: Iterable[Action]) -> list[Result]:
        """Carry all of them out, in any order; the results stand as the actions do."""
        results: list[Result] = []
        requests = _requests(actions, self._max_bytes)
        first, second = next(requests, None), next(requests, None)
        if first is None:
            return results
        if second is None:
            return self._send(first)
        flying: deque[Future[list[Result]]] = deque()
        try:
            for request in chain((first, second), requests):
                if len(flying) == IN_FLIGHT:
                    results += flying.popleft().result()
                flying.append(self._senders.submit(self._send, request))
            while flying:
                results += flying.popleft().result()
        finally:
            # Nothing is on its way when the caller learns of an error.
            wait(flying)
        return results

    def close(self) -> None:
        """Let the threads go."""
        self._senders.shutdown(wait=True)

    def _send(self, actions: Sequence[Action]) -> list[Result]:
        results: dict[int, Result] = {}
        waiting = list(range(len(actions)))
        pauses = _pauses(self._patience)
        while True:
            answers = self._request([actions[index] for index in waiting])
            results.update(zip(waiting, answers, strict=True))
            waiting = [index for index in waiting if _is_busy(results[index])]
            if not waiting:
                return [results[index] for index in range(len(actions))]
            pause = next(pauses, None)
            if pause is None:
                last = results[waiting[0]]
                raise item_error(self._address, last.status, last.type, last.reason)
            time.sleep(pause)

    def _request(self, actions: Sequence[Action]) -> list[Result]:
        try:
            # Lines that are JSON already are sent as they are, though the client's types do not say so.
            lines: list[Any] = [part for action in actions for part in _lines(action)]
            answer = self._client.bulk(operations=lines, filter_path=_ANSWER, timeout=SHARD_TIMEOUT)
        except TransportError as error:
            raise store_error(error, self._address) from error
        except ApiError as error:
            if error.status_code == 429 and not is_read_only(error.message):
                return [Result(429, "rejected", str(error.message))] * len(actions)
            if error.status_code != 413:
                raise store_error(error, self._address) from error
            if len(actions) == 1:
                return [Result(413, "too_large", "larger than what Elasticsearch, or a proxy before it, takes")]
            half = len(actions) // 2
            return self._request(actions[:half]) + self._request(actions[half:])
        return [_result(next(iter(item.values()))) for item in answer["items"]]


def document(fields: Any) -> bytes:
    """A document's JSON. Half surrogate pairs, which are no text but may stand in a message, as escapes."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(fields, separators=(",", ":")).encode()


def _requests(actions: Iterable[Action], max_bytes: int) -> Iterator[list[Action]]:
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


def _lines(action: Action) -> Iterator[bytes]:
    head: dict[str, Any] = {"_index": action.target, "_id": action.id}
    if action.if_seq_no is not None:
        head |= {"if_seq_no": action.if_seq_no, "if_primary_term": action.if_primary_term}
    if action.alias:
        # Else a store that was not set up would come into being with whatever mapping Elasticsearch guesses.
        head["require_alias"] = True
    yield document({action.operation: head})
    if action.body is not None:
        yield action.body


def _result(item: dict[str, Any]) -> Result:
    error = item.get("error") or {}
    return Result(
        item["status"],
        error.get("type", ""),
        error.get("reason", ""),
        item.get("_seq_no", -1),
        item.get("_primary_term", -1),
    )


def _is_busy(result: Result) -> bool:
    # A full disk answers 429 as well, but nothing that we wait for makes room on it.
    return result.status in _BUSY and not is_read_only(result.type)


def _pauses(patience: float, lot: Callable[[], float] = random.random) -> Iterator[float]:
    """How long to wait before each further attempt, `patience` seconds in all."""
    pause, waited = FIRST_PAUSE, 0.0
    while waited < patience:
        drawn = pause * (0.5 + lot() / 2)
        waited += drawn
        pause = min(pause * 2, LONGEST_PAUSE)
        yield drawn
