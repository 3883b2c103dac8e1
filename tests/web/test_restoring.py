"""A screen written down as text and shown by a new terminal is the same, and stays the same with what comes after."""

import lzma
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from auditor.player.colour_screen import ColourScreen
from auditor.player.restoring import restoring
from auditor.screen.cells import FILL
from tests.peers import needs
from tests.test_screen_oracle import COLOUR, COMBINING, EDIT, MOVE, NARROW, ODD, SIZES, WIDE, WORD, sequences
from tests.tmux import Tmux

SAMPLES = Path(__file__).parent.parent / "samples"


def after(size, *texts):
    screen = ColourScreen(*size)
    for text in texts:
        screen.feed(text)
    return screen


def picture(screen):
    """What a person sees. Blanks of the plain pen at the ends of rows may be there or not."""
    rows = [screen.clusters.text(row.replace(FILL, " ")) for row in screen.rows]
    return rows, [pens.rstrip("\0") for pens in screen.pens], screen.cursor, screen.cursor_shown


PLAIN = st.one_of(WORD, NARROW, WIDE, MOVE, COLOUR)
ALL = sequences(WORD, NARROW, WIDE, MOVE, COLOUR, EDIT, ODD, COMBINING)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(size=SIZES, text=ALL)
@example(size=(5, 2), text="aaa漢aaaa\x1b[A漢")
@example(size=(4, 3), text="abcd")
@example(size=(4, 3), text="\x1b[41mabc\x1b[K\r\n\x1b[2K")
def test_prop_any_screen_is_restored_as_it_was(size, text):
    screen = after(size, text)
    assert picture(after(size, restoring(screen))) == picture(screen)


def settled(screen):
    """Sequences cut in the middle are no part of a segment's beginning: its text goes on behind them."""
    screen.abandon_string()
    return screen


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(size=SIZES, before=sequences(PLAIN, EDIT), then=sequences(WORD, MOVE, COLOUR, EDIT))
@example(size=(10, 4), before="\x1b[?1049hfull screen\x1b[2;3r", then="\x1b[?1049lx\r\ny\r\nz")
@example(size=(10, 4), before="\x1b[3g\x1b[4G\x1bH\r", then="\tx")
@example(size=(10, 4), before="\x1b(0qqq", then="qqq\x1b(Bqq")
@example(size=(10, 4), before="ab\x1b[31m\x1b7\x1b[m cd", then="\x1b8ef")
@example(size=(10, 4), before="0123456789", then="x")
def test_prop_what_is_printed_later_looks_the_same_on_a_restored_screen(size, before, then):
    # REP repeats what is only known where it was printed.
    screen = settled(after(size, before + "\r\n"))
    saved = screen.saved_cursor
    assume(not screen.origin or screen.top <= screen.y <= screen.bottom)
    assume(not saved[2] or screen.top <= saved[1] <= screen.bottom)
    restored = after(size, restoring(screen))
    screen.feed(then)
    restored.feed(then)
    assert picture(restored) == picture(screen)


@settings(max_examples=100)
@given(
    size=st.tuples(st.integers(2, 40), st.integers(3, 12)), text=sequences(NARROW, WIDE, st.just("\r\n")), new=SIZES
)
def test_prop_a_restored_screen_wraps_anew_like_the_one_it_was(size, text, new):
    screen = after(size, text)
    restored = after(size, restoring(screen))
    for each in (screen, restored):
        each.resize(*new)
    assert picture(restored)[0] == picture(screen)[0]


@pytest.fixture(scope="module")
def tmux():
    judge = Tmux()
    yield judge
    judge.close()


@needs("tmux")
@pytest.mark.parametrize("name", ["ls", "vim"])
def test_tmux_shows_a_program_that_is_joined_in_the_middle_as_it_looked(tmux, name):
    text = lzma.decompress((SAMPLES / f"{name}.raw.xz").read_bytes()).decode()
    for part in (1000, 10_000, 44_444, len(text)):
        init = restoring(settled(after((80, 24), text[:part])))
        assert tmux.show(80, 24, init) == tmux.show(80, 24, text[:part] + "\x18")
