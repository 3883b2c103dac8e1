"""Lists of recordings in Elasticsearch: filters for what a selection takes, and how many there are by what."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.elasticsearch.documents import Hold
from auditor.elasticsearch.layout import RECORDINGS
from auditor.elasticsearch.server import Server
from auditor.query.query import Grant, Selection
from auditor.recordings.recording_state import RECENT, State
from auditor.recordings.store import GroupKey, Position, RecordingGroup, in_order

BUCKETS = 1000
"""Of one answer."""

Filter = dict[str, Any]


def groups(server: Server, filters: list[Filter], selection: Selection, by: GroupKey) -> list[RecordingGroup]:
    """See Store. `filters` are those of the selection. Asked for by user and host in any case: what patterns take is
    decided here."""
    sources: list[Mapping[str, Any]] = [{name: {"terms": {"field": name}}} for name in ("user", "host")]
    if by == "day":
        day = {"field": "@timestamp", "calendar_interval": "day", "format": "yyyy-MM-dd", "time_zone": _zone()}
        sources.append({"day": {"date_histogram": day}})
    exact = replace(selection, recs=())
    found: dict[str, RecordingGroup] = {}
    for bucket in _buckets(server, filters, sources):
        key = bucket["key"]
        if exact.takes("", key["user"], key["host"]):
            group = RecordingGroup(
                key[by],
                bucket["doc_count"],
                int(bucket["length"]["value"]),
                int(bucket["events"]["value"]),
                bucket["latest"]["value"],
            )
            found[group.key] = found[group.key].merged(group) if group.key in found else group
    return in_order(found.values(), by)


def within(grants: Iterable[Grant]) -> Filter:
    """What one of the grants may take."""
    return _any([_grant(grant) for grant in grants])


def states(wanted: Iterable[str]) -> Filter:
    """What may have one of the states."""
    return _any([_state(State(state)) for state in wanted])


def behind(position: Position, hold: Hold | None, *, oldest_first: bool = False) -> Filter:
    """What comes after a position in the order of lists and searches; `hold`: the recording at the position."""
    comparison = "gt" if oldest_first else "lt"
    here: Filter = {"term": {"start": position.start}}
    further: list[Filter] = [{"range": {"start": {comparison: position.start}}}]
    number = hold.fields.get("number") if hold is not None else None
    if number is None:
        return _any([*further, here])  # deleted meanwhile: rather some again than some never
    further.append(_all([here, {"range": {"number": {comparison: number}}}]))
    return _any(further)


def _buckets(server: Server, filters: list[Filter], sources: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    sums = {
        "length": {"sum": {"field": "length"}},
        "events": {"sum": {"field": "events"}},
        "latest": {"max": {"field": "start"}},
    }
    after: Mapping[str, Any] = {}
    while True:
        composite = {"size": BUCKETS, "sources": sources, **({"after": after} if after else {})}
        answer = server.search(
            RECORDINGS, query=_all(filters), size=0, aggs={"groups": {"composite": composite, "aggs": sums}}
        )
        found = answer["aggregations"]["groups"]
        yield from found["buckets"]
        if len(found["buckets"]) < BUCKETS:
            return
        after = found["after_key"]


def _grant(grant: Grant) -> Filter:
    sides: list[Filter] = []
    if grant.user is not None:
        sides.append({"term": {"user": grant.user}})
    for name, patterns in (("user", grant.users), ("host", grant.hosts)):
        # Elasticsearch folds the case of ASCII letters only.
        if "*" not in patterns and all(map(str.isascii, patterns)):
            sides.append(_any([_wildcard(name, pattern) for pattern in patterns]))
    return _all(sides)


def _state(state: State) -> Filter:
    running: Filter = {"term": {"ended": False}}
    if state is State.LIVE:
        recent = {"range": {"finish": {"gt": time.time() - RECENT}}}
        return _all([running, _any([recent, {"term": {"host": os.uname().nodename}}])])
    missing: Filter = {"range": {"missing": {"gt": 0}}}
    if state is State.INCOMPLETE:
        return missing
    ended: Filter = {"term": {"ended": state is State.ENDED}}
    return {"bool": {"filter": [ended], "must_not": [missing]}}


def _wildcard(name: str, pattern: str) -> Filter:
    return {"wildcard": {name: {"value": pattern.replace("\\", "\\\\"), "case_insensitive": True}}}


def _any(filters: list[Filter]) -> Filter:
    return {"bool": {"should": filters, "minimum_should_match": 1}} if filters else {"match_none": {}}


def _all(filters: list[Filter]) -> Filter:
    return {"bool": {"filter": filters}}


def _zone() -> str:
    """The local time zone by its name, or as far as it can be told by its offset now."""
    _, found, name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    name = os.environ.get("TZ", "") or (name if found else "")
    if name and (Path("/usr/share/zoneinfo") / name).is_file() and not name.startswith(("/", ":", ".")):
        return name
    offset = datetime.now(UTC).astimezone().strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"
