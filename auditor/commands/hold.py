"""Keep recordings from being deleted, by retention or by anybody; without recordings, list those that are held.

A hold has a reason, and stays until it is released, with a reason as well. There may be several on one recording: it
is kept until none is left. Both are in the ledger (`sessrec audit-trail --action hold --action release`).

  sessrec hold 175bde1c --reason 'case 4711'
  sessrec hold
  sessrec hold --release 175bde1c --reason 'case 4711 is closed'
"""

import argparse

from auditor.ledger.holds import Hold, HoldError, held, hold, holds, release
from auditor.ledger.ledger import Ledger
from auditor.ledger.of_store import add_ledger_argument, open_ledger, person
from auditor.output.listing import print_json, print_line, print_table
from auditor.output.moments import clock, iso
from auditor.output.printable import printable
from auditor.recordings.locate import facts_of
from auditor.recordings.own_store import add_store_argument, open_store
from auditor.recordings.recording import RecordingError

HELP = "keep recordings from being deleted, and release them"


class _UsageError(HoldError):
    exit_status = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec hold`."""
    parser.add_argument("recs", nargs="*", metavar="REC", help="ids, or beginnings of them that no other has")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; needed")
    parser.add_argument("--release", action="store_true", help="release them instead")
    parser.add_argument("--number", type=int, metavar="N", help="with --release: which hold, where there are several")
    parser.add_argument("--json", action="store_true", help="list as one JSON object a line")
    add_store_argument(parser)
    add_ledger_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0; all recordings are looked up before the first is held."""
    if not args.recs:
        if args.release or args.reason or args.number is not None:
            raise _UsageError("say which recordings: `sessrec hold` lists those that are held")
        with open_ledger(args.store, args.ledger) as ledger:
            _list(ledger, args.json)
        return 0
    if not args.reason.strip():
        raise _UsageError("say why, with --reason")
    with open_ledger(args.store, args.ledger) as ledger:
        if args.release:
            _release(ledger, args)
        else:
            _hold(ledger, args)
    return 0


def _hold(ledger: Ledger, args: argparse.Namespace) -> None:
    store = open_store(args.store)
    try:
        found = {facts.rec: facts for facts in (facts_of(store, rec) for rec in args.recs)}
        for facts in found.values():
            made = hold(ledger, facts, person(), args.reason)
            print_line(f"on hold: {printable(facts.rec)} (hold {made.number})")
    finally:
        store.close()


def _release(ledger: Ledger, args: argparse.Namespace) -> None:
    for rec in [_held_rec(ledger, rec) for rec in args.recs]:
        release(ledger, rec, person(), args.reason, args.number)
        left = len(held(ledger, rec))
        print_line(f"released: {printable(rec)}" + (f" ({left} more on it)" if left else ""))


def _held_rec(ledger: Ledger, name: str) -> str:
    """The held recording that a beginning of an id means, also where the store does not have it any more."""
    recs = {each.rec for each in holds(ledger) if each.rec.startswith(name)}
    if name in recs:
        return name
    if len(recs) != 1:
        what = "begins more than one held recording's id" if recs else "is not on hold"
        raise RecordingError(f"{printable(name)} {what}: `sessrec hold` lists them")
    return recs.pop()


def _list(ledger: Ledger, as_objects: bool) -> None:
    found = holds(ledger)
    if as_objects:
        for each in found:
            print_json({**each._asdict(), "time": iso(each.time)})
    elif found:
        print_table(("HOLD", "SINCE", "BY", "RECORDING", "OF", "REASON"), map(_row, found), frozenset({0}))
    else:
        print_line("nothing is on hold")


def _row(each: Hold) -> tuple[str, ...]:
    return str(each.number), clock(each.time), each.viewer, each.rec, f"{each.user}@{each.host}", each.reason
