"""Which recordings have new messages, of all that log servers put into Elasticsearch.

Elasticsearch numbers what it writes to a shard (`_seq_no`). All up to the shard's checkpoint has been carried out,
and is found after a refresh; so what lies between two checkpoints is new, and nothing is missed however late it was
sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditor.elasticsearch.connection import errors
from auditor.elasticsearch.layout import MESSAGES
from auditor.elasticsearch.server import Server

BUCKETS = 1000
"""Recordings of one answer."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of an index, and the numbers between which its new messages are: `after` < number <= `last`."""

    index: str
    number: str
    after: int
    last: int


class News:
    """Looks again and again; the first look finds all recordings that there are."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen: dict[tuple[str, str], int] = {}
        self.first = True
        """Whether the counts of this look are all messages of a recording, and not only those that are new."""

    def recordings(self) -> Iterator[dict[str, int]]:
        """Those that have messages which were not there at the last look, and how many, some at a time."""
        moved = [
            Shard(*shard, self._seen.get(shard, -1), checkpoint)
            for shard, checkpoint in self._checkpoints().items()
            if checkpoint > self._seen.get(shard, -1)
        ]
        if not moved:
            return
        self._server.refresh(MESSAGES)
        if self.first:
            # Of all indices together: a recording's messages are in several where a new one has followed.
            yield from self._found(None)
        for shard in moved:
            if not self.first:
                yield from self._found(shard)
            self._seen[shard.index, shard.number] = shard.last
        self.first = False

    def _checkpoints(self) -> dict[tuple[str, str], int]:
        """The last number of each shard, by index and shard, up to which all is done."""
        with errors(self._server.address):
            stats = self._server.client.indices.stats(
                index=self._server.names.of(MESSAGES),
                metric="docs",
                level="shards",
                filter_path="indices.*.shards.*.seq_no.local_checkpoint,indices.*.shards.*.routing.primary",
            )
        return {
            (index, shard): copy["seq_no"]["local_checkpoint"]
            for index, found in stats.get("indices", {}).items()
            for shard, copies in found["shards"].items()
            for copy in copies
            if copy["routing"]["primary"]
        }

    def _found(self, shard: Shard | None) -> Iterator[dict[str, int]]:
        """Recordings that have messages there, None: anywhere."""
        composite: dict[str, Any] = {"size": BUCKETS, "sources": [{"rec": {"terms": {"field": "rec"}}}]}
        where: dict[str, Any] = {"index": self._server.names.of(MESSAGES), "query": {"match_all": {}}}
        if shard is not None:
            where = {
                "index": shard.index,
                "preference": f"_shards:{shard.number}",
                "query": {"range": {"_seq_no": {"gt": shard.after, "lte": shard.last}}},
            }
        while True:
            with errors(self._server.address):
                answer = self._server.client.search(
                    **where,
                    aggregations={"recs": {"composite": composite}},
                    size=0,
                    track_total_hits=False,
                    allow_partial_search_results=False,
                )
            found = answer["aggregations"]["recs"]
            if found["buckets"]:
                yield {bucket["key"]["rec"]: bucket["doc_count"] for bucket in found["buckets"]}
            if "after_key" not in found:
                return
            composite["after"] = found["after_key"]
