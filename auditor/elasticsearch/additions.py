"""Adding to recordings: all of an addition or nothing of it, though Elasticsearch only knows single documents.

What is read of a recording is decided by one document, the recording's, which is changed last and only if it still
is the version that the addition was computed from (`if_seq_no`). Until then what was written is there, but nobody
reads it:

- A message counts when its id is among those that the recording has `taken`. It has the same document whoever writes
  it, so that a run that was killed writes it once more over itself, and one that a log server put there is used.
- Lines and events carry the number of a claim. Before writing them a process claims the recording, which gives it the
  next number and tells others to wait. Only claims that ended with a change of the recording are read; the number of
  one that did not is written down as abandoned by whoever claims next. Who is overtaken for having taken too long
  finds the recording changed, and begins again.

Of several recordings that are added to together some may be done and others not when a process is killed. The mark of
their source is written last: the next run sees the same lines again and recognises those that are there.
"""

import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any

from auditor.elasticsearch.actions import Action, Result, document
from auditor.elasticsearch.documents import (
    Hold,
    bare_document,
    event_document,
    facts_fields,
    message_document,
    message_line,
    seen_document,
)
from auditor.elasticsearch.id_ranges import IdRanges
from auditor.elasticsearch.layout import MESSAGES, RECORDINGS, TEXTS, message_key, recording_key, text_key
from auditor.elasticsearch.refusal import item_error
from auditor.elasticsearch.refused import refused_action
from auditor.elasticsearch.server import Server
from auditor.recordings.store import Addition, ConflictError, StoreError
from recorder.formats.message import parse_object

CLAIM_SECONDS = 15.0
"""How long a claim is respected of which nothing more is heard: its process is dead, or hangs."""

COMPARED = 500
"""Messages that are fetched together to see whether those that are there are the same."""

LOOK_SECONDS = 0.05
"""Between two looks at a recording that another process has claimed."""

FIRST_CLAIMS = (1 << 20, 1 << 52)
"""A recording's first claim is drawn by lot: two processes that begin the same one have different numbers."""


@dataclass(slots=True)
class _Work:
    """One addition on its way."""

    addition: Addition
    claim: int
    fields: dict[str, Any]
    hold: Hold | None
    passed: list[int]

    @property
    def rec(self) -> str:
        return self.addition.facts.rec


