"""The screen by itself: what tmux cannot judge, and that nothing breaks it."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.screen import Screen
from auditor.screen.cells import PAD
from tests.test_screen_oracle import COLOUR, EDIT, MOVE, NARROW, ODD, STRING, WIDE, WORD, sequences

SEQUENCES = sequences(WORD, NARROW, WIDE, MOVE, COLOUR, EDIT, STRING, ODD, st.text(max_size=20))
ANY_SIZE = st.tuples(st.sampled_from([0, 1, 2, 7, 80, 65535]), st.sampled_from([0, 1, 2, 5, 24, 65535]))


def screen_of(text, columns=20, rows=5):
    screen = Screen(columns, rows)
    screen.feed(text)
    return screen


def state(screen):
    return screen.lines(), screen.cursor, screen.title, screen.alternate, screen.scrolled


@given(ANY_SIZE, st.lists(st.one_of(SEQUENCES, ANY_SIZE), max_size=6))
@example((65535, 65535), ["\x1b#8\x1b[65535L\x1b[65535;65535Hx\x1b[65535b漢"])
@example((1, 1), ["漢e\u0301\u200d\x1b[4h漢\x1b[?7l漢"])
def test_prop_nothing_that_is_printed_breaks_the_screen(size, steps):
    screen = Screen(*size)
    for step in steps:
        if isinstance(step, tuple):
            screen.resize(*step)
        else:
            screen.feed(step)
        lines = screen.lines()
        assert len(lines) == screen.height
        assert all(len(row.removesuffix("\n")) <= screen.columns for row in screen.rows)
        assert all(line.isprintable() or not line.isascii() for line in lines)
        assert 0 <= screen.cursor[0] < screen.columns
        assert 0 <= screen.cursor[1] < screen.height


@given(st.tuples(st.integers(1, 40), st.integers(1, 10)), SEQUENCES, st.data())
def test_prop_text_cut_into_packets_anywhere_gives_the_same_screen(size, text, data):
    whole, cut = Screen(*size), Screen(*size)
    whole.scrolled, cut.scrolled = [], []
    whole.feed(text)
    places = data.draw(st.one_of(st.just(range(len(text))), st.lists(st.integers(0, len(text))).map(sorted)))
    for begin, end in zip([0, *places], [*places, len(text)], strict=True):
        cut.feed(text[begin:end])
    assert state(whole) == state(cut)


@given(st.integers(2, 30), st.lists(st.text("abc 漢é─", max_size=70), max_size=20))
def test_prop_printed_lines_leave_the_screen_whole(columns, lines):
    screen = Screen(columns, 4)
    screen.scrolled = []
    screen.feed("".join(line + "\r\n" for line in lines))
    logical = [""]
    for row in [*screen.scrolled, *screen.rows[: screen.y]]:
        if row.endswith("\n"):
            logical[-1] += screen.clusters.joined(row)
        else:
            logical[-1] += screen.clusters.text(row)
            logical.append("")
    assert [line.rstrip() for line in logical[:-1]] == [line.rstrip() for line in lines]


def test_a_wide_character_that_does_not_fit_is_wrapped_and_joined_without_a_gap():
    screen = screen_of("abc漢字", columns=4)
    assert screen.lines()[:2] == ["abc", "漢字"]
    assert screen.clusters.joined(screen.rows[0]) == "abc"


def test_half_a_wide_character_is_no_character():
    assert screen_of("漢字\rx").lines()[0] == "x 字"
    assert screen_of("漢字\x1b[2Gx").lines()[0] == " x字"
    assert screen_of("漢字x\r\x1b[P").lines()[0] == " 字x"
    assert screen_of("漢字x\x1b[2G\x1b[K").lines()[0] == ""
    assert screen_of("漢字x\x1b[4G\x1b[@").lines()[0] == "漢   x"


def test_a_wrapped_row_that_lost_its_continuation_is_joined_with_nothing():
    for change in ("\x1b[2;1H\x1b[L", "\x1b[2;1H\x1b[M", "\x1b[1;4H\x1b[K", "\x1b[1;2r\x1b[1;1H\x1bM"):
        assert not any(row.endswith("\n") for row in screen_of("x" * 25 + change).rows)
    assert screen_of("x" * 25 + "\x1b[2;1H\x1b[Ky").rows[0].endswith("\n")


def test_a_narrower_screen_keeps_the_end_of_a_line_that_is_longer_than_all_of_it():
    screen = Screen(100, 3)
    screen.scrolled = []
    text = "漢字a" * 51
    screen.feed("x\r\n" + text)
    screen.resize(3, 3)
    rows = screen.scrolled + screen.rows
    assert "".join(map(screen.clusters.joined, rows[1:-1])) + screen.clusters.text(rows[-1]) == text
    assert not any(row.startswith(PAD) for row in screen.rows)


def test_marks_stand_over_their_letters_and_families_stay_together():
    screen = screen_of("e\u0301x👩\u200d👩\u200d👧y")
    assert screen.lines()[0] == "e\u0301x👩\u200d👩\u200d👧y"
    assert screen.cursor == (5, 0)


def test_invisible_characters_do_not_hide_a_word():
    assert screen_of("pass\u200bw\u00ado\u202er\u2060d \x9bx\ufeff").lines()[0] == "passw\u00adord x"


def test_box_drawing_of_the_vt100_is_shown_as_lines():
    assert screen_of("\x1b(0lqk\x1b(B-\x1b)0\x0ex\x0fx\x1b(0m\x1b(Aj").lines()[0] == "┌─┐-│x└j"


def test_tabs_go_forward_and_back():
    assert screen_of("\x1b[2Ia\x1b[2Zb", columns=40).lines()[0] == "        b       a"
    assert screen_of("\x1b[3g\x1b[5G\x1bH\r\tx").lines()[0] == "    x"


@pytest.mark.parametrize("start", ["\x1b]0;", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1bk"])
def test_a_string_that_is_never_ended_can_be_given_up(start):
    screen = screen_of(start + "hidden")
    assert screen.in_string
    assert screen.lines()[0] == ""
    screen.abandon_string()
    screen.feed("shown")
    assert screen.lines()[0] == "shown"


def test_the_title_is_known_and_harmless():
    screen = screen_of("\x1b]0;one\x07\x1b[22t\x1b]2;t\x01w\x9bo\x1b\\")
    assert screen.title == "two"
    screen.feed("\x1b[23t")
    assert screen.title == "one"


def test_the_shell_is_heard_where_it_speaks():
    heard = []
    screen = Screen(20, 5, mark=lambda mark: heard.append((mark, screen.cursor)))
    screen.feed("\x1b]133;A\x07$ \x1b]133;B\x1b\\\x1b[?2004hls\r\n\x1b[?1;2004l\x1b]133;C\x07out")
    assert heard == [
        ("prompt", (0, 0)),
        ("command", (2, 0)),
        ("edit-begin", (2, 0)),
        ("edit-end", (0, 1)),
        ("output", (0, 1)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "x\x1b[65535b\r\n" * 5000,
        "\x1b]0;" + "x" * 1_000_000,
        "\x1b[" + "1;" * 500_000,
        "\x1bP" + "x" * 1_000_000,
        "e" + "\u0301" * 100_000,
        "\x1b]0;t\x07\x1b[22t" * 10_000,
        "\x1b#8\x1b[?1049h\x1b#8" * 100,
    ],
    ids=["line", "repeat", "title", "parameters", "data", "marks", "titles", "align"],
)
def test_memory_stays_bounded_at_any_size(text):
    screen = Screen(65535, 65535)
    tracemalloc.start()
    try:
        screen.feed(text)
        assert tracemalloc.get_traced_memory()[0] < 40_000_000
    finally:
        tracemalloc.stop()


def test_combinations_of_marks_do_not_run_out():
    screen = Screen(80, 24)
    marks = [chr(code) for code in range(0x300, 0x360)]
    for one in marks:
        for two in marks:
            screen.feed("".join("a" + one + two + three for three in marks[:10]) + "\r\n")
    assert screen.lines()[0].startswith("a")
    assert "a" + marks[-1] + marks[-1] + marks[0] in "".join(screen.lines())
