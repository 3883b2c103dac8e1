"""The message reader: any line is a message whose packets and times make sense, or an error of one line."""

from recorder.formats.message import MAX_ID, Message, MessageError, parse
from tests import fuzz
from tests.sealing import line_of, messages

SEEDS = [
    *[line_of(each) for each in messages(["ls -l\r\n", b"\xff\xfe", "日本"])],
    b'{"ver":"2.3","host":"h","rec":"r","user":"u","term":"t","session":1,"id":1,"pos":0,"time":1.5,'
    b'"timing":"=80x24>1+10<1]1/2[1/1","in_txt":"a\xef\xbf\xbd","in_bin":[9],"out_txt":"b\xef\xbf\xbd","out_bin":[1,2]}',
]


def target(data):
    """Parse."""
    try:
        message = parse(data)
    except MessageError as error:
        return _one_line(str(error))
    assert isinstance(message, Message)
    at = message.pos
    for packet in message.packets:
        assert at <= packet.at <= MAX_ID
        at = packet.at
    return tuple(type(packet).__name__ for packet in message.packets)[:4], message.event is None


def _one_line(text):
    assert "\n" not in text
    return "".join(char for char in text[:40] if char.isalpha())


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
