"""Export a recording to another format.

asciicast  asciicast v2, for asciinema and web players
text       what was to be read on the screen, line by line
raw        the exact bytes that the terminal was sent (with --input: that were typed)
tlog       messages of tlog with nothing of ours in them, for tlog-play
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from auditor.exports import asciicast, raw, text, tlog
from auditor.exports.messages import ExportError, messages
from auditor.ledger.of_store import note_reading
from auditor.recordings.locate import locate
from auditor.recordings.own_store import add_store_argument
from recorder.formats.message import Message

HELP = "export a recording as asciicast, text, raw bytes or tlog's messages"

Export = Callable[[Iterable[Message]], Iterator[bytes]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sessrec export`."""
    parser.add_argument("recording", metavar="REC|FILE", help="a recording's id, a beginning of it, or a file")
    parser.add_argument("--as", dest="form", choices=("asciicast", "text", "raw", "tlog"), required=True)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write to a new file")
    parser.add_argument("--input", action="store_true", help="with what was typed, if it was recorded")
    add_store_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status 0; what cannot be exported whole is an error, and no file is left."""
    if args.output is None and args.form != "text" and sys.stdout.isatty():
        raise ExportError(f"{args.form} is not for a terminal: name a file with -o, or redirect the output")
    recording = locate(args.recording, args.store)
    try:
        note_reading(args.store, "export", recording, {"format": args.form, "input": args.input})
        pieces = _export(args)(messages(recording))
        if args.output is None:
            _write(sys.stdout.buffer.write, pieces)
            sys.stdout.buffer.flush()
        else:
            _write_file(args.output, pieces)
    finally:
        recording.close()
    return 0


def _export(args: argparse.Namespace) -> Export:
    exports: dict[str, Export] = {
        "asciicast": partial(asciicast.export, with_input=args.input),
        "text": partial(text.export, with_input=args.input),
        "raw": partial(raw.export, with_input=args.input),
        "tlog": tlog.export,
    }
    return exports[args.form]


def _write(write: Callable[[bytes], object], pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        write(piece)


def _write_file(path: Path, pieces: Iterable[bytes]) -> None:
    """To a new file that only its owner may read: it holds what the recording holds."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ExportError(f"{path} cannot be created: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file.write, pieces)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ExportError(f"{path} cannot be written: {error.strerror}") from error
        raise
