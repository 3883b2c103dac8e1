"""Show what is known of one recording: who, where, when, how it ended, the commands run in it, and its events.

Events are what the recorder tells of itself and, where the host audits its sessions, programs that were run, files,
connections and changes of privilege, each in one line. --tree draws which process started which.

  sessrec show 175bde1c
  sessrec show --tree 175bde1c
"""

import argparse
from collections.abc import Iterator

from auditor.commands.list import as_json
from auditor.events import events
from auditor.events.mentions import names_shown, with_name
from auditor.events.process_tree import process_tree
from auditor.ledger.of_store import note
from auditor.output.listing import print_json, print_line
from auditor.output.moments import clock, length, moment
from auditor.output.printable import printable
from auditor.recordings.locate import facts_of
from auditor.recordings.own_store import add_store_argument, open_store
from auditor.recordings.recording_state import State, recording_state
from auditor.recordings.store import Event, Facts, Store
from recorder.formats.message import MessageError, parse

HELP = "show what is known of a recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec show`."""
    parser.add_argument("rec", metavar="REC", help="its id, or a beginning of it that no other has")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--tree", action="store_true", help="the processes of the session as a tree, with their times")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0; a recording that is not there is an error."""
    store = open_store(args.store)
    try:
        facts = facts_of(store, args.rec)
        note(args.store, "watch", facts, detail={"verb": "show"})
        if args.json:
            print_json(_as_json(store, facts))
        elif args.tree:
            _print_tree(store, facts)
        else:
            _print(store, facts)
    finally:
        store.close()
    return 0


def _print(store: Store, facts: Facts) -> None:
    for name, value in _lines(facts):
        if value:
            print_line(f"{name + ':':<12} {printable(value)}")
    commands = [(seen.at, seen.text) for seen in store.seen(facts.rec, "command")]
    for title, lines in (("Commands", commands), ("Events", list(_events(store, facts)))):
        if lines:
            print_line(f"\n{title}:")
            for at, text in lines:
                print_line(f"  {moment(at)}  {printable(text)}")


def _print_tree(store: Store, facts: Facts) -> None:
    # Imported where it is used: rich takes longer than the rest.
    from auditor.events.tree_drawing import print_tree

    roots = process_tree(store.events(facts.rec))
    if roots:
        print_tree(f"{facts.user}@{facts.host} {clock(facts.start)} {facts.rec}", roots)
    else:
        print_line("no processes: nothing tells which programs were run")


def _lines(facts: Facts) -> list[tuple[str, str]]:
    state = recording_state(facts)
    size = f"{facts.columns}x{facts.rows}" if facts.columns else ""
    return [
        ("Recording", facts.rec),
        ("User", facts.user),
        ("Host", facts.host),
        ("Start", clock(facts.start)),
        ("End", clock(facts.finish) if state is not State.LIVE else "still running"),
        ("Length", length(facts.length // 1000)),
        ("State", state),
        ("Command", " ".join(facts.command)),
        ("Exit status", "" if facts.exit_code is None else f"{facts.exit_code} ({facts.reason})"),
        ("Terminal", f"{facts.term} {size}, {facts.charset}".strip()),
        ("Messages", f"{facts.messages}" + (f", {facts.missing} missing" if facts.missing else "")),
        ("Output", f"{facts.printed} bytes"),
        ("Input", f"{facts.typed} bytes" if facts.typed else ""),
        ("Lost", f"{facts.lost} bytes" if facts.lost else ""),
        ("Key", facts.key),
        ("Recorder", f"sessrec {facts.version}" if facts.version else ""),
        ("Sent by", facts.origin),
        ("Source", facts.source),
    ]


def _events(store: Store, facts: Facts) -> Iterator[tuple[int, str]]:
    """In order of time, with the names that the session showed of addresses, also where it showed them later."""
    names = names_shown(store.seen(facts.rec, "host"))
    for event in sorted(store.events(facts.rec), key=lambda event: (event.at, event.id, event.part)):
        fields = with_name(event.action, events.parsed_detail(event.detail), names)
        yield event.at, f"{_KIND.get(events.kind(event.action), '')}{events.sentence(event.action, fields)}"


_KIND = {"exec": "run "}
"""What a line about an event begins with where that does not say what happened."""


def _as_json(store: Store, facts: Facts) -> dict[str, object]:
    return {
        **as_json(facts),
        "term": facts.term,
        "columns": facts.columns,
        "rows": facts.rows,
        "charset": facts.charset,
        "command": list(facts.command),
        "reason": facts.reason,
        "lost_bytes": facts.lost,
        "key": facts.key,
        "version": facts.version,
        "origin": facts.origin,
        "source": facts.source,
        "commands": [{"at_ms": seen.at, "text": seen.text} for seen in store.seen(facts.rec, "command")],
        "events": [
            {
                "id": event.id,
                "at_ms": event.at,
                "action": event.action,
                "kind": events.kind(event.action),
                "text": events.sentence(event.action, detail := _detail(store, facts.rec, event)),
                "detail": detail,
            }
            for event in store.events(facts.rec)
        ],
    }


def _detail(store: Store, rec: str, event: Event) -> dict[str, object]:
    """All that it says: where the store has left something out, from the message."""
    detail = events.parsed_detail(event.detail)
    line = store.line(rec, event.id) if events.SHORTENED in detail and event.part == 0 else None
    if line is None:
        return detail
    try:
        return events.said(parse(line).fields)
    except MessageError:
        return detail  # a store made by a version that took it
