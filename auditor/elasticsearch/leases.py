"""Who works on which recording, where several processes could: so that none does what another is doing.

A lease is a document for each recording, which its owner changes now and then (`beat`). One whose document stays
the same for long enough, by the clock of whoever looks, belongs to nobody any more: clocks of machines need not
agree. That a lease is taken by one only is Elasticsearch's doing (`if_seq_no`). Nothing depends on leases but work:
that nothing is added twice is for `auditor.elasticsearch.additions` to see to.
"""

import time
import uuid
from collections.abc import Callable, Collection
from typing import NamedTuple

from auditor.elasticsearch.actions import Action, Result, document
from auditor.elasticsearch.connection import errors
from auditor.elasticsearch.layout import LEASES, recording_key
from auditor.elasticsearch.refusal import item_error
from auditor.elasticsearch.server import Server

SECONDS = 15.0
"""After which a lease is over whose owner is not heard of."""


class _Own(NamedTuple):
    beat: int
    seq_no: int
    primary_term: int
    renewed: float


class _Watched(NamedTuple):
    owner: str
    beat: int
    since: float


class Leases:
    """Those that this process has, and those of others that it waits for."""

    def __init__(
        self, server: Server, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.owner = uuid.uuid4().hex
        self._server = server
        self._seconds = seconds
        self._clock = clock
        self._own: dict[str, _Own] = {}
        self._watched: dict[str, _Watched] = {}
        self.heard_of: set[str] = set()
        """Recordings of others who have shown that they are there since we wanted them."""

    @property
    def held(self) -> Collection[str]:
        """The recordings that are ours."""
        return self._own.keys()

    def take(self, recs: Collection[str]) -> set[str]:
        """Those of the recordings that are ours now."""
        wanted = [rec for rec in recs if rec not in self._own]
        if wanted:
            self._take(wanted)
        return {rec for rec in recs if rec in self._own}

    def renew(self) -> None:
        """Show that we are there; to be called more often than thrice in the time of a lease."""
        now = self._clock()
        due = [rec for rec, own in self._own.items() if now - own.renewed > self._seconds / 4]
        actions = []
        for rec in due:
            own = self._own[rec]
            actions.append(self._write(rec, own.beat + 1, own.seq_no, own.primary_term))
        for rec, result in zip(due, self._server.bulk.write(actions), strict=True):
            self._taken(rec, self._own.pop(rec).beat + 1, result)

    def release(self, recs: Collection[str]) -> None:
        """Let others have them."""
        index = self._server.names.of(LEASES)
        actions = []
        for rec in recs:
            own = self._own.pop(rec, None)
            if own:
                actions.append(Action("delete", index, recording_key(rec), None, own.seq_no, own.primary_term))
        self._server.bulk.write(actions)

    def _take(self, recs: list[str]) -> None:
        with errors(self._server.address):
            answer = self._server.client.mget(
                index=self._server.names.of(LEASES), ids=[recording_key(rec) for rec in recs], realtime=True
            )
        free: dict[str, int] = {}
        actions = []
        for rec, item in zip(recs, answer["docs"], strict=True):
            if not item.get("found"):
                free[rec] = 0
                actions.append(self._write(rec, 0))
            elif item["_source"]["owner"] == self.owner or self._is_over(
                rec, item["_source"]["owner"], item["_source"]["beat"]
            ):
                free[rec] = item["_source"]["beat"] + 1
                actions.append(self._write(rec, free[rec], item["_seq_no"], item["_primary_term"]))
        for (rec, beat), result in zip(free.items(), self._server.bulk.write(actions), strict=True):
            self._taken(rec, beat, result)

    def _is_over(self, rec: str, owner: str, beat: int) -> bool:
        now = self._clock()
        watched = self._watched.get(rec)
        if watched is None or (watched.owner, watched.beat) != (owner, beat):
            if watched is not None:
                self.heard_of.add(rec)
            self._watched[rec] = _Watched(owner, beat, now)
            return False
        return now - watched.since > self._seconds

    def _taken(self, rec: str, beat: int, result: Result) -> None:
        if result.done:
            self._own[rec] = _Own(beat, result.seq_no, result.primary_term, self._clock())
            self._watched.pop(rec, None)
            self.heard_of.discard(rec)
        elif result.status not in (404, 409):  # else another process was faster
            raise item_error(self._server.address, result.status, result.type, result.reason)

    def _write(self, rec: str, beat: int, seq_no: int | None = None, primary_term: int | None = None) -> Action:
        body = document({"rec": rec, "owner": self.owner, "beat": beat})
        index = self._server.names.of(LEASES)
        operation = "create" if seq_no is None else "index"
        return Action(operation, index, recording_key(rec), body, seq_no, primary_term, alias=seq_no is None)
