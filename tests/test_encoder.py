import json
import random

from hypothesis import given
from hypothesis import strategies as st

from recorder.capture.log import Header, Log
from recorder.formats.canonical import canonical
from recorder.formats.encoder import Encoder, escape, incomplete_tail
from recorder.formats.message import Input, MessageError, Output, Resize, parse
from recorder.sinks.spool import Spool
from tests.failing_sink import FailingSink

PIECES = st.one_of(
    st.sampled_from([b"\xe6\x97", b"\xa5", "日本".encode(), b"\xed\xa0\x80", b"\xf0\x9f", b"\x98\x80", b"\xff\xfe"]),
    st.sampled_from([b"\x1b[0m", b"\r\n", b'\\"', b"\x7f\x00\x08\x0c", b"plain"]),
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
CHUNKS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5), st.lists(PIECES, min_size=1).map(b"".join), st.booleans()),
    max_size=30,
)


def recorded(chunks):
    """The lines of a recording of `chunks`: (typed, ms since the last, bytes, whether a message ends here)."""
    sink = FailingSink()
    header = Header(host='h"ost\\', rec="r", user="ü", term="x\x7fterm", session=1)
    log = Log(header, Spool(sink, 0), began=1_795_431_231.22, deny=True, sign_interval=1e9, now=0.0)
    encoder = Encoder()
    at = 0
    for typed, later, data, end in chunks:
        at += later
        (encoder.input if typed else encoder.output)(at, data)
        if end and (body := encoder.take(80, 24)) is not None:
            log.io(body, 0.0)
    if (body := encoder.take(80, 24, end=at)) is not None:
        log.io(body, 0.0)
    return sink.lines


def joined(lines, kind):
    return b"".join(packet.data for line in lines for packet in parse(line).packets if isinstance(packet, kind))


@given(CHUNKS)
def test_prop_every_byte_comes_back_whatever_it_is_and_wherever_reads_cut_it(chunks):
    lines = recorded(chunks)
    assert joined(lines, Output) == b"".join(data for typed, _, data, _ in chunks if not typed)
    assert joined(lines, Input) == b"".join(data for typed, _, data, _ in chunks if typed)


@given(CHUNKS)
def test_prop_times_never_run_backwards_and_ids_have_no_gap(chunks):
    at = 0
    for number, line in enumerate(recorded(chunks), 1):
        message = parse(line)
        assert message.id == number
        assert message.pos >= at
        for packet in message.packets:
            assert packet.at >= at
            at = packet.at
        assert isinstance(message.packets[0], Resize)


@given(CHUNKS)
def test_prop_the_seal_is_made_over_what_a_reader_of_the_line_sees(chunks):
    from recorder.formats import chain

    value = chain.start("r")
    for line in recorded(chunks):
        fields = json.loads(line)
        seal = fields.pop("seal")
        value = chain.advance(value, canonical(fields))
        assert seal == value.hex()


@given(CHUNKS)
def test_prop_a_line_is_written_in_tlogs_form(chunks):
    order = [
        "ver",
        "host",
        "rec",
        "user",
        "term",
        "session",
        "id",
        "pos",
        "time",
        "timing",
        "in_txt",
        "in_bin",
        "out_txt",
        "out_bin",
        "seal",
    ]
    for line in recorded(chunks):
        assert list(json.loads(line)) == order
        assert line.endswith(b"\n")
        assert not any(byte < 0x20 or byte == 0x7F for byte in line[:-1])
        # tlog reads `time` as a double only with its point.
        assert isinstance(json.loads(line)["time"], float)


@given(st.text())
def test_prop_escaping_is_that_of_the_json_module(text):
    data = text.encode("utf-8", "ignore")
    assert b'"%s"' % escape(data) == json.dumps(data.decode(), ensure_ascii=False).encode()


def test_mostly_invalid_bytes_are_stored_as_bytes_and_a_few_among_text_as_text():
    data = random.Random(1).randbytes(5000)
    (noise,) = recorded([(False, 0, data, True)])[:1]
    assert len(noise) < 4 * len(data)
    (text,) = recorded([(False, 0, b"Gr\xfc\xdfe aus K\xf6ln, " * 20, True)])
    assert "Gr\ufffd\ufffde aus K\ufffdln, " in json.loads(text)["out_txt"]


def test_a_character_cut_by_a_read_is_stored_when_it_is_complete():
    lines = recorded([(False, 0, b"a\xe6\x97", True), (False, 7, b"\xa5b", False)])
    assert [json.loads(line)["out_txt"] for line in lines] == ["a", "日b"]
    assert json.loads(lines[1])["pos"] == 7


def test_a_character_that_is_never_completed_is_stored_as_bytes_at_the_end():
    lines = recorded([(False, 0, b"a\xe6\x97", True)])
    assert json.loads(lines[-1])["out_bin"] == [0xE6, 0x97]


@given(st.binary(max_size=6))
def test_prop_what_is_held_back_can_always_be_completed(data):
    held = incomplete_tail(data)
    assert data.endswith(held)
    if held:
        completions = (held + tail for tail in _continuations(held))
        assert any(_is_utf8(whole) for whole in completions)


def is_one_line(error):
    assert str(error).isprintable()


def _continuations(held):
    for second in (0x80, 0x90, 0xA0, 0xBF):
        for rest in (b"", b"\x80", b"\x80\x80"):
            yield bytes([second]) + rest
            yield rest


def _is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


JSON = st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)


@given(st.binary(max_size=300) | JSON)
def test_prop_a_reader_takes_a_line_or_says_why_not(line):
    try:
        parse(line if isinstance(line, bytes) else line.encode("utf-8", "replace"))
    except MessageError as error:
        is_one_line(error)


GOOD = {
    "ver": "2.3",
    "host": "h",
    "rec": "r",
    "user": "u",
    "term": "x",
    "session": 1,
    "id": 1,
    "pos": 0,
    "time": 1.5,
    "timing": "=80x24>2",
    "in_txt": "",
    "in_bin": [],
    "out_txt": "ab",
    "out_bin": [],
}


@given(
    st.sampled_from(sorted(GOOD)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5
    ),
)
def test_prop_a_wrong_value_in_any_field_is_refused_or_read_and_never_more(field, value):
    try:
        parse(json.dumps({**GOOD, field: value}).encode())
    except MessageError as error:
        is_one_line(error)


@given(st.text(alphabet="+<>[]=x/0123456789 é", max_size=20))
def test_prop_timing_that_does_not_fit_the_text_is_refused(timing):
    try:
        message = parse(json.dumps({**GOOD, "timing": timing}).encode())
    except MessageError:
        return
    assert b"".join(p.data for p in message.packets if isinstance(p, Output)) == b"ab"
