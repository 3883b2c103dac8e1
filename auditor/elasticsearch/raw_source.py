"""Messages that log servers put into Elasticsearch as a source: what was seen is worked out from them and added.

The messages stay where they are; what has been taken in stands in each recording's document, so that there is no mark
to keep, and messages may arrive late, twice and in any order. Several processes share the work by leases.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from auditor.elasticsearch.actions import Action, document
from auditor.elasticsearch.documents import Hold, message_line
from auditor.elasticsearch.id_ranges import IdRanges
from auditor.elasticsearch.layout import MESSAGES, REFUSALS
from auditor.elasticsearch.leases import SECONDS, Leases
from auditor.elasticsearch.news import News
from auditor.elasticsearch.store import RAW, ElasticsearchStore
from auditor.ingest.ingest import Ingest

INTERVAL = 0.2
"""Seconds between two looks: with Elasticsearch's refresh, a message is found within a second of its arrival."""

PATIENCE = 2.0
"""Seconds for which messages that are missing before others are waited for: log servers send batches side by side,
and a message that comes late costs going through the whole recording again."""

IDLE = 30.0
"""Seconds without a message after which a recording is given back."""

BATCH_BYTES = 2 * 1024 * 1024
"""Bytes of messages that are added together."""

PAGE = 1000

OTHERS_SECONDS = 1.0
"""Between two attempts at a recording that another process has."""

MAX_RANGES = 200
"""Gaps in a recording that Elasticsearch is told of; where there are more, the rest is left out here."""


@dataclass(slots=True)
class _Watched:
    """A recording that has had messages. `news`: they may not all be taken in; `gap_since`: since when messages are
    missing before others; `tried`: when it was last found to be another process's."""

    last_news: float
    news: bool = True
    gap_since: float | None = None
    tried: float = float("-inf")
    over: bool = False


