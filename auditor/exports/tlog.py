"""tlog's own format, with nothing of ours in it: for tlog-play and other strict readers."""

import re
from collections.abc import Iterable, Iterator

from auditor.exports.messages import json_line
from recorder.formats.message import Message, Output

_TYPED = re.compile(r"<[0-9]+|\[[0-9]+/[0-9]+", re.ASCII)
"""What was typed, in the field `timing`: docs/format.md."""

_DELAYS = re.compile(r"\+[0-9]+(?:\+[0-9]+)+", re.ASCII)


def export(messages: Iterable[Message], *, with_input: bool = True) -> Iterator[bytes]:
    """Messages with tlog's fields only. Events are left out, but for the changes of size that they carry, and ids are
    given anew, so that none is missing. Without `with_input`, what was typed is left out as well."""
    id = 0
    for message in messages:
        if not message.packets or (not with_input and _is_typed(message)):
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
                "timing": fields["timing"] if with_input else _without_typed(fields["timing"]),
                "in_txt": fields.get("in_txt", "") if with_input else "",
                "in_bin": fields.get("in_bin", []) if with_input else [],
                "out_txt": fields.get("out_txt", ""),
                "out_bin": fields.get("out_bin", []),
            }
        )


def _is_typed(message: Message) -> bool:
    """Whether nothing but what was typed, and the size that each message repeats, is in it."""
    return message.event is None and not any(isinstance(packet, Output) for packet in message.packets)


def _without_typed(timing: str) -> str:
    """Nor when: the time between two outputs is one delay."""
    return _DELAYS.sub(lambda found: f"+{sum(map(int, found[0][1:].split('+')))}", _TYPED.sub("", timing))
