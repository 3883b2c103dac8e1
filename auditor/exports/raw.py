"""The bytes themselves."""

from collections.abc import Iterable, Iterator

from recorder.formats.message import Input, Message, Output


def export(messages: Iterable[Message], *, with_input: bool) -> Iterator[bytes]:
    """What the terminal was sent, exactly; `with_input` what was typed instead."""
    wanted = Input if with_input else Output
    for message in messages:
        for packet in message.packets:
            if isinstance(packet, wanted):
                yield packet.data
