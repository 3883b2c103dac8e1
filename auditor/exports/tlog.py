"""tlog's own format, with nothing of ours in it: for tlog-play and other strict readers."""

import re
from collections.abc import Iterable, Iterator

from auditor.exports.messages import json_line
from recorder.formats.message import Input, Message

_TYPED = re.compile(r"<[0-9]+|\[[0-9]+/[0-9]+", re.ASCII)
"""What was typed, in the field `timing`: docs/format.md."""


def export(messages: Iterable[Message], *, with_input: bool = True) -> Iterator[bytes]:
    """Messages with tlog's fields only. Events are left out, but for the changes of size that they carry, and ids are
    given anew, so that none is missing. Without `with_input`, what was typed is left out as well."""
    id = 0
    for message in messages:
        if all(isinstance(packet, Input) and not with_input for packet in message.packets):
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
                "timing": fields["timing"] if with_input else _TYPED.sub("", fields["timing"]),
                "in_txt": fields.get("in_txt", "") if with_input else "",
                "in_bin": fields.get("in_bin", []) if with_input else [],
                "out_txt": fields.get("out_txt", ""),
                "out_bin": fields.get("out_bin", []),
            }
        )
