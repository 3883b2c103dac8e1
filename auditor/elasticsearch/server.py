"""What the parts of the store share: the client, the names of the indices, and the ways of reading that they need."""

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elastic_transport import ConnectionTimeout
from elasticsearch import ApiError, Elasticsearch

from auditor.elasticsearch.actions import Action
from auditor.elasticsearch.address import Address
from auditor.elasticsearch.bulk import Bulk
from auditor.elasticsearch.connection import errors
from auditor.elasticsearch.documents import Hold
from auditor.elasticsearch.layout import MESSAGES, RECORDINGS, Kind, Names, recording_key
from auditor.elasticsearch.refusal import item_error

PAGE = 1000
"""Documents of one answer; Elasticsearch gives 10,000 at most."""

KEEP_ALIVE = "2m"
"""For how long a point in time outlives its last use: a person may read a page for a while."""

LAST = 2**63 - 1
"""The highest value of a number that is sorted by."""

_PAGE = "pit_id,hits.hits._source,hits.hits.sort,hits.hits._id,hits.hits._index"

REFRESH_SECONDS = 5.0
"""How long a refresh is waited for."""

INDICES_FOR = 5.0
"""Seconds for which it is known which indices are behind a name: a rollover is not seen sooner."""


class Server:
    """One store on one server. Every method may raise StoreError."""

    def __init__(self, client: Elasticsearch, address: Address) -> None:
        self.client = client
        self.address = address
        self.names = Names(address.prefix)
        self.bulk = Bulk(client, address)
        self._indices: dict[str, tuple[float, list[str]]] = {}
        self._left: deque[str] = deque()
        """Points in time of scans that were given up."""

    def close(self) -> None:
        """Give back threads and connections."""
        self._close_left()
        self.bulk.close()
        self.client.close()

    def holds(self, recs: Sequence[str]) -> dict[str, Hold]:
        """The documents of recordings, as they are this moment; those that are not there are left out."""
        if not recs:
            return {}
        with errors(self.address):
            answer = self.client.mget(
                index=self.names.of(RECORDINGS), ids=[recording_key(rec) for rec in recs], realtime=True
            )
        found: dict[str, Hold] = {}
        for rec, item in zip(recs, answer["docs"], strict=True):
            if "error" in item:
                _raise_missing(self, item["error"])
            if item.get("found"):
                found[rec] = Hold(item["_source"], item["_seq_no"], item["_primary_term"])
        return found

    def refresh(self, *kinds: Kind) -> None:
        """Make what was written to be found. A reader may lack the privilege: what is there is found soon anyway.
        Where a part of the index is nowhere this waits for it; what is asked next says so at once."""
        with errors(self.address):
            try:
                client = self.client.options(request_timeout=REFRESH_SECONDS)
                client.indices.refresh(index=[self.names.of(kind) for kind in kinds])
            except ConnectionTimeout:
                pass
            except ApiError as error:
                if error.status_code != 403:
                    raise

    def scan(
        self,
        kind: Kind,
        query: Mapping[str, Any],
        sort: Sequence[Mapping[str, str]] = (),
        *,
        sizes: Sequence[int] = (PAGE,),
        source: Mapping[str, Any] | bool = True,
    ) -> Iterator[list[dict[str, Any]]]:
        """The documents that a query finds, page by page: in an order that no two of them share, or in any.

        From the second page on as they all were at one point in time; mostly the first is enough, and the point costs
        two requests. A page's `sort` may be changed by whoever reads it: the next page begins behind it.
        """
        after = None
        request: dict[str, Any] = {"query": dict(query), "source": source, "filter_path": _PAGE}
        if sort:
            hits = _hits(self.search(kind, sort=list(sort), size=sizes[0], **request))
            if hits:
                yield hits
            if len(hits) < sizes[0]:
                return
            after = _behind(hits, len(sort))
        self._close_left()
        with errors(self.address):
            point = self.client.open_point_in_time(index=self.names.of(kind), keep_alive=KEEP_ALIVE)["id"]
            try:
                while True:
                    answer = self.client.search(
                        pit={"id": point, "keep_alive": KEEP_ALIVE},
                        sort=[*sort, {"_shard_doc": "asc"}],
                        size=sizes[-1],
                        search_after=after,
                        track_total_hits=False,
                        allow_partial_search_results=False,
                        **request,
                    )
                    point = answer["pit_id"]
                    hits = _hits(answer.body)
                    if hits:
                        yield hits
                        after = _behind(hits, len(sort))
                    if len(hits) < sizes[-1]:
                        break
            except GeneratorExit:
                # By the garbage collector perhaps, in the middle of another request, with its locks held by this
                # thread: a request from here would wait for itself.
                self._left.append(point)
                raise
            except BaseException:
                self._close_point(point)
                raise
            self._close_point(point)

    def search(self, kind: Kind, **request: Any) -> dict[str, Any]:
        """One page of what a query finds, from all shards or not at all."""
        with errors(self.address):
            answer = self.client.search(
                index=self.names.of(kind), allow_partial_search_results=False, track_total_hits=False, **request
            )
        body: dict[str, Any] = answer.body
        return body

    def count(self, kind: Kind, query: Mapping[str, Any]) -> int:
        """How many documents a query finds."""
        with errors(self.address):
            return int(self.client.count(index=self.names.of(kind), query=dict(query))["count"])

    def indices(self, kind: Kind) -> list[str]:
        """The indices behind a name, the one that is written to (the latest) first."""
        name = self.names.of(kind)
        known = self._indices.get(name)
        if known is None or time.monotonic() - known[0] > INDICES_FOR:
            with errors(self.address):
                found = sorted(self.client.indices.get(index=name, filter_path="*.aliases"), reverse=True)
            known = self._indices[name] = (time.monotonic(), found)
        return known[1]

    @property
    def streamed(self) -> bool:
        """Whether messages are a data stream, rather than an alias."""
        return self.indices(MESSAGES)[0].startswith(".ds-")

    def documents(self, kind: Kind, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """The documents of a rolled kind by their ids, as they are this moment, from whichever index."""
        found: list[dict[str, Any] | None] = [None] * len(ids)
        for index in self.indices(kind):
            waiting = [place for place, fields in enumerate(found) if fields is None]
            if not waiting:
                break
            with errors(self.address):
                answer = self.client.mget(index=index, ids=[ids[place] for place in waiting], realtime=True)
            for place, item in zip(waiting, answer["docs"], strict=True):
                found[place] = item["_source"] if item.get("found") else None
        return found

    def remove(self, kind: Kind, query: Mapping[str, Any]) -> None:
        """Delete the documents that a query finds. Not by `_delete_by_query`: a small server lacks it, and this one
        learns of each document what became of it."""
        self.refresh(kind)
        for page in self.scan(kind, query, [], source=False):
            results = self.bulk.write([Action("delete", hit["_index"], hit["_id"], None) for hit in page])
            for result in results:
                if not result.done and result.status != 404:
                    raise item_error(self.address, result.status, result.type, result.reason)

    def _close_left(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._close_point(self._left.popleft())

    def _close_point(self, point: str) -> None:
        try:
            self.client.close_point_in_time(id=point)
        except Exception:
            pass  # it ends by itself, and what went wrong before matters more


def _behind(hits: list[dict[str, Any]], length: int) -> list[Any]:
    """Where the next page begins, with the order of the shards behind the `length` fields that are sorted by."""
    place: list[Any] = hits[-1]["sort"]
    return [*place[:length], LAST] if length else place


def _hits(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    # What is empty is left out of an answer of which only parts were asked for.
    found: list[dict[str, Any]] = answer.get("hits", {}).get("hits", [])
    return found


def _raise_missing(server: Server, error: Mapping[str, Any]) -> None:
    status = 404 if error.get("type") == "index_not_found_exception" else 503
    raise item_error(server.address, status, str(error.get("type", "")), str(error.get("reason", "")))
