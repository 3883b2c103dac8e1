"""What happened in a recording, a part of the list at a time, and as a tree of processes."""

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auditor.events.process_tree import Process, process_tree
from auditor.web.watching.asked import answer, kinds, moment, number, recording
from auditor.web.watching.noting import note_watching
from auditor.web.watching.reels import reels_of

MOST_ROWS = 500
MOST_TREE_EVENTS = 100_000
MOST_PROCESSES = 5000
WORK = 0.4
"""Seconds that one request may take to read events that nobody has read yet; the answer then says that there are
more."""


def events(request: Request) -> Response:
    """Rows of the list from `offset` on, or around the moment `t` (seconds): at most `limit`, of the kinds `kind`.

    `reached`: how many rows happened up to `t`. `complete`: whether all events are in the list yet.
    """
    chosen = kinds(request)
    limit = number(request, "limit", 100, MOST_ROWS)
    offset = number(request, "offset", 0)
    at = moment(request) if "t" in request.query_params else None
    with recording(request) as (store, facts):
        note_watching(request, facts, 0)
        index = reels_of(request).index_of(facts)
        complete = index.catch_up(store, facts, WORK)
        total = index.count(chosen)
        answered: dict[str, Any] = {"total": total, "complete": complete, "counts": index.counts()}
        if at is not None:
            answered["reached"] = index.place(chosen, at)
            if "offset" not in request.query_params:
                offset = max(0, min(answered["reached"] - limit // 2, total - limit))
        answered["offset"] = offset
        answered["rows"] = [
            {**row._asdict(), "at": row.at / 1000} for row in index.rows(store, chosen, offset, limit)
        ]
    return answer(answered)


def near(request: Request) -> Response:
    """The moment (seconds) of the next event behind `t`, or with `back` of the last before it; null without one."""
    chosen = kinds(request)
    at = moment(request)
    with recording(request) as (store, facts):
        note_watching(request, facts, 0)
        index = reels_of(request).index_of(facts)
        index.catch_up(store, facts, WORK)
        found = index.near(chosen, at, forward="back" not in request.query_params)
    return answer({"t": None if found is None else found / 1000})


def tree(request: Request) -> Response:
    """The processes in the order in which a tree of them is read, each with its depth. `cut`: there are more."""
    with recording(request) as (store, facts):
        note_watching(request, facts, 0)
        taken = list(islice(store.events(facts.rec), MOST_TREE_EVENTS + 1))
        rows = _rows(process_tree(taken[:MOST_TREE_EVENTS]))
    cut = len(taken) > MOST_TREE_EVENTS or len(rows) > MOST_PROCESSES
    return answer({"processes": rows[:MOST_PROCESSES], "cut": cut})


def _rows(roots: list[Process]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    open_ones = [(root, 0) for root in reversed(roots)]
    while open_ones and len(rows) <= MOST_PROCESSES:
        process, depth = open_ones.pop()
        rows.append(
            {
                "pid": process.pid,
                "depth": min(depth, 60),
                "at": process.at / 1000,
                "ended": None if process.ended is None else process.ended / 1000,
                "exit_code": process.exit_code,
                "files": process.files,
                "connections": process.connections,
                "runs": [
                    {"at": run.at / 1000, "text": run.text[:600], "failed": run.failed} for run in process.runs[:20]
                ],
            }
        )
        open_ones += [(child, depth + 1) for child in reversed(process.children)]
    return rows


ROUTES = [
    Route("/api/recordings/{rec}/events", events),
    Route("/api/recordings/{rec}/events/near", near),
    Route("/api/recordings/{rec}/tree", tree),
]
