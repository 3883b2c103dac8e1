"""What rsyslog had to put aside, sent again.

Until 8.2608 rsyslog gives a request up that Elasticsearch answers with an error as a whole (too busy, no master,
a password that is wrong), and writes it into omelasticsearch's `errorFile`: a line of JSON with the request as it was
sent. All of it is `create` with an id, so that it may be sent as often as one likes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from auditor.elasticsearch.actions import Action, document
from auditor.elasticsearch.dead_letter import dead_letter
from auditor.elasticsearch.layout import REFUSALS, Names
from auditor.log_servers.plain_bulk import PlainBulk
from recorder.errors import SessrecError

TAIL = 64
"""Bytes before the point reached, by which a file is known again."""

MAX_REQUEST = 256 * 1024 * 1024
"""Bytes of a line: a request of 16 MB in a JSON string, most of whose characters need an escape."""


class PutAsideError(SessrecError):
    """The file cannot be read, or is not one of rsyslog's; the text says what to do."""


@dataclass(slots=True)
class Resent:
    """Documents that are in the store now, those that were there already, and dead letters; lines that rsyslog did
    not write to their end, since it was killed (it has what is in them in its queue still)."""

    stored: int = 0
    known: int = 0
    refused: int = 0
    torn: int = 0


def resend(bulk: PlainBulk, path: Path) -> Resent:
    """Send what the file has behind the point reached last time, which stands beside it in FILE.sent, and note how
    far that was. Raises PutAsideError, and StoreError when the store does not take it now: then nothing is noted."""
    resent = Resent()
    try:
        with path.open("rb") as file:
            _to_unsent(file, path)
            while (line := file.readline(MAX_REQUEST)).endswith(b"\n"):
                try:
                    documents = list(_documents(line))
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    if file.tell() == len(line):
                        raise PutAsideError(f"{path} is not the errorFile of rsyslog's omelasticsearch") from error
                    resent.torn += 1
                else:
                    _send(bulk, documents, resent)
                _note(file, path)
    except FileNotFoundError:
        pass  # nothing has ever been put aside
    except OSError as error:
        raise PutAsideError(f"{path}: {error.strerror}") from error
    return resent


def _to_unsent(file: BinaryIO, path: Path) -> None:
    """Go to where the last run ended; to the beginning when the file is another one since."""
    try:
        noted = json.loads(_note_of(path).read_text())
        offset, tail = int(noted["offset"]), str(noted["tail"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise PutAsideError(f"{_note_of(path)} cannot be read: remove it, and everything is sent again") from error
    file.seek(max(0, offset - TAIL))
    if file.read(min(offset, TAIL)).hex() != tail:
        file.seek(0)


def _note(file: BinaryIO, path: Path) -> None:
    """Note how far it was read: all of it or nothing."""
    offset = file.tell()
    file.seek(max(0, offset - TAIL))
    new = path.with_name(f"{path.name}.sent.new")
    new.write_text(json.dumps({"offset": offset, "tail": file.read(min(offset, TAIL)).hex()}))
    new.replace(_note_of(path))


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sent")


def _documents(line: bytes) -> Iterator[tuple[str, Action]]:
    """The documents of a request, each with its recording."""
    lines = json.loads(line)["request"]["postdata"].encode("utf-8", "surrogatepass").rstrip(b"\n").split(b"\n")
    for head, body in zip(lines[::2], lines[1::2], strict=True):
        (create,) = json.loads(head).values()
        key = str(create["_id"])
        yield key.rpartition("-")[0], Action("create", str(create["_index"]), key, body)


def _send(bulk: PlainBulk, documents: list[tuple[str, Action]], resent: Resent) -> None:
    refused: list[Action] = []
    results = bulk.write(action for _, action in documents)
    for (rec, action), result in zip(documents, results, strict=True):
        if result.done:
            resent.stored += 1
        elif result.status == 409:
            resent.known += 1
        else:
            resent.refused += 1
            reason = f"Elasticsearch refused it: {result.type}: {result.reason}"
            key, fields = dead_letter("rsyslog", rec, reason, action.body or b"")
            target = Names(bulk.address.prefix).of(REFUSALS)
            refused.append(Action("create", target, key, document(fields), alias=True))
    bulk.write(refused)
