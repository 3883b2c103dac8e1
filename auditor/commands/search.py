"""Search what was printed, typed and run in the recordings of the store, and what was audited.

QUERY is one or more words that must stand in one line, in any order; case does not matter, and words are found inside
of longer ones too:

  sessrec search error -- -warning         with the one word, without the other
  sessrec search '"no such file" cmd:make' a phrase, in recordings in which make was run
  sessrec search cmd:rm user:alice host:web* since:monday
  sessrec search exec:curl file:/etc/shadow   in recordings in which curl ran and that file was touched

Fields: cmd: (commands as they stood at Enter), entered: (what was typed, if it was recorded), printed: (what was
shown; also screen:); of audited sessions exec: (programs that were run, with their arguments), file: (paths), net:
(addresses, ports and names of hosts), event: (any event); url: (addresses of the web, printed, typed or among
arguments); user:, host: (the recorded host, with * and ?), rec:, since:, until:. A "-" in front excludes. Words
without a field are looked for in what was shown and typed, and in events.

Each hit comes with its moment, and the command that plays the recording from there. Exit status 1 when there is none.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice

from auditor.ledger.of_store import note
from auditor.output.listing import print_json, print_line
from auditor.output.moments import clock, iso, moment
from auditor.output.printable import printable
from auditor.query.query import parse_query
from auditor.recordings.own_store import add_store_argument, open_store
from auditor.recordings.store import Hit

HELP = "search what was printed, typed, run and audited"

CONTEXT = 400
"""Code points of a line that are shown where there is no terminal to say how wide it is."""

_BOLD, _DIM, _MARK, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec search`."""
    parser.add_argument("query", nargs="+", metavar="QUERY", help="what to look for")
    parser.add_argument("--limit", metavar="N", type=int, default=50, help="at most N hits (default: 50)")
    parser.add_argument(
        "--each", metavar="N", type=int, default=10, help="at most N hits of a kind in one recording (default: 10)"
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="mark what was found")
    parser.add_argument("--json", action="store_true", help="one JSON object a hit and line")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0 with a hit, 1 without; a query that cannot be understood is an error (2)."""
    query = parse_query(" ".join(args.query), datetime.now().astimezone())
    store = open_store(args.store)
    try:
        note(args.store, "search", query=" ".join(args.query))
        hits = islice(store.search(query, max(1, args.each)), max(0, args.limit))
        first = next(hits, None)
        if first is None:
            if not args.json:
                sys.stderr.write("nothing found\n")
            return 1
        found = _chain(first, hits)
        if args.json:
            for hit in found:
                print_json(as_json(hit))
        else:
            _print(found, args.color == "always" or (args.color == "auto" and sys.stdout.isatty()))
    finally:
        store.close()
    return 0


def as_json(hit: Hit) -> dict[str, object]:
    """A hit for programs; `highlight` are the [start, end] of what was found in `text`, in code points."""
    return {
        "rec": hit.facts.rec,
        "user": hit.facts.user,
        "host": hit.facts.host,
        "at_ms": hit.at,
        "time": iso(hit.facts.start + hit.at / 1000),
        "kind": hit.kind,
        "text": hit.text,
        "highlight": [list(span) for span in hit.spans],
    }


def _print(hits: Iterable[Hit], color: bool) -> None:
    width = shutil.get_terminal_size().columns - 24 if sys.stdout.isatty() else CONTEXT
    bold, dim, plain = (_BOLD, _DIM, _PLAIN) if color else ("", "", "")
    for number, (rec, group) in enumerate(groupby(hits, key=lambda hit: hit.facts.rec)):
        for position, hit in enumerate(group):
            facts = hit.facts
            if position == 0:
                title = printable(f"{clock(facts.start)}  {facts.user}@{facts.host}  {rec}")
                print_line(f"{chr(10) if number else ''}{bold}{title}{plain}")
            print_line(f"  {moment(hit.at)}  {hit.kind:<8} {_context(hit, max(40, width), color)}")
            play = f"sessrec play {shlex.quote(printable(rec))} --goto {moment(hit.at)}"
            print_line(f"    {dim}{play}{plain}")


def _context(hit: Hit, width: int, color: bool) -> str:
    """The line around the first thing found in it, with that marked."""
    text, spans = hit.text, hit.spans
    start = max(0, min(spans[0][0] - width // 3, len(text) - width)) if spans else 0
    end = start + width
    mark, plain = (_MARK, _PLAIN) if color else ("", "")
    parts = ["…" if start else ""]
    position = start
    for left, right in spans:
        left, right = max(left, position), min(right, end)
        if left < right:
            # Piece by piece: as escapes some characters become longer.
            parts += [printable(text[position:left]), mark, printable(text[left:right]), plain]
            position = right
    parts += [printable(text[position:end]), "…" if end < len(text) else ""]
    return "".join(parts)


def _chain(first: Hit, others: Iterator[Hit]) -> Iterator[Hit]:
    yield first
    yield from others
