"""Show what is known of one recording: who, where, when, how it ended, the commands run in it, and its events."""

import argparse
import json

from auditor.commands.list import as_json
from auditor.listing import print_json, print_line
from auditor.locate import facts_of
from auditor.moments import clock, length, moment
from auditor.own_store import add_store_argument, open_store
from auditor.printable import printable
from auditor.recording_state import State, recording_state
from auditor.store import Event, Facts, Store

HELP = "show what is known of a recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec show`."""
    parser.add_argument("rec", metavar="REC", help="its id, or a beginning of it that no other has")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0; a recording that is not there is an error."""
    store = open_store(args.store)
    try:
        facts = facts_of(store, args.rec)
        if args.json:
            print_json(_as_json(store, facts))
        else:
            _print(store, facts)
    finally:
        store.close()
    return 0


def _print(store: Store, facts: Facts) -> None:
    for name, value in _lines(facts):
        if value:
            print_line(f"{name + ':':<12} {printable(value)}")
    for title, lines in (
        ("Commands", [(seen.at, seen.text) for seen in store.seen(facts.rec, "command")]),
        ("Events", [(event.at, _event(event)) for event in store.events(facts.rec)]),
    ):
        if lines:
            print_line(f"\n{title}:")
            for at, text in lines:
                print_line(f"  {moment(at)}  {printable(text)}")


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


def _event(event: Event) -> str:
    return f"{event.action} {event.detail}" if event.detail != "{}" else event.action


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
            {"id": event.id, "at_ms": event.at, "action": event.action, "detail": _detail(event.detail)}
            for event in store.events(facts.rec)
        ],
    }


def _detail(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text  # cut off where it was too long
