"""Writing many documents: in requests of a bounded size, two at a time, and what Elasticsearch has no room for again.

Elasticsearch carries out each document of a request by itself: some may be there and others not. Whoever writes here
learns of each what became of it.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import chain
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from auditor.elasticsearch.actions import ANSWER, MAX_BYTES, SHARD_TIMEOUT, Action, Result, lines, requests, result
from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import store_error
from auditor.elasticsearch.refusal import is_read_only, item_error

IN_FLIGHT = 2
"""Requests at once: one is on its way while another is being indexed, and never more, so that a slow Elasticsearch
slows us down rather than being buried."""

PATIENCE = 60.0
"""Seconds for which documents that Elasticsearch has no room for are sent again."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts; the pause doubles, and is drawn by lot between half of it and all of it, so that
several of us do not come back at the same moment."""

_BUSY = (429, 503)


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
        packed = requests(actions, self._max_bytes)
        first, second = next(packed, None), next(packed, None)
        if first is None:
            return results
        if second is None:
            return self._send(first)
        flying: deque[Future[list[Result]]] = deque()
        try:
            for request in chain((first, second), packed):
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
            operations: list[Any] = [part for action in actions for part in lines(action)]
            answer = self._client.bulk(operations=operations, filter_path=ANSWER, timeout=SHARD_TIMEOUT)
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
        return [result(next(iter(item.values()))) for item in answer["items"]]


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