class Additions:
    """Adds to recordings on one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._committed: dict[str, Hold | None] = {}

    def add(
        self,
        source: str,
        additions: Sequence[Addition],
        *,
        seen: Mapping[str, Hold | None] = MappingProxyType({}),
        with_lines: bool = True,
    ) -> None:
        """Keep all of these, or raise StoreError. `seen` are documents of recordings (None: there was none) as they
        were a moment ago; where they are others by now, that is a ConflictError. `with_lines` False: their messages
        are there already."""
        owner = uuid.uuid4().hex
        known, self._committed = {**self._committed, **seen}, {}
        works = self._claimed(owner, source, additions, known)
        try:
            self._write(source, works, with_lines)
            self._committed = self._commit(works)
        except BaseException:
            with suppress(StoreError):
                self._give_up(owner, works)
            raise
        with suppress(StoreError):
            # What is left of it is read by nobody.
            self._remove_replaced(works)

    def _claimed(
        self, owner: str, source: str, additions: Sequence[Addition], known: Mapping[str, Hold | None]
    ) -> list[_Work]:
        holds = self._free(additions, known)
        works = []
        for addition in additions:
            facts = addition.facts
            hold = holds.get(facts.rec)
            before = hold.fields if hold else {}
            claim = before["claim"] + 1 if hold else random.randrange(*FIRST_CLAIMS)
            taken = hold.taken if hold else IdRanges()
            for id, _ in addition.lines:
                taken.add(id)
            fields = facts_fields(replace(facts, revision=facts.revision + 1), source) | {
                "number": before.get("number", time.time_ns() // 1000),
                "claim": claim,
                "owner": None,
                "texts_from": claim if addition.anew or not hold else before["texts_from"],
                "abandoned": [] if addition.anew else _abandoned(before),
                "passing": [],
                "taken": str(taken),
            }
            works.append(_Work(addition, claim, fields, hold, before.get("passing") or []))
        try:
            self._claim(owner, [work for work in works if work.hold])
        except BaseException:
            with suppress(StoreError):
                self._give_up(owner, works)
            raise
        return works

    def _free(self, additions: Sequence[Addition], known: Mapping[str, Hold | None]) -> dict[str, Hold]:
        """The recordings' documents, when nobody else is adding to them; ConflictError when somebody has. Those that
        are known are not asked for until it turns out that somebody is."""
        recs = [addition.facts.rec for addition in additions]
        since = time.monotonic()
        first: dict[str, int] = {}
        holds = {rec: hold for rec in recs if (hold := known.get(rec)) is not None}
        is_known = all(rec in known for rec in recs) and not any(hold.fields.get("owner") for hold in holds.values())
        while True:
            holds = holds if is_known else self._server.holds(recs)
            for addition in additions:
                _check(addition, holds.get(addition.facts.rec))
            owned = {rec: hold.seq_no for rec, hold in holds.items() if hold.fields.get("owner")}
            first = first or owned
            if not owned:
                return holds
            if time.monotonic() - since > CLAIM_SECONDS and all(first.get(rec) == no for rec, no in owned.items()):
                return holds  # their processes are gone
            if not owned.keys() <= first.keys() or any(first[rec] != no for rec, no in owned.items()):
                first, since = owned, time.monotonic()
            time.sleep(LOOK_SECONDS * (0.5 + random.random()))

    def _claim(self, owner: str, works: Sequence[_Work]) -> None:
        actions = []
        for work in works:
            assert work.hold is not None
            # Also this claim is abandoned, until it is not.
            abandoned = [*_abandoned(work.hold.fields), work.claim]
            changed = {"claim": work.claim, "owner": owner, "abandoned": abandoned}
            actions.append(self._recording(work, "update", document({"doc": changed})))
        for work, result in zip(works, self._server.bulk.write(actions), strict=True):
            now = Hold(work.fields, result.seq_no, result.primary_term)
            if result.status == 409:
                # Perhaps by ourselves: sent twice after an answer that was lost, and carried out the first time.
                there = self._server.holds([work.rec]).get(work.rec)
                if there is None or there.fields.get("owner") != owner:
                    raise ConflictError(f"recording {work.rec} was added to by another process")
                now = there
            elif not result.done:
                raise item_error(self._server.address, result.status, result.type, result.reason)
            work.hold = now

    def _write(self, source: str, works: Sequence[_Work], with_lines: bool) -> None:
        """Messages and texts, which nobody reads yet. They are made while others are on their way."""
        alias = not self._server.streamed
        index = self._server.names.of(MESSAGES)
        lines = [
            (work.rec, message_key(work.rec, id), line)
            for work in (works if with_lines else ())
            for id, line in work.addition.lines
        ]
        messages = (Action("create", index, key, message_document(line), alias=alias) for _, key, line in lines)
        texts = (action for work in works for action in self._texts(work))
        results = self._server.bulk.write(chain(messages, texts))
        self._fit(source, lines, results[: len(lines)])
        for result in results[len(lines) :]:
            if not result.done:
                raise item_error(self._server.address, result.status, result.type, result.reason)

    def _fit(self, source: str, lines: Sequence[tuple[str, str, bytes]], results: Sequence[Result]) -> None:
        """See to messages (recording, document, line) that were there already, or do not fit the mapping."""
        alias = not self._server.streamed
        index = self._server.names.of(MESSAGES)
        there = []
        again = []
        for (rec, key, line), result in zip(lines, results, strict=True):
            if result.status == 409:
                there.append((rec, key, line))
            elif result.status in (400, 413):
                # Whatever somebody has put into a message, its recording is played whole.
                again.append(Action("create", index, key, bare_document(line), alias=alias))
                again.append(refused_action(self._server, source, rec, _unfit(result), line))
            elif not result.done:
                raise item_error(self._server.address, result.status, result.type, result.reason)
        for result in self._server.bulk.write([*again, *self._other_messages(source, there)]):
            if not result.done and result.status != 409:
                raise item_error(self._server.address, result.status, result.type, result.reason)

    def _other_messages(self, source: str, there: Sequence[tuple[str, str, bytes]]) -> Iterator[Action]:
        """Of messages whose documents are there already, those that are not the same: the first is kept."""
        for start in range(0, len(there), COMPARED):
            part = there[start : start + COMPARED]
            found = self._server.documents(MESSAGES, [key for _, key, _ in part])
            for (rec, _, line), fields in zip(part, found, strict=True):
                first = line if fields is None else message_line(fields)
                if first != line and parse_object(first) != parse_object(line):
                    yield refused_action(self._server, source, rec, "another message has the same id", line)

    def _texts(self, work: _Work) -> list[Action]:
        addition, facts = work.addition, work.addition.facts
        shared = {
            "rec": facts.rec,
            "host": facts.host,
            "user": facts.user,
            "session": facts.session,
            "start": facts.start,
            "number": work.fields["number"],
            "claim": work.claim,
        }
        bodies = [
            seen_document(shared, facts.start, order, seen, passing=False) for order, seen in enumerate(addition.seen)
        ]
        bodies += [
            event_document(shared, facts.start, order, event)
            for order, event in enumerate(addition.events, len(bodies))
        ]
        lasting = len(bodies)
        bodies += [
            seen_document(shared, facts.start, order, seen, passing=True)
            for order, seen in enumerate(addition.passing, lasting)
        ]
        work.fields["passing"] = [work.claim, lasting, len(bodies)]
        index = self._server.names.of(TEXTS)
        return [
            Action("index", index, text_key(facts.rec, work.claim, order), body, alias=True)
            for order, body in enumerate(bodies)
        ]

    def _commit(self, works: Sequence[_Work]) -> dict[str, Hold | None]:
        """Let what was written be read; the recordings' documents as they are now."""
        committed: dict[str, Hold | None] = {}
        actions = [self._recording(work, "index" if work.hold else "create", document(work.fields)) for work in works]
        for work, result in zip(works, self._server.bulk.write(actions), strict=True):
            if result.status == 409:
                hold = self._server.holds([work.rec]).get(work.rec)
                if hold is None or hold.fields != json.loads(document(work.fields)):
                    raise ConflictError(f"recording {work.rec} was added to by another process")
                committed[work.rec] = hold
            elif not result.done:
                raise item_error(self._server.address, result.status, result.type, result.reason)
            else:
                committed[work.rec] = Hold(work.fields, result.seq_no, result.primary_term)
        return committed

    def _give_up(self, owner: str, works: Sequence[_Work]) -> None:
        """Let others go on at once with recordings that were claimed and not added to."""
        actions = []
        for rec, hold in self._server.holds([work.rec for work in works if work.hold]).items():
            if hold.fields.get("owner") == owner:
                key = recording_key(rec)
                body = document({"doc": {"owner": None}})
                index = self._server.names.of(RECORDINGS)
                actions.append(Action("update", index, key, body, hold.seq_no, hold.primary_term))
        self._server.bulk.write(actions)

    def _remove_replaced(self, works: Sequence[_Work]) -> None:
        """Delete texts that this addition has replaced."""
        index = self._server.names.of(TEXTS)
        actions = []
        for work in works:
            if work.hold is None:
                continue
            if work.addition.anew:
                self.remove_texts(work.rec, {"range": {"claim": {"lt": work.claim}}})
            else:
                claim, start, end = work.passed or (0, 0, 0)
                keys = [text_key(work.rec, claim, order) for order in range(start, end)]
                actions += [Action("delete", index, key, None, alias=True) for key in keys]
        self._server.bulk.write(actions)

    def remove_texts(self, rec: str, which: Mapping[str, Any]) -> None:
        """Delete texts of a recording for which a query holds."""
        self._server.remove(TEXTS, {"bool": {"filter": [{"term": {"rec": rec}}, which]}})

    def _recording(self, work: _Work, operation: str, body: bytes) -> Action:
        index = self._server.names.of(RECORDINGS)
        if work.hold is None:
            return Action(operation, index, recording_key(work.rec), body, alias=True)
        return Action(operation, index, recording_key(work.rec), body, work.hold.seq_no, work.hold.primary_term)


def _check(addition: Addition, hold: Hold | None) -> None:
    """ConflictError when the recording is not as it was when the addition was computed."""
    facts = addition.facts
    if hold and hold.deleted:
        raise ConflictError(f"recording {facts.rec} was deleted by another process")
    if (hold.fields["revision"] if hold else 0) != facts.revision:
        raise ConflictError(f"recording {facts.rec} was added to by another process")


def _abandoned(fields: Mapping[str, Any]) -> list[int]:
    return list(fields.get("abandoned") or [])


def _unfit(result: Result) -> str:
    """Why a message does not fit the mapping, without its numbers and places, so that one reason is one."""
    return f"it does not fit the mapping of Elasticsearch: {result.reason or result.type}"[:500]
