"""Take recordings into the store: files, directories of them, what the systemd journal holds, or what log servers
put into Elasticsearch.

Reads the recordings of sessrec and of tlog. What is in the store already is recognised, a file that has grown is read
on from where it ended, and a run that was killed is continued by the next. Lines that are no messages, or do not fit
to their recording, go into quarantine: `sessrec list --quarantined` shows them with the reason.

Of a directory the files *.jsonl, *.json and *.log are taken, also in directories below it.

Rules watch what is new (`sessrec rules`): what they see becomes an alert, which is stored with the recording and goes
to the journal.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from auditor.ingest.file_source import changed_files, ingest_files
from auditor.ingest.ingest import Ingest
from auditor.ingest.journal import Journal
from auditor.ingest.journal_source import JournalSource
from auditor.ingest.progress import Notes
from auditor.output.printable import printable
from auditor.recordings.own_store import add_store_argument
from auditor.recordings.recording import RecordingError
from auditor.recordings.store import Store, StoreUnavailableError
from auditor.recordings.store_name import open_named
from auditor.rules.arguments import add_rules_arguments, rules_at_work
from recorder.errors import SessrecError

HELP = "take recordings from files or the journal into the store"

INTERVAL = 0.5
"""Seconds between two looks at what is followed."""

AWAY_INTERVAL = 2.0
"""Seconds between two attempts while the store is away."""


class NothingToIngestError(SessrecError):
    """The command line names no source, or two kinds of them."""

    exit_status = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec ingest`."""
    parser.add_argument("paths", nargs="*", type=Path, metavar="FILE|DIR", help="recordings, or directories of them")
    parser.add_argument("--journal", action="store_true", help="read the systemd journal")
    parser.add_argument("--namespace", metavar="NAME", help="the journal of this namespace")
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="the journals in this directory, or of this file"
    )
    parser.add_argument(
        "--from",
        dest="origin",
        choices=("elasticsearch",),
        help="take what log servers put into the Elasticsearch store that --store names",
    )
    parser.add_argument(
        "--lease",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="with --from: after this time others go on with what a process was at that is gone (default: 15)",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is added, until interrupted")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    add_rules_arguments(parser)
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0, or 1 when a file could not be read."""
    is_journal = args.journal or args.namespace is not None or args.directory is not None
    if [is_journal, bool(args.paths), args.origin is not None].count(True) != 1:
        raise NothingToIngestError("name files or directories to take in, or --journal, or --from elasticsearch")
    store = open_named(args.store)
    try:
        with rules_at_work(args) as watcher:
            ingest = Ingest(store, watcher)
            if args.origin is not None:
                status = _raw(ingest, store, args)
            elif is_journal:
                journal = Journal(args.namespace, args.directory)
                source = JournalSource(ingest, store, journal)
                status = _repeat(lambda: _journal(source), _notes(ingest, store, journal.source, args.follow))
            else:
                notes = _notes(ingest, store, f"files:{','.join(map(str, args.paths))}", args.follow)
                status = _repeat(lambda: _files(ingest, store, args.paths, args.quiet), notes)
            if not args.quiet:
                _report(ingest, watcher.alerts if watcher else 0)
        return status
    finally:
        store.close()


def _notes(ingest: Ingest, store: Store, source: str, follow: bool) -> Notes | None:
    return Notes(store, ingest, source) if follow else None


def _repeat(look: Callable[[], int], notes: Notes | None, interval: float = INTERVAL) -> int:
    """Look once, or, where that is noted, again and again; then a store that is away for a while is told of once, and
    waited for."""
    status, follow = 0, notes is not None
    away = ""
    try:
        while True:
            try:
                status = look() or status
                if notes is not None:
                    notes.looked()
            except StoreUnavailableError as error:
                if not follow:
                    raise
                if not away:
                    away = printable(str(error))
                    sys.stderr.write(f"sessrec: {away}; trying again until it works\n")
            else:
                if away:
                    sys.stderr.write("sessrec: the store takes additions again\n")
                away = ""
            if not follow:
                return status
            time.sleep(AWAY_INTERVAL if away else interval)
    except KeyboardInterrupt:
        if not follow:
            raise
        return status  # what was not added yet is there for the next run


def _raw(ingest: Ingest, store: Store, args: argparse.Namespace) -> int:
    if args.store is None or isinstance(args.store, Path):
        raise NothingToIngestError("--from elasticsearch needs --store https://HOST:9200/PREFIX")
    from auditor.elasticsearch.raw_source import INTERVAL as RAW_INTERVAL
    from auditor.elasticsearch.raw_source import OTHERS_SECONDS, RawSource
    from auditor.elasticsearch.store import ElasticsearchStore

    assert isinstance(store, ElasticsearchStore)
    source = RawSource(ingest, store, lease_seconds=args.lease)

    def look() -> int:
        source.look(last=not args.follow)
        # What a process was at that is gone is nobody's for the time of a lease: it is not left so by the last one.
        while not args.follow and source.left:
            time.sleep(OTHERS_SECONDS)
            source.look(last=True)
        return 0

    status = _repeat(look, _notes(ingest, store, "elasticsearch", args.follow), RAW_INTERVAL)
    source.close()
    return status


def _journal(journal: JournalSource) -> int:
    before = journal.dropped
    errors = journal.look()
    for error in errors:
        sys.stderr.write(f"sessrec: {printable(str(error))}\n")
    if journal.dropped > before:
        sys.stderr.write(
            f"sessrec: journald has dropped {journal.dropped - before} messages by its rate limit: "
            "set RateLimitIntervalSec=0 (see `sessrec list --quarantined`)\n"
        )
    return 1 if errors else 0


def _files(ingest: Ingest, store: Store, paths: list[Path], quiet: bool) -> int:
    errors: list[RecordingError] = ingest_files(ingest, store, changed_files(store, paths), quiet=quiet)
    for error in errors:
        sys.stderr.write(f"sessrec: {error}\n")
    return 1 if errors else 0


def _report(ingest: Ingest, alerts: int) -> None:
    counts = ingest.counts
    parts = [f"{len(counts.recordings)} recordings", f"{counts.taken} new messages"]
    if alerts:
        parts.append(f"{alerts} alerts (see `sessrec search alert`)")
    if counts.known:
        parts.append(f"{counts.known} known already")
    if counts.deleted:
        parts.append(f"{counts.deleted} of deleted recordings")
    if counts.refused:
        parts.append(f"{counts.refused} lines refused (see `sessrec list --quarantined`)")
    print(", ".join(parts))
