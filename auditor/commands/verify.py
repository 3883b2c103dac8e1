"""Say whether recordings are as they were written.

For each recording one answer:
  complete         every message is there and proven, to the end of the session
  truncated at N   messages 1 to N are proven; what came after is missing, or nothing proves it
  tampered at N    message N is the first that is not as it was written, missing or out of place
  unsigned         no key that is trusted has signed it

Trusted are the user's own key, the keys given to `sessrec key trust`, and those named with --key. The reason for
an answer is printed to standard error. A session that still goes on is truncated.

exit status:
  0 complete, 3 truncated, 4 tampered, 5 unsigned, 1 not verified, 2 wrong usage; of several recordings the gravest:
  tampered, not verified, unsigned, truncated

examples:
  sessrec verify 175bde1c
  sessrec verify --key web1.pub /var/log/session-recording/*.jsonl
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.recordings.store_name import METAVAR, store_name
from recorder.errors import SessrecError
from recorder.keys.signing_key import PublicKey
from recorder.paths import user_key_file

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address
    from auditor.recordings.recording import Recording
    from auditor.verify import Verification

HELP = "say whether a recording is complete, truncated, tampered with or unsigned"

STATUS = {"complete": 0, "truncated": 3, "unsigned": 5, "error": 1, "tampered": 4}
"""Exit statuses, from the best answer to the gravest."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recordings, keys, and how to print."""
    parser.add_argument(
        "recordings", nargs="+", metavar="REC|FILE", help="a file, or (the beginning of) a recording id"
    )
    parser.add_argument(
        "--key", type=Path, action="append", default=[], metavar="FILE", help="a public key to trust; may be repeated"
    )
    parser.add_argument(
        "--store", type=store_name, metavar=METAVAR, help="the store to look in (default: the user's own)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a recording, with the reason")


def run(args: argparse.Namespace) -> int:
    """Verify every recording; the gravest answer is the exit status."""
    from recorder.keys.trusted_keys import trusted_keys

    trusted = trusted_keys(user_key_file(), args.key)
    answers = [_report(name, trusted, args) for name in args.recordings]
    return STATUS[max(answers, key=list(STATUS).index)]


def _report(name: str, trusted: list[PublicKey], args: argparse.Namespace) -> str:
    """Print what is found about one recording; the key of STATUS for it."""
    from auditor.output.printable import printable

    label = f"{printable(name)}: " if len(args.recordings) > 1 else ""
    try:
        found = _verify(name, args.store, trusted)
    except (SessrecError, OSError) as error:
        if len(args.recordings) == 1:
            raise
        reason = error if isinstance(error, SessrecError) else error.strerror
        print(f"sessrec: {label}{printable(str(reason))}", file=sys.stderr)
        return "error"
    if args.json:
        print(json.dumps({"name": name, **found._asdict()}))
    else:
        print(f"{label}{found}", flush=True)
        if found.verdict != "complete":
            print(f"sessrec: {label}{printable(found.reason)}", file=sys.stderr)
    return found.verdict.value


def _verify(name: str, store: "Path | Address | None", trusted: list[PublicKey]) -> "Verification":
    from auditor.verify import Verdict, verify, verify_file

    path = Path(name)
    if "\0" not in name and path.exists():
        # Read here rather than line by line: any layout of the JSON will do, and so will a pipe.
        with path.open("rb") as file:
            return verify_file(file, trusted)
    from auditor.ledger.of_store import note_reading
    from auditor.recordings.locate import locate

    recording = locate(name, store)
    try:
        note_reading(store, "verify", recording)
        found = verify(_lines(recording), trusted)
    finally:
        recording.close()
    if found.rec and not found.rec.startswith(name):
        # Another recording in its place may be perfectly sealed.
        return found._replace(verdict=Verdict.TAMPERED, at=1, proven=0, reason=f"it is recording {found.rec}")
    return found


def _lines(recording: "Recording") -> Iterator[bytes]:
    while lines := recording.read():
        yield from lines
