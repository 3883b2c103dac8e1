"""Delete recordings: what the store knows of them, their messages in it, and their files in your own recordings
directory.

The index of words is written anew, so that no word of theirs stays in it: half a minute for each GB in the store.

A session that is still being recorded is refused. A deleted recording is not taken in again, wherever it is found.
Files elsewhere, journals and other stores keep what they have.
"""

import argparse
import sys
from pathlib import Path

from auditor.file_source import source_path
from auditor.listing import print_line
from auditor.locate import facts_of
from auditor.moments import clock
from auditor.own_store import add_store_argument, open_store
from auditor.printable import printable
from auditor.recording_state import State, recording_state
from auditor.store import Facts
from recorder.errors import SessrecError
from recorder.paths import recordings_directory

HELP = "delete recordings"


class LiveRecordingError(SessrecError):
    """The session goes on."""


class NotConfirmedError(SessrecError):
    """Nobody said yes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec delete`."""
    parser.add_argument("recs", nargs="+", metavar="REC", help="ids, or beginnings of them that no other has")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when all are deleted; all are looked up before the first is."""
    store = open_store(args.store)
    try:
        found = {facts.rec: facts for facts in (facts_of(store, rec) for rec in args.recs)}
        for facts in found.values():
            _refuse_live(facts)
        if not args.yes:
            _confirm(list(found.values()))
        store.delete(found.keys())
        for facts in found.values():
            file = _own_file(facts)
            if file:
                file.unlink(missing_ok=True)
            print_line(f"deleted {printable(facts.rec)}")
    finally:
        store.close()
    return 0


def _refuse_live(facts: Facts) -> None:
    """A session that goes on would be recorded into a file without a name, and nobody would know."""
    if recording_state(facts) is State.LIVE:
        raise LiveRecordingError(f"{facts.rec} is still being recorded: end the session, then delete it")


def _confirm(found: list[Facts]) -> None:
    if not sys.stdin.isatty():
        raise NotConfirmedError("nothing was deleted: say --yes where nobody can be asked")
    for facts in found:
        print_line(printable(f"{clock(facts.start)}  {facts.user}@{facts.host}  {facts.rec}"))
    sys.stdout.write(f"Delete {'this recording' if len(found) == 1 else f'these {len(found)} recordings'}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NotConfirmedError("nothing was deleted")


def _own_file(facts: Facts) -> Path | None:
    """The recording's file, if it is one of the user's own: there one file holds one recording."""
    path = source_path(facts.source)
    own = path is not None and path.parent == recordings_directory() and path.name == f"{facts.rec}.jsonl"
    return path if own else None
