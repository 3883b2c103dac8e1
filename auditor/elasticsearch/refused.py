"""What was refused: lines that are no part of a recording, and messages that do not fit the mapping (dead letters).

The first are counted in the document of their source, which is written together with how far the source was read, so
that none is counted twice. The others have a document each, whether we have put it there or a log server.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from elasticsearch import NotFoundError

from auditor.elasticsearch.actions import Action, document
from auditor.elasticsearch.connection import errors
from auditor.elasticsearch.dead_letter import dead_letter, excerpt
from auditor.elasticsearch.layout import REFUSALS, SOURCES, recording_key
from auditor.elasticsearch.refusal import item_error
from auditor.elasticsearch.server import Server
from auditor.recordings.store import ConflictError, Quarantined, Refusal

MAX_REFUSED = 10_000
"""Reasons kept of one source, and dead letters listed: whoever sends garbage must not fill the disk with it."""

ATTEMPTS = 20
"""Times that the document of a source is changed anew because another process has changed it."""


class Sources:
    """How far sources were read, and what of them was refused."""

    def __init__(self, server: Server) -> None:
        self._server = server
        # The document written last, by its key: whoever reads a source notes again and again how far.
        self._last: tuple[str, dict[str, Any]] = ("", {})

    def add(self, source: str, mark: str | None, refusals: Collection[Refusal]) -> None:
        """Note both at once."""
        if mark is None and not refusals:
            return
        for _ in range(ATTEMPTS):
            if self._added(source, mark, refusals):
                return
        raise ConflictError(f"other processes keep reading {source}: stop them, or try again later")

    def marks(self, prefix: str) -> Mapping[str, str]:
        """Source and mark of the sources that begin with `prefix`."""
        self._server.refresh(SOURCES)
        query = {"prefix": {"source": prefix}} if prefix else {"match_all": {}}
        pages = self._server.scan(SOURCES, query, [], source={"includes": ["source", "mark"]})
        found = [hit["_source"] for page in pages for hit in page]
        return {fields["source"]: fields["mark"] for fields in found if fields.get("mark") is not None}

    def quarantined(self) -> Iterator[Quarantined]:
        """What was refused, the latest first."""
        self._server.refresh(SOURCES, REFUSALS)
        rows = [row for page in self._server.scan(SOURCES, _WITH_REFUSED, []) for hit in page for row in _rows(hit)]
        return iter(sorted([*rows, *self._dead_letters()], key=lambda row: row.time, reverse=True))

    def forget(self, rec: str) -> None:
        """Remove what was refused of a recording."""
        self._server.refresh(SOURCES)
        for page in self._server.scan(SOURCES, {"term": {"recs": rec}}, [], source={"includes": ["source"]}):
            for hit in page:
                for _ in range(ATTEMPTS):
                    if self._added(hit["_source"]["source"], None, (), forgotten=rec):
                        break
        self._server.remove(REFUSALS, {"term": {"rec": rec}})

    def _added(self, source: str, mark: str | None, refusals: Collection[Refusal], forgotten: str = "") -> bool:
        """Change the document of a source; False when another process was faster."""
        index, key = self._server.names.of(SOURCES), _key(source)
        last_key, found = self._last
        self._last = ("", {})
        if last_key != key:
            found = self._found(key)
        fields = found.get("_source") or {"source": source, "mark": None, "recs": [], "refused": []}
        if mark is not None:
            fields["mark"] = mark
        if refusals:
            _count(fields["refused"], refusals)
        if forgotten:
            fields["refused"] = [row for row in fields["refused"] if row["rec"] != forgotten]
        fields["has_refused"] = bool(fields["refused"])
        fields["recs"] = sorted({row["rec"] for row in fields["refused"] if row["rec"]})
        if found:
            action = Action("index", index, key, document(fields), found["_seq_no"], found["_primary_term"])
        else:
            action = Action("create", index, key, document(fields), alias=True)
        (result,) = self._server.bulk.write([action])
        if result.status == 409:
            # Perhaps by ourselves: sent twice after an answer that was lost, and carried out the first time.
            return bool(self._found(key).get("_source") == fields)
        if not result.done:
            raise item_error(self._server.address, result.status, result.type, result.reason)
        self._last = (key, {"_source": fields, "_seq_no": result.seq_no, "_primary_term": result.primary_term})
        return True

    def _found(self, key: str) -> dict[str, Any]:
        """The document of a source as it is this moment; empty where there is none."""
        with errors(self._server.address), suppress(NotFoundError):
            found: dict[str, Any] = self._server.client.get(
                index=self._server.names.of(SOURCES), id=key, realtime=True
            ).body
            return found
        return {}

    def _dead_letters(self) -> Iterator[Quarantined]:
        found: dict[tuple[str, str, str], Quarantined] = {}
        answer = self._server.search(
            REFUSALS, query=_NOT_LISTED, sort=[{"@timestamp": {"order": "desc", "missing": "_last"}}],
            size=MAX_REFUSED,
        )  # fmt: skip
        for hit in answer["hits"]["hits"]:
            row = _dead_letter(hit["_source"], (hit.get("sort") or [0])[0])
            key = (row.source, row.rec, row.reason)
            found[key] = row._replace(lines=found[key].lines + 1) if key in found else row
        return iter(found.values())


def refused_action(server: Server, source: str, rec: str, reason: str, line: bytes) -> Action:
    """Keep a line with the reason for which it is not where it should be. The same one is kept once."""
    key, fields = dead_letter(source, rec, reason, line)
    return Action("create", server.names.of(REFUSALS), key, document(fields), alias=True)


_NOT_LISTED = {"bool": {"must_not": [{"term": {"listed": True}}]}}

_WITH_REFUSED = {"term": {"has_refused": True}}


def _rows(hit: Mapping[str, Any]) -> Iterator[Quarantined]:
    fields = hit["_source"]
    for row in fields["refused"]:
        yield Quarantined(fields["source"], row["rec"], row["reason"], row["excerpt"], row["time"], row["lines"])


def _dead_letter(fields: Mapping[str, Any], stamp: int) -> Quarantined:
    """One that a log server has put there has the message itself, and perhaps no time."""
    message = fields.get("message")
    rec = fields.get("rec") or (message.get("rec") if isinstance(message, dict) else "")
    shown = fields.get("excerpt") or excerpt(document(message))
    source, reason = (str(fields.get(name) or "") for name in ("source", "reason"))
    return Quarantined(source or "log server", str(rec or ""), reason, shown, max(0, stamp) / 1000, 1)


def _count(rows: list[dict[str, Any]], refusals: Collection[Refusal]) -> None:
    known = {(row["rec"], row["reason"]): row for row in rows}
    for refusal in refusals:
        row = known.get((refusal.rec, refusal.reason))
        if row:
            row["lines"] += 1
        elif len(rows) < MAX_REFUSED:
            row = {**refusal._asdict(), "time": time.time(), "lines": 1}
            known[refusal.rec, refusal.reason] = row
            rows.append(row)


def _key(source: str) -> str:
    return recording_key(source)
