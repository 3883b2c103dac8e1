"""Show who watched, searched, exported, held and deleted what, the latest last; or say whether that trail is whole.

The auditor's page writes it, and so do the verbs of the terminal: what is deleted, what is put on hold, and what is
read from a store that others share. Entries are only ever added, each chained to the one before.

--verify reads all of it: `complete`, with the head of the chain, or `tampered at N`, the first entry that is not as
it was written. Whoever may write the file could write all of it anew; so keep heads elsewhere and name one with
--head, or compare with what the systemd journal was told (--journal).

  sessrec audit-trail --action watch --action export --rec 175bde1c
  sessrec audit-trail --viewer otto --since monday --json
  sessrec audit-trail --verify --journal

exit status:
  0, with --verify 4 where it is not whole
"""

import argparse
import sys
from datetime import datetime
from itertools import islice
from pathlib import Path

from auditor.ingest.journal import Journal
from auditor.ledger import chain
from auditor.ledger.entry import ACTIONS, FAILURE, Entry, Wanted
from auditor.ledger.journal_copy import noted
from auditor.ledger.ledger import Ledger
from auditor.ledger.of_store import add_ledger_argument, ledger_file
from auditor.output.listing import print_json, print_line, print_table
from auditor.output.moments import clock, moment
from auditor.output.printable import printable
from auditor.query.time_forms import FORMS, point_in_time
from auditor.recordings.own_store import add_store_argument
from recorder.errors import SessrecError

HELP = "show who watched, searched, exported and deleted what, and whether that trail is whole"

TAMPERED = 4
"""Exit status, as that of `sessrec verify`."""


class TrailUsageError(SessrecError):
    """The command line does not go together."""

    exit_status = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec audit-trail`."""
    parser.add_argument("--viewer", metavar="PATTERN", action="append", default=[], help="by this one; * and ? match")
    parser.add_argument("--action", choices=ACTIONS, action="append", default=[], help="of this kind")
    parser.add_argument("--rec", metavar="REC", default="", help="about the recording whose id begins so")
    parser.add_argument("--user", metavar="PATTERN", action="append", default=[], help="about this user's recordings")
    parser.add_argument(
        "--host", metavar="PATTERN", action="append", default=[], help="about recordings of this host"
    )
    parser.add_argument("--since", metavar="TIME", help=f"at or after: {FORMS}")
    parser.add_argument("--until", metavar="TIME", help="before")
    parser.add_argument("--limit", metavar="N", type=int, help="at most N, the latest ones")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--verify", action="store_true", help="say whether the trail is whole")
    parser.add_argument("--head", metavar="N:HEX", help="with --verify: a head that was noted before must be in it")
    parser.add_argument("--journal", action="store_true", help="with --verify: compare with the systemd journal")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="with --verify: with the journals in there")
    add_ledger_argument(parser)
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, of --verify 4 where the trail is not whole."""
    if not args.verify and (args.head or args.journal or args.directory):
        raise TrailUsageError("--head, --journal and --directory are for --verify: write that as well")
    wanted = _wanted(args)
    path = ledger_file(args.store, args.ledger)
    if not path.exists():
        if args.verify or args.ledger:
            raise TrailUsageError(f"there is no ledger {path}: name it with --ledger")
        if not args.json:
            print_line("nothing is recorded")
        return 0
    with Ledger(path) as ledger:
        if args.verify:
            return _verify(ledger, args)
        _list(ledger, wanted, args)
    return 0


def _wanted(args: argparse.Namespace) -> Wanted:
    now = datetime.now().astimezone()
    return Wanted(
        viewers=tuple(args.viewer),
        actions=tuple(args.action),
        rec=args.rec,
        users=tuple(args.user),
        hosts=tuple(args.host),
        since=point_in_time(args.since, now) if args.since else None,
        until=point_in_time(args.until, now) if args.until else None,
    )


def _list(ledger: Ledger, wanted: Wanted, args: argparse.Namespace) -> None:
    found = list(islice(ledger.entries(wanted), args.limit))[::-1]
    if args.json:
        for entry in found:
            print_json(entry.fields())
    elif found:
        print_table(("N", "WHEN", "WHO", "FROM", "WHAT", "RECORDING", "ABOUT"), map(_row, found), frozenset({0}))
    else:
        print_line("nothing is recorded")


def _row(entry: Entry) -> tuple[str, ...]:
    what = entry.action + (" (failed)" if entry.outcome == FAILURE else "")
    about = [f"{entry.user}@{entry.host}"] if entry.rec else []
    about += [moment(entry.at)] if entry.at is not None else []
    about += [text for text in (entry.query, entry.reason) if text]
    about += [f"{name}={value}" for name, value in entry.detail.items()]
    return (
        str(entry.number),
        clock(entry.time),
        entry.viewer,
        entry.origin,
        what,
        entry.rec,
        "  ".join(about),
    )


def _verify(ledger: Ledger, args: argparse.Namespace) -> int:
    head = ledger.head()
    elsewhere = dict([_head(args.head)]) if args.head else {}
    if args.journal or args.directory:
        uids = {0, ledger.path.stat().st_uid}
        elsewhere |= noted(Journal(directory=args.directory), head.id, uids)
    found = chain.check(ledger, elsewhere)
    integrity = chain.integrity(ledger)
    if found.whole and integrity != "ok":
        found = found._replace(whole=False, reason=f"the file is damaged: {integrity}")
    verdict = "complete" if found.whole else "tampered" + (f" at {found.at}" if found.at else "")
    if args.json:
        answer = {
            "verdict": verdict.partition(" ")[0],
            "at": found.at,
            "proven": found.proven,
            "reason": found.reason,
            "head": str(head),
            "compared": len(elsewhere),
        }
        print_json(answer)
    else:
        print_line(verdict)
        if found.whole:
            print_line(f"{found.proven} entries, {len(elsewhere)} of them as noted elsewhere; head {head}")
        else:
            sys.stderr.write(f"sessrec: {printable(found.reason)}\n")
    return 0 if found.whole else TAMPERED


def _head(text: str) -> tuple[int, str]:
    number, _, value = text.partition(":")
    if not (number.isascii() and number.isdecimal() and len(number) < 16 and len(value) == 64):
        raise TrailUsageError(
            f"{text[:80]!r} is not a head: write N:HEX, as `sessrec audit-trail --verify` prints it"
        )
    return int(number), value.lower()
