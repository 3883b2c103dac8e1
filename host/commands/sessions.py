"""List the sessions that are recorded on this host now, the oldest first.

A session is silent where its recorder does not answer. What has ended is in the recordings (`sessrec list`).
"""

import argparse
import json
import shlex
import time

HELP = "list the sessions that are recorded now"

_COLUMNS = ("SESSION", "USER", "FROM", "TERMINAL", "SINCE", "STATE", "COMMAND")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a session")


def run(args: argparse.Namespace) -> int:
    """Print the sessions; raises LiveSessionError."""
    from host.live_sessions import LiveSession, live_sessions

    def row(one: LiveSession) -> tuple[str, ...]:
        session = one.session
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(session.started))
        command = shlex.join(session.command)
        return (session.rec, session.user, session.origin, session.terminal, since, one.state, command)

    found = live_sessions()
    if args.json:
        for one in found:
            print(json.dumps(one.described()))
    elif found:
        print_table([_COLUMNS, *map(row, found)])
    else:
        print("no session is recorded now")
    return 0


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as what is in them. What users have named cannot speak to the terminal."""
    from auditor.output.printable import printable

    cells = [[printable(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
