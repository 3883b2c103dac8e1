"""Turn an audit log into events, one JSON object a line.

The events are those that a recorded session has of its processes (docs/format.md, "Events"): programs that were
run, files that were changed and read, connections, changes of the user, logins, packets that the firewall has told
of. What a log has besides is left out. Before each event's own fields stand `time` (seconds since 1970), and `auid`
and `session` where somebody has logged in.

Lines that are no audit records are counted, and told of once at the end.

examples:
  sessrec audit-json < /var/log/audit/audit.log
  ausearch --raw --start today | sessrec audit-json | jq 'select(.event.action == "exec") | .process.args'
  tail -F /var/log/audit/audit.log | sessrec audit-json
"""

import argparse
import json
import select
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from recorder.audit.conversion import Converter
from recorder.audit.engines import ENGINES
from recorder.audit.event import AuditEvent

HELP = "turn an audit log into events as JSON"

CHUNK = 1 << 16
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
PATIENCE = 1.0
"""Seconds without more of the log, after which it is asked for what still waits."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The engine, and the logs."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="audit logs, the oldest first (default: standard input)"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what reads the records: auparse of python3-audit, or our own (default: auparse where it is)",
    )


def run(args: argparse.Namespace) -> int:
    """Convert all of it."""
    converter = Converter(args.engine)
    for name in args.files or ["-"]:
        if name == "-":
            _convert(sys.stdin.buffer, converter)
        else:
            with open(name, "rb") as log:
                _convert(log, converter)
    _print(converter.finish())
    if converter.bad:
        sys.stderr.write(f"sessrec: {converter.bad} lines are no audit records and were left out\n")
    if converter.incomplete:
        sys.stderr.write(
            f"sessrec: {converter.incomplete} events were left out, of which too many records are missing\n"
        )
    return 0


def _convert(log: BinaryIO, converter: Converter) -> None:
    for data in _pieces(log):
        _print(converter.feed(data) if data else converter.expire(time.time()))


def _pieces(log: BinaryIO) -> Iterator[bytes]:
    """What there is to read; b"" where nothing came for a while."""
    while True:
        if not select.select([log], [], [], PATIENCE)[0]:
            yield b""
            continue
        data = log.read1(CHUNK)  # type: ignore[attr-defined]
        if not data:
            return
        yield data


def _print(events: list[AuditEvent]) -> None:
    if events:
        sys.stdout.write("".join(map(as_line, events)))
        sys.stdout.flush()


def as_line(event: AuditEvent) -> str:
    """An event as it is printed."""
    head: dict[str, float | int] = {"time": event.time}
    if event.auid is not None:
        head["auid"] = event.auid
    if event.session is not None:
        head["session"] = event.session
    return _ENCODE({**head, **event.fields}) + "\n"