class RawSource:
    """Takes from one store what its recordings do not have yet."""

    def __init__(
        self,
        ingest: Ingest,
        store: ElasticsearchStore,
        *,
        lease_seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"{RAW}{socket.gethostname()}:{os.getpid()}"
        self._ingest = ingest
        self._store = store
        self._server = store.server
        self._news = News(store.server)
        self._leases = Leases(store.server, seconds=lease_seconds, clock=clock)
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    def look(self, *, last: bool = False) -> None:
        """Take in what there is. `last`: no more is waited for. Raises StoreError; what was not done is done when it
        is called again."""
        for counts in self._news.recordings():
            self._watch(counts)
        now = self._clock()
        recs = [
            rec for rec, watched in self._watched.items() if watched.news and now - watched.tried > OTHERS_SECONDS
        ]
        for start in range(0, len(recs), PAGE):
            self._leases.renew()
            page = recs[start : start + PAGE]
            ours = self._leases.take(page)
            for rec in set(page) - ours:
                self._watched[rec].tried = now
            self._take(sorted(ours), last)
        self._leases.renew()
        self._ingest.settle(self.name)
        self._give_back(last)

    @property
    def left(self) -> int:
        """How many recordings have news and were last another process's, of which nothing has been heard since: it
        may be gone."""
        mine_or_alive = {*self._leases.held, *self._leases.heard_of}
        return sum(watched.news and rec not in mine_or_alive for rec, watched in self._watched.items())

    def close(self) -> None:
        """Let others go on with what is ours."""
        self._leases.release(list(self._leases.held))

    def _watch(self, counts: dict[str, int]) -> None:
        # Most that a first look finds has been taken in long ago.
        holds = self._server.holds([rec for rec in counts if rec not in self._watched]) if self._news.first else {}
        for rec, count in counts.items():
            hold = holds.get(rec)
            if not (hold and not hold.deleted and hold.fields["settled"] and count <= hold.fields["messages"]):
                watched = self._watched.setdefault(rec, _Watched(self._clock()))
                watched.news, watched.last_news = True, self._clock()

    def _take(self, recs: list[str], last: bool) -> None:
        lines: list[bytes] = []
        fed: dict[str, list[dict[str, Any]]] = {}
        size = 0
        holds = self._server.holds(recs)
        for rec in recs:
            hold = holds.get(rec)
            if hold and hold.deleted:
                self._server.remove(MESSAGES, {"term": {"rec": rec}})
                del self._watched[rec]
                continue
            if hold and not hold.fields["settled"]:
                self._store.adopt(self.name, rec)
            for ready in self._ready(rec, hold, last):
                for hit in ready:
                    line = message_line(hit["_source"])
                    lines.append(line)
                    size += len(line)
                fed.setdefault(rec, []).extend(ready)
                if size >= BATCH_BYTES:
                    self._add(lines, fed)
                    lines, fed, size = [], {}, 0
        if lines:
            self._add(lines, fed)
        for rec in recs:
            if rec in self._watched:
                self._watched[rec].news = self._watched[rec].gap_since is not None

    def _untaken(self, rec: str, taken: IdRanges) -> Iterator[list[dict[str, Any]]]:
        """The documents of messages that a recording has not taken, in the order of their ids, a page at a time."""
        ranges = list(taken)[-MAX_RANGES:]
        unwanted = [{"range": {"id": {"gte": first, "lte": last}}} for first, last in ranges]
        after: list[Any] | None = None
        last_id = 0
        while True:
            answer = self._server.search(
                MESSAGES,
                query={"bool": {"filter": [{"term": {"rec": rec}}], "must_not": unwanted}},
                sort=[{"id": {"order": "asc", "missing": "_first"}}],
                search_after=after,
                size=PAGE,
            )
            hits = answer["hits"]["hits"]
            page = []
            for hit in hits:
                id = hit["_source"].get("id", 0)
                if id not in taken and (id != last_id or not id):
                    page.append(hit)
                last_id = id
            if page:
                yield page
            if len(hits) < PAGE:
                return
            after = hits[-1]["sort"]

    def _ready(self, rec: str, hold: Hold | None, last: bool) -> Iterator[list[dict[str, Any]]]:
        """Of these those that follow each other without a gap, until it has been waited for long enough."""
        watched = self._watched[rec]
        taken = hold.taken if hold else IdRanges()
        expected = taken.last + 1
        watched.over = bool(hold and hold.fields["ended"])
        for page in self._untaken(rec, taken):
            for place, hit in enumerate(page):
                id = hit["_source"].get("id", 0)
                if id > expected:
                    watched.gap_since = watched.gap_since or self._clock()
                    if not last and self._clock() - watched.gap_since < PATIENCE:
                        if place:
                            yield page[:place]
                        return
                expected = max(expected, id + 1)
            yield page
        watched.gap_since = None

    def _add(self, lines: list[bytes], fed: dict[str, list[dict[str, Any]]]) -> None:
        self._ingest.take(self.name, None, lines)
        holds = self._server.holds(list(fed))
        for rec, hits in fed.items():
            hold = holds.get(rec)
            taken = hold.taken if hold else IdRanges()
            if hold and rec in self._watched:
                self._watched[rec].over = bool(hold.deleted or hold.fields["ended"])
            if not (hold and hold.deleted):
                self._put_aside([hit for hit in hits if hit["_source"].get("id", 0) not in taken], rec)

    def _put_aside(self, hits: list[dict[str, Any]], rec: str) -> None:
        """Messages that are no part of their recording go to the dead letters, or each look would refuse them again.
        The reasons are counted already."""
        index = self._server.names.of(REFUSALS)
        stamp = round(time.time() * 1000)
        kept = []
        for hit in hits:
            fields = {"@timestamp": stamp, "source": self.name, "rec": rec, "listed": True, "message": hit["_source"]}
            kept.append(Action("index", index, hit["_id"], document(fields), alias=True))
        if all(result.done for result in self._server.bulk.write(kept)):
            self._server.bulk.write([Action("delete", hit["_index"], hit["_id"], None) for hit in hits])

    def _give_back(self, last: bool) -> None:
        """Recordings of which no more is to come, or nothing has for a while."""
        now = self._clock()
        done = []
        for rec in self._leases.held:
            watched = self._watched.get(rec)
            idle = watched is None or watched.over or last or now - watched.last_news > IDLE
            if watched is None or (idle and not watched.news):
                done.append(rec)
        for rec in done:
            self._watched.pop(rec, None)
        self._leases.release(done)
