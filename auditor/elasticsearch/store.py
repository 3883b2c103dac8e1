"""The store in Elasticsearch: where one machine is not enough, or where a log server puts messages already."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from auditor.elasticsearch.actions import Action, document
from auditor.elasticsearch.additions import Additions
from auditor.elasticsearch.address import Address
from auditor.elasticsearch.connection import connect, errors
from auditor.elasticsearch.documents import EVENT, Hold, facts_of, message_line
from auditor.elasticsearch.id_ranges import IdRanges
from auditor.elasticsearch.layout import MESSAGES, RECORDINGS, TEXTS, message_key, recording_key
from auditor.elasticsearch.listing import behind, groups, states
from auditor.elasticsearch.mapping import VERSION
from auditor.elasticsearch.refusal import item_error
from auditor.elasticsearch.refused import Sources
from auditor.elasticsearch.search import Search, selected
from auditor.elasticsearch.server import Server
from auditor.query.query import Query, Selection
from auditor.recordings.recording_state import recording_state
from auditor.recordings.store import (
    Addition,
    ConflictError,
    Event,
    Facts,
    GroupKey,
    Hit,
    Position,
    Quarantined,
    RecordingGroup,
    Refusal,
    StoreError,
)
from auditor.transcript import Seen

READ_AHEAD = 200
"""Messages that are held when one is asked for: copies of a recording ask for one after the other."""

LINES = (100, 1000)
"""Messages of the first page of a recording, so that playing begins soon, and of those that follow."""

RAW = "elasticsearch:"
"""What the names of sources begin with whose messages are in Elasticsearch already."""

DELETE_ATTEMPTS = 20

MERGE_TIMEOUT = 3600
"""Seconds that may pass until what was deleted has left the files."""


class ElasticsearchStore:
    """See `auditor.recordings.store.Store`. Any number of processes on any number of machines may use one at once."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.server = Server(connect(address), address)
        self._additions = Additions(self.server)
        self._sources = Sources(self.server)
        self._asked: tuple[str, Hold | None] | None = None
        # The documents of recordings that were asked for since the last addition.
        self._seen: dict[str, Hold | None] = {}
        self._held: tuple[str, dict[int, bytes]] = ("", {})
        self._unsettled: dict[str, dict[str, bool]] = {}
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def facts(self, rec: str) -> Facts | None:
        """See Store."""
        asked, self._asked = self._asked, None
        hold = asked[1] if asked and asked[0] == rec else self._hold(rec)
        return hold.facts if hold else None

    def recordings(
        self, selection: Selection, *, oldest_first: bool = False, after: Position | None = None
    ) -> Iterator[Facts]:
        """See Store."""
        self.server.refresh(RECORDINGS)
        filters = _filters(selection)
        if after is not None:
            filters.append(behind(after, self._hold(after.rec), oldest_first=oldest_first))
        order = "asc" if oldest_first else "desc"
        pages = self.server.scan(
            RECORDINGS,
            {"bool": {"filter": filters}},
            [{"start": order}, {"number": order}, {"rec": order}],
            sizes=(100, 1000),
            source={"includes": ["facts"]},
        )
        for page in pages:
            for hit in page:
                facts = _facts(hit)
                if selection.takes(facts.rec, facts.user, facts.host) and (
                    not selection.states or recording_state(facts) in selection.states
                ):
                    yield facts

    def groups(self, selection: Selection, by: GroupKey) -> list[RecordingGroup]:
        """See Store."""
        self.server.refresh(RECORDINGS)
        return groups(self.server, _filters(selection), selection, by)

    def beginning_with(self, prefix: str, limit: int) -> list[Facts]:
        """See Store."""
        self.server.refresh(RECORDINGS)
        filters: list[dict[str, Any]] = [{"term": {"deleted": False}}]
        if prefix:
            filters.append({"prefix": {"rec": prefix}})
        answer = self.server.search(
            RECORDINGS,
            query={"bool": {"filter": filters}},
            sort=[{"rec": "asc"}],
            size=limit,
            source={"includes": ["facts"]},
        )
        return [_facts(hit) for hit in answer["hits"]["hits"]]

    def lines(self, rec: str, after: int = 0) -> Iterator[list[bytes]]:
        """See Store. Not at one point in time: a message once taken does not change."""
        hold = self._hold(rec)
        if hold is None or hold.deleted or hold.taken.last <= after:
            return
        self.server.refresh(MESSAGES)
        for fields in self.messages(rec, after, hold.taken.last):
            lines = [message_line(each) for each in fields if each["id"] in hold.taken]
            if lines:
                yield lines

    def line(self, rec: str, id: int) -> bytes | None:
        """See Store."""
        held_rec, held = self._held
        if held_rec != rec or id not in held:
            hold = self._hold(rec)
            if hold is None or hold.deleted or id not in hold.taken:
                return None
            held = self._read_ahead(rec, id, hold.taken)
            self._held = (rec, held)
        return held.get(id)

    def seen(self, rec: str, kind: str) -> Iterator[Seen]:
        """See Store."""
        for fields in self._texts(rec, kind, ["claim", "order"]):
            yield Seen(fields["kind"], fields["at"], fields["text"])

    def events(self, rec: str, after: int = 0) -> Iterator[Event]:
        """See Store."""
        last = (0, 0)
        later = {"range": {"id": {"gt": after}}}
        for fields in self._texts(rec, EVENT, ["id", "part", "claim", "order"], later if after else None):
            event = Event(*(fields[name] for name in Event._fields))
            if (event.id, event.part) != last:
                yield event
            last = (event.id, event.part)

    def search(
        self, query: Query, each: int, *, after: Position | None = None, patience: float | None = None
    ) -> Iterator[Hit]:
        """See Store."""
        deadline = None if patience is None else time.monotonic() + patience
        self.server.refresh(TEXTS)
        place = None if after is None else behind(after, self._hold(after.rec))
        wanted = query.selection.states
        for hit in Search(self.server, query, each, place, deadline).hits():
            if not wanted or recording_state(hit.facts) in wanted:
                yield hit

    def add(
        self, source: str, mark: str | None, additions: Sequence[Addition], refusals: Collection[Refusal]
    ) -> None:
        """See Store; `auditor.elasticsearch.additions` says how it is all or nothing."""
        self._asked, seen, self._seen = None, self._seen, {}
        if additions:
            self._additions.add(source, additions, seen=seen, with_lines=not source.startswith(RAW))
            settled = self._unsettled.setdefault(source, {})
            settled.update({addition.facts.rec: addition.facts.settled for addition in additions})
        self._sources.add(source, mark, refusals)

    def marks(self, prefix: str) -> Mapping[str, str]:
        """See Store."""
        return self._sources.marks(prefix)

    def is_deleted(self, rec: str) -> bool:
        """See Store."""
        hold = self._hold(rec)
        # Whoever asks this asks for the facts next.
        self._asked = (rec, hold)
        self._seen[rec] = hold
        return bool(hold and hold.deleted)

    def delete(self, recs: Collection[str]) -> None:
        """See Store. What was deleted leaves the files of Elasticsearch when their segments are merged, which is
        asked for here and takes some time where they are large."""
        self._asked, self._held = None, ("", {})
        for rec in recs:
            self._bury(rec)
            for kind in (MESSAGES, TEXTS):
                self.server.remove(kind, {"term": {"rec": rec}})
            self._sources.forget(rec)
            for settled in self._unsettled.values():
                settled.pop(rec, None)
        with errors(self.address):
            self.server.client.options(request_timeout=MERGE_TIMEOUT).indices.forcemerge(
                index=[self.server.names.of(kind) for kind in (MESSAGES, TEXTS, RECORDINGS)],
                only_expunge_deletes=True,
                wait_for_completion=True,
            )

    def unsettled(self, source: str) -> list[str]:
        """See Store. What this process has added is known; what others have, once Elasticsearch has seen it."""
        if source not in self._unsettled:
            self.server.refresh(RECORDINGS)
            query = {"bool": {"filter": [{"term": {"settled": False}}, {"term": {"added_by": source}}]}}
            pages = self.server.scan(RECORDINGS, query, [], source={"includes": ["rec"]})
            self._unsettled[source] = {hit["_source"]["rec"]: False for page in pages for hit in page}
        return [rec for rec, settled in self._unsettled[source].items() if not settled]

    def adopt(self, source: str, rec: str) -> None:
        """Let `source` settle a recording to which another one added last."""
        self.unsettled(source)
        self._unsettled[source].setdefault(rec, False)

    def quarantined(self) -> Iterator[Quarantined]:
        """See Store."""
        return self._sources.quarantined()

    def close(self) -> None:
        """See Store."""
        self.server.close()

    def messages(self, rec: str, after: int, last: int) -> Iterator[list[dict[str, Any]]]:
        """The documents of messages with these ids, in their order, each once: one that was sent again after a
        rollover has a document in either index."""
        pages = iter(LINES)
        size = next(pages)
        while after < last:
            answer = self.server.search(
                MESSAGES,
                query={"bool": {"filter": [{"term": {"rec": rec}}, {"range": {"id": {"gt": after, "lte": last}}}]}},
                sort=[{"id": "asc"}],
                size=size,
            )
            hits = [hit["_source"] for hit in answer["hits"]["hits"]]
            if not hits:
                return
            yield list({fields["id"]: fields for fields in reversed(hits)}.values())[::-1]
            if len(hits) < size:
                return
            after = hits[-1]["id"]
            size = next(pages, size)

    def _hold(self, rec: str) -> Hold | None:
        return self.server.holds([rec]).get(rec)

    def _read_ahead(self, rec: str, id: int, taken: IdRanges) -> dict[int, bytes]:
        ids = [each for each in range(id, id + READ_AHEAD) if each in taken]
        documents = self.server.documents(MESSAGES, [message_key(rec, each) for each in ids])
        pairs = zip(ids, documents, strict=True)
        return {each: message_line(fields) for each, fields in pairs if fields is not None}

    def _texts(
        self, rec: str, kind: str, order: Sequence[str], only: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        hold = self._hold(rec)
        if hold is None or hold.deleted:
            return
        self.server.refresh(TEXTS)
        recording = hold.fields
        claims = {"range": {"claim": {"gte": recording["texts_from"], "lte": recording["claim"]}}}
        last = {"term": {"claim": recording["claim"]}}
        read = {
            "filter": [{"term": {"rec": rec}}, {"term": {"kind": kind}}, claims, *([only] if only else [])],
            "must_not": [{"terms": {"claim": recording.get("abandoned") or []}}],
            "should": [{"term": {"passing": False}}, last],
            "minimum_should_match": 1,
        }
        pages = self.server.scan(
            TEXTS, {"bool": read}, [{name: "asc"} for name in order], source={"excludes": ["words", "joints"]}
        )
        for page in pages:
            for hit in page:
                yield hit["_source"]

    def _bury(self, rec: str) -> None:
        """Let nothing be left in the recording's document but that it was deleted; nobody adds to it from now on."""
        index, key = self.server.names.of(RECORDINGS), recording_key(rec)
        body = document({"rec": rec, "deleted": True, "settled": True})
        for _ in range(DELETE_ATTEMPTS):
            hold = self._hold(rec)
            if hold and hold.deleted:
                return
            if hold:
                action = Action("index", index, key, body, hold.seq_no, hold.primary_term)
            else:
                action = Action("create", index, key, body, alias=True)
            (result,) = self.server.bulk.write([action])
            if result.done:
                return
            if result.status != 409:
                raise item_error(self.address, result.status, result.type, result.reason)
        raise ConflictError(f"recording {rec} cannot be deleted: other processes keep adding to it")

    def _check(self) -> None:
        """Whether the store is there, and one that this program can read and write."""
        with errors(self.address):
            found = self.server.client.indices.get_mapping(
                index=self.server.names.of(RECORDINGS), filter_path="*.mappings._meta"
            )
        versions = [each["mappings"].get("_meta", {}).get("sessrec") for each in found.values()]
        if not versions or not all(type(version) is int for version in versions):
            raise StoreError(f"{self.address}: its indices are something else's: name another prefix")
        if max(versions) > VERSION:
            raise StoreError(
                f"{self.address} was made by a newer sessrec (its version {max(versions)}, this one knows "
                f"{VERSION}): update sessrec"
            )


def _filters(selection: Selection) -> list[dict[str, Any]]:
    """What leaves out none of the selection's recordings."""
    filters = [{"term": {"deleted": False}}, *selected(selection)]
    limits: dict[str, float] = {}
    if selection.since is not None:
        limits["gte"] = selection.since
    if selection.until is not None:
        limits["lt"] = selection.until
    if limits:
        filters.append({"range": {"start": limits}})
    if selection.states:
        filters.append(states(selection.states))
    return filters


def _facts(hit: Mapping[str, Any]) -> Facts:
    return facts_of(hit["_source"])
