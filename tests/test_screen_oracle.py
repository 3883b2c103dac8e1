"""tmux, given the same text, must show the same screen: generated sequences, recorded samples, real programs."""

import lzma
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from auditor.screen import Screen
from auditor.screen.cells import PAD
from tests.peers import needs
from tests.tmux import RESET, Tmux


@pytest.fixture(scope="module")
def tmux():
    judge = Tmux()
    yield judge
    judge.close()


def shown(columns, rows, *steps):
    """What `Tmux.show` says, from ours."""
    screen = Screen(columns, rows)
    screen.feed(RESET + "\x1b\\")
    for step in steps:
        if isinstance(step, tuple):
            screen.resize(*step)
        else:
            screen.feed(step)
            screen.feed("\x1b\\")
    return screen.lines(), screen.cursor


NUMBER = st.one_of(st.integers(0, 12), st.sampled_from(["", 1, 79, 80, 9999, 2**31, "007"])).map(str)
WORD = st.text("abcdefghij XYZ-_#.q~`", min_size=1, max_size=90)
NARROW = st.text("ab éß─│Ωж ", min_size=1, max_size=50)
WIDE = st.text("ab漢字한あé　", min_size=1, max_size=50)
COLOUR = st.sampled_from(["\x1b[m", "\x1b[1;31m", "\x1b[38;5;12m", "\x1b[4:3m"])
MOVE = st.one_of(
    st.sampled_from(["\r", "\n", "\r\n", "\x0b", "\x0c", "\r\n\r\n", "\x00", "\x7f", "\x1bD", "\x1bE", "\x1bM"]),
    st.builds("\x1b[{}{}".format, NUMBER, st.sampled_from("ABCDEFGd`")),
    st.builds("\x1b[{};{}{}".format, NUMBER, NUMBER, st.sampled_from("Hf")),
    WORD.map(lambda word: word + "\b"),
)
STRING = st.sampled_from(
    [
        "\x1b]0;t\x07",
        "\x1b]2;title\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1b_apc\x1b\\",
        "\x1b^pm\x1b\\",
        "\x1bXsos\x1b\\",
        "\x1bkname\x1b\\",
        "\x1b]52;c;aGk=\x07",
        "\x1b]0;never\x18",
        "\x1bP1\x1b2;m\x1b\\",
        "\x1b]8;;x\x1b[A",
    ]
)
EDIT = st.one_of(
    st.builds("\x1b[{}{}".format, NUMBER, st.sampled_from("JKLMPSTXZ")),
    st.builds("\x1b[{}@".format, st.integers(0, 3)),
    st.builds("\x1b[{};{}r".format, NUMBER, NUMBER),
    st.builds("{}\x1b[{}b".format, WORD, NUMBER),
    st.sampled_from(["\x1b7", "\x1b8", "\x1b[s", "\x1b[u", "\x1bH", "\t", "\x1b[g", "\x1b[3g", "\x1bc", "\x1b#8"]),
    st.sampled_from(["\x1b[4h", "\x1b[4l", "\x1b[?7l", "\x1b[?7h", "\x1b[?6h", "\x1b[?6l", "\x1b[?3h"]),
    st.builds("\x1b[?{}{}".format, st.sampled_from([47, 1047, 1049, "1049;7"]), st.sampled_from("hl")),
    st.sampled_from(["\x1b(0", "\x1b(B", "\x1b)0", "\x1b)B", "\x0e", "\x0f"]),
)
ODD = st.one_of(
    st.text("\x1b\x1b[[]P^?>;:$ #0123456789HJKmrhlLMPX@\r\nxyz\x18\x1a", min_size=1, max_size=12),
    st.sampled_from(["\x1b[3\n5H", "\x1b[2\x1b[3C", "\x1b[?5\x18x", "\x1b[1;2;3;4;5;6;7;8;9;10;11H", "\x1b[5:1A"]),
)


def sequences(*parts):
    return st.lists(st.one_of(*parts), max_size=25).map("".join)


SIZES = st.tuples(st.integers(2, 100), st.integers(2, 30))

judged = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Odd(Screen):
    """Notices where tmux, 3.3a as well as 3.5a, leaves something behind that nobody means to see:

    - half of a wide character in the first column, when its other half is written over;
    - cells that are to be blanked, when more are inserted than are moved;
    - rows that are to be blanked, when more are inserted than are moved, outside of the scroll region.

    And where only tmux 3.5a forgets that the character to repeat is a graphic one.
    """

    odd = False

    def put(self, x, y, cells):
        self.odd = self.odd or (x == 1 and self.rows[y][1:2] == PAD)
        super().put(x, y, cells)

    def insert_cells(self, x, y, cells):
        self.odd = self.odd or (len(cells) * 2 > self.columns - x > 1)
        super().insert_cells(x, y, cells)

    def insert_rows(self, y, bottom, count):
        self.odd = self.odd or (count * 2 > self.height - y and not self.top <= y <= self.bottom)
        super().insert_rows(y, bottom, count)

    def repeat(self, count):
        self.odd = self.odd or self.graphics[self.shifted]
        super().repeat(count)


def agree(tmux, size, text):
    screen = Odd(*size)
    screen.feed(text)
    assume(not screen.odd)
    assert shown(*size, text) == tmux.show(*size, text)


@needs("tmux")
@judged
@given(size=SIZES, text=sequences(WORD, NARROW, MOVE, COLOUR, EDIT, STRING, ODD))
def test_prop_any_control_function_moves_text_as_tmux_moves_it(tmux, size, text):
    agree(tmux, size, text)


@needs("tmux")
@judged
@given(size=st.tuples(st.integers(2, 60), st.integers(2, 10)), text=sequences(WORD, WIDE, MOVE, COLOUR, STRING))
@example(size=(5, 2), text="aaa漢aaaa\x1b[A漢")
@example(size=(2, 2), text="XXXXXXXXXXXX\b漢")
def test_prop_wide_characters_wrap_and_are_overwritten_as_in_tmux(tmux, size, text):
    agree(tmux, size, text)


COMBINING = st.lists(
    st.builds(str.__add__, st.sampled_from("ae漢"), st.text("\u0301\u0308\u20dd", max_size=3)), max_size=6
).map("".join)


@needs("tmux")
@judged
@given(size=st.tuples(st.integers(3, 60), st.integers(2, 10)), text=sequences(WORD, COMBINING, MOVE))
def test_prop_combining_characters_join_as_in_tmux(tmux, size, text):
    agree(tmux, size, text)


LINES = st.lists(st.text("abc defghi─é", max_size=70), max_size=12).map("\r\n".join)


@needs("tmux")
@judged
@given(
    size=st.tuples(st.integers(2, 40), st.integers(3, 12)),
    before=LINES,
    new=st.tuples(st.integers(2, 40), st.integers(3, 12)),
    after=LINES,
)
def test_prop_a_resize_wraps_lines_anew_as_tmux_does(tmux, size, before, new, after):
    assert shown(*size, before, new, after) == tmux.show(*size, before, new, after)


@needs("tmux")
@pytest.mark.parametrize("name", ["ls", "vim"])
def test_a_recorded_program_looks_as_in_tmux(tmux, name):
    text = lzma.decompress((Path(__file__).parent / f"samples/{name}.raw.xz").read_bytes()).decode()
    for part in (1000, 3333, 10_000, 44_444, 100_000, 250_000, len(text)):
        assert shown(80, 24, text[:part]) == tmux.show(80, 24, text[:part])
