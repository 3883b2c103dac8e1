"""List the recordings in the store, the latest last.

Each has its start, user, host, length, state and id; an id may be shortened to a beginning that no other has. States:
live (still running), ended, open (tlog's recordings, which mark no end), broken end (the recorder was killed),
incomplete (messages are missing). EVENTS, where there are any: programs, files and
connections that were audited in it.

  sessrec list --user 'a*' --since yesterday
  sessrec list --since '2 hours ago' --json
"""

import argparse
from datetime import datetime
from itertools import islice

from auditor.ledger.of_store import note
from auditor.output.listing import print_json, print_line, print_table
from auditor.output.moments import clock, iso, length
from auditor.query.query import Selection
from auditor.query.time_forms import FORMS, point_in_time
from auditor.recordings.own_store import add_store_argument, open_store
from auditor.recordings.recording_state import recording_state
from auditor.recordings.store import Facts, Store

HELP = "list recordings"

_HEADINGS: tuple[str, ...] = ("START", "USER", "HOST", "LENGTH", "STATE", "ID")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec list`."""
    parser.add_argument("--user", metavar="PATTERN", action="append", default=[], help="of this user; * and ? match")
    parser.add_argument("--host", metavar="PATTERN", action="append", default=[], help="on this host; * and ? match")
    parser.add_argument("--since", metavar="TIME", help=f"started at or after: {FORMS}")
    parser.add_argument("--until", metavar="TIME", help="started before")
    parser.add_argument("--limit", metavar="N", type=int, help="at most N, the latest ones")
    parser.add_argument("--reverse", action="store_true", help="the latest first")
    parser.add_argument("--quarantined", action="store_true", help="list what was refused, and why, instead")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, also when there is nothing to list."""
    store = open_store(args.store)
    try:
        note(args.store, "list")
        if args.quarantined:
            _quarantined(store, args.json)
        else:
            _recordings(store, args)
    finally:
        store.close()
    return 0


def _recordings(store: Store, args: argparse.Namespace) -> None:
    now = datetime.now().astimezone()
    selection = Selection(
        users=tuple(args.user),
        hosts=tuple(args.host),
        since=point_in_time(args.since, now) if args.since else None,
        until=point_in_time(args.until, now) if args.until else None,
    )
    found = list(islice(store.recordings(selection), args.limit))
    if not args.reverse:
        found.reverse()
    if args.json:
        for facts in found:
            print_json(as_json(facts))
    elif found:
        # Only where something is audited: elsewhere the column would be empty.
        audited = any(facts.events for facts in found)
        headings, rows = _HEADINGS, [_row(facts) for facts in found]
        if audited:
            headings = (*headings[:4], "EVENTS", *headings[4:])
            rows = [(*row[:4], str(facts.events or ""), *row[4:]) for facts, row in zip(found, rows, strict=True)]
        print_table(headings, rows, right=frozenset({3, 4} if audited else {3}))
    else:
        print_line("no recordings")


def as_json(facts: Facts) -> dict[str, object]:
    """What a listing says of a recording, for programs: times as ISO 8601, durations in ms, sizes in bytes."""
    return {
        "rec": facts.rec,
        "user": facts.user,
        "host": facts.host,
        "start": iso(facts.start),
        "end": iso(facts.finish),
        "length_ms": facts.length,
        "state": str(recording_state(facts)),
        "messages": facts.messages,
        "missing": facts.missing,
        "output_bytes": facts.printed,
        "input_bytes": facts.typed,
        "exit_code": facts.exit_code,
        "audited": facts.events,
        "command_lines": facts.commands,
    }


def _row(facts: Facts) -> tuple[str, ...]:
    return (
        clock(facts.start),
        facts.user,
        facts.host,
        length(facts.length // 1000),
        recording_state(facts),
        facts.rec,
    )


def _quarantined(store: Store, as_objects: bool) -> None:
    rows = list(store.quarantined())
    if as_objects:
        for row in rows:
            print_json({**row._asdict(), "time": iso(row.time)})
    elif rows:
        print_table(
            ("WHEN", "LINES", "SOURCE", "RECORDING", "REASON", "BEGINS"),
            [(clock(row.time), str(row.lines), row.source, row.rec, row.reason, row.excerpt[:60]) for row in rows],
            right=frozenset({1}),
        )
    else:
        print_line("nothing was refused")
