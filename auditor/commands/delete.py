"""Delete recordings: what the store knows of them, their messages in it, and their files in your own recordings
directory.

The index of words is written anew, so that no word of theirs stays in it: half a minute for each GB in the store.

A session that is still being recorded is refused, and so is a recording on hold (`sessrec hold`). A deleted recording
is not taken in again, wherever it is found. Files elsewhere, journals and other stores keep what they have. Who
deleted what, and why, stays in the ledger: `sessrec audit-trail --action delete`.
"""

import argparse
import sys

from auditor.ledger.deletion import delete, refuse_live
from auditor.ledger.of_store import add_ledger_argument, open_ledger, person
from auditor.ledger.verdicts import Verdicts
from auditor.output.listing import print_line
from auditor.output.moments import clock
from auditor.output.printable import printable
from auditor.recordings.locate import facts_of
from auditor.recordings.own_store import add_store_argument, open_store
from auditor.recordings.store import Facts
from recorder.errors import SessrecError

HELP = "delete recordings"


class NotConfirmedError(SessrecError):
    """Nobody said yes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec delete`."""
    parser.add_argument("recs", nargs="+", metavar="REC", help="ids, or beginnings of them that no other has")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for the ledger")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_store_argument(parser)
    add_ledger_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when all are deleted; all are looked up before the first is."""
    store = open_store(args.store)
    try:
        found = {facts.rec: facts for facts in (facts_of(store, rec) for rec in args.recs)}
        for facts in found.values():
            refuse_live(facts)
        if not args.yes:
            _confirm(list(found.values()))
        with open_ledger(args.store, args.ledger) as ledger:
            verdict = Verdicts(ledger).known_text
            delete(store, ledger, list(found.values()), person(), reason=args.reason, verdict=verdict)
        for facts in found.values():
            print_line(f"deleted {printable(facts.rec)}")
    finally:
        store.close()
    return 0


def _confirm(found: list[Facts]) -> None:
    if not sys.stdin.isatty():
        raise NotConfirmedError("nothing was deleted: say --yes where nobody can be asked")
    for facts in found:
        print_line(printable(f"{clock(facts.start)}  {facts.user}@{facts.host}  {facts.rec}"))
    sys.stdout.write(f"Delete {'this recording' if len(found) == 1 else f'these {len(found)} recordings'}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NotConfirmedError("nothing was deleted")
