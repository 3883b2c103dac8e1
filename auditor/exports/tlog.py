"""tlog's own format, with nothing of ours in it: for tlog-play and other strict readers."""

from collections.abc import Iterable, Iterator

from auditor.exports.messages import json_line
from recorder.formats.message import Message


def export(messages: Iterable[Message]) -> Iterator[bytes]:
    """Messages with tlog's fields only. Events are left out, but for the changes of size that they carry, and ids are
    given anew, so that none is missing."""
    id = 0
    for message in messages:
        if not message.packets:
            continue
        id += 1
        fields = message.fields
        yield json_line(
            {
                "ver": fields["ver"],
                "host": message.host,
                "rec": message.rec,
                "user": message.user,
                "term": message.term,
                "session": message.session,
                "id": id,
                "pos": message.pos,
                "time": message.time,
                "timing": fields["timing"],
                "in_txt": fields.get("in_txt", ""),
                "in_bin": fields.get("in_bin", []),
                "out_txt": fields.get("out_txt", ""),
                "out_bin": fields.get("out_bin", []),
            }
        )
