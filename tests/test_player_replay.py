"""The screen at any position, in whatever order the positions are gone to."""

import codecs
import encodings.aliases

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.player import replay
from auditor.player.frame import recorded
from auditor.player.replay import Replay
from auditor.player.timeline import Timeline
from auditor.transcript import STRING_TIMEOUT
from recorder.capture.locale_charset import known_charset
from recorder.formats.message import Input, Output, Resize

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            "\x1b[31mrot\x1b[0m 漢字 é\r\n \x1b[2;3H \x1b]0;title\x07 \x1b[?1049h \x1b(0 qq".encode().split(b" ")
        ),
        st.sampled_from([b"\xe6", b"\xbc\xa2", b"\x1b", b"[44m", b"\x1b]0;", b"\x1bP"]),
        st.tuples(st.integers(1, 40), st.integers(1, 12)),
    ),
    min_size=1,
    max_size=40,
)


def made(pieces, charset="UTF-8", gap=10):
    timeline = Timeline()
    timeline.charset = known_charset(charset)
    for number, piece in enumerate(pieces):
        at = number * gap
        timeline.add(Resize(at, *piece) if isinstance(piece, tuple) else Output(at, piece))
    timeline.complete = True
    return timeline


def picture(timeline, target):
    fresh = Replay(timeline)
    fresh.advance(target, 60)
    return recorded(fresh.screen, 40, 12), fresh.screen.title


@pytest.fixture(scope="module")
def snapshots():
    """Taken all the time, so that going back always begins at one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "_SNAPSHOT_EVERY", 1)
        patch.setattr(replay, "_SNAPSHOTS", 6)
        yield


@settings(deadline=None)
@given(
    pieces=PIECES,
    targets=st.lists(st.integers(0, 40), min_size=2, max_size=6),
    charset=st.sampled_from(["UTF-8", "EUC-JP", "ISO-2022-JP"]),
    gap=st.sampled_from([10, 600, STRING_TIMEOUT]),
)
def test_prop_a_position_looks_the_same_from_wherever_it_is_reached(snapshots, pieces, targets, charset, gap):
    timeline = made(pieces, charset, gap)
    jumping = Replay(timeline)
    for target in targets:
        target = min(target, len(timeline))
        assert jumping.advance(target, 60)
        assert (recorded(jumping.screen, 40, 12), jumping.screen.title) == picture(timeline, target)


def test_a_character_in_two_packets_is_whole_after_going_back_between_them(snapshots):
    timeline = made([b"abcdefgh", b"\xe6", b"\xbc\xa2", b"x"], gap=600)
    jumping = Replay(timeline)
    jumping.advance(4, 60)
    jumping.advance(2, 60)
    jumping.advance(4, 60)
    assert jumping.screen.lines()[0] == "abcdefgh漢x"


def test_a_control_string_that_nobody_ends_hides_text_for_five_seconds_only():
    timeline = Timeline()
    for at, data in [(0, b"one \x1b]0;"), (STRING_TIMEOUT - 1000, b"hidden"), (STRING_TIMEOUT, b"two")]:
        timeline.add(Output(at, data))
    shown = Replay(timeline)
    shown.advance(3, 60)
    assert shown.screen.lines()[0] == "one two"


def test_going_back_does_not_forget_when_a_control_string_began(snapshots):
    timeline = Timeline()
    for at, data in [(0, b"one \x1b]0;long"), (1000, b"hidden"), (STRING_TIMEOUT, b"two")]:
        timeline.add(Output(at, data))
    shown = Replay(timeline)
    shown.advance(3, 60)
    shown.advance(2, 60)
    shown.advance(3, 60)
    assert shown.screen.lines()[0] == "one two"


def test_typed_input_between_outputs_is_not_shown():
    timeline = Timeline()
    for packet in [
        Output(0, b"a"),
        Input(0, b"typed"),
        Output(0, b"b"),
        Resize(0, 10, 2),
        Input(1, b"x"),
        Output(1, b"c"),
    ]:
        timeline.add(packet)
    shown = Replay(timeline)
    shown.advance(len(timeline), 60)
    assert shown.screen.lines() == ["abc", ""]


def test_work_is_cut_into_slices_so_that_keys_are_seen_in_between():
    timeline = made([b"x" * 60_000] * 200)
    shown = Replay(timeline)
    slices = 1
    while not shown.advance(len(timeline), 0):
        slices += 1
    assert slices > 10


def test_a_huge_terminal_takes_no_huge_memory():
    timeline = made([(65_535, 65_535), b"\x1b[44m\x1b[2J" + b"x" * 100])
    shown = Replay(timeline)
    shown.advance(len(timeline), 60)
    assert sum(map(len, shown.screen.pens)) < 10_000_000


@pytest.mark.parametrize("charset", ["ISO-8859-15", "EUC-JP", "Shift_JIS", "BIG5", "GB18030", "KOI8-R", "cp1252"])
def test_character_sets_of_locales_are_used(charset):
    assert codecs.lookup(known_charset(charset)).name == codecs.lookup(charset).name


def test_no_character_set_that_python_knows_lets_bytes_raise(snapshots):
    hostile = [bytes(range(256)), b"\x1b", b"$", b"\x1b[31mrot\x1b[0m", b"~{", b"+", b"\\u", b"\xff\xfe"]
    for name in sorted(
        set(encodings.aliases.aliases.values()) | {"idna", "undefined", "x\0y", "", "\ud800", "utf-8-sig"}
    ):
        for chosen in (hostile, hostile[::-1], [bytes([byte]) for piece in hostile for byte in piece]):
            timeline = made(chosen, name)
            Replay(timeline).advance(len(timeline), 60)
