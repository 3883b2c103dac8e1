"""The player's picture of a screen against tmux: text, colours and cursor, as if the bytes had been sent to it."""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditor.player.colour_screen import ColourScreen
from auditor.player.frame import recorded
from auditor.player.painter import Painter
from auditor.screen import Screen
from tests.peers import needs
from tests.test_screen_oracle import EDIT, MOVE, NARROW, ODD, SIZES, STRING, WIDE, WORD, sequences
from tests.tmux import GRAPHICS, Tmux
from tests.tmux import RESET as BLANK

RESET = BLANK + "\x1b[?1049h\x1b[?1049l"
"""The pen is saved with the cursor, too; BLANK brings back the one that the last case has saved, then resets it."""


@pytest.fixture(scope="module")
def tmux():
    judge = Tmux()
    yield judge
    judge.close()


def captured(tmux, size, text):
    """Rows with their colours, and the cursor, after a text was sent to a terminal of this size."""
    columns, rows = size
    tmux._resize(size)
    tmux._write(RESET + "\x1b[?25h")
    tmux._write(text)
    position = tmux._command("display-message -p '#{cursor_x} #{cursor_y} #{cursor_flag}'")[0]
    x, y, shown = map(int, position.split())
    # capture-pane leaves out what was only erased, in whatever colour, unless something stands behind it.
    ends = "".join(f"\x1b[{row + 1};{columns}H|" for row in range(rows))
    tmux._write("\x1b[0;39;49m\x1b[?6l\x1b[r\x1b[4l\x1b(B\x1b)B\x0f\x1b[?7l" + ends)
    written = "\n".join(tmux._command("capture-pane -p -e -N"))
    # Later versions of tmux write hyperlinks too, which the player does not show.
    written = re.sub("\x1b]8;[^\x1b]*\x1b\\\\", "", written)
    return cells(written), (min(x, columns - 1), y, shown)


def cells(text):
    """What capture-pane wrote, as (character, pen) without blanks of the plain pen at the ends of rows.

    tmux carries the pen over from row to row, and graphics between SO and SI.
    """
    pen = {}
    graphics = False
    rows = [[]]
    for sgr, char in re.findall("\x1b\\[([0-9;:]*)m|(\\X)".replace("\\X", "[^\x1b]"), text):
        if char == "\n":
            rows.append([])
        elif char and char in "\x0e\x0f":
            graphics = char == "\x0e"
        elif char:
            # The colour of a line that is not there: tmux does not always store it.
            seen = sorted(item for item in pen.items() if item[0] != "58" or "4" in pen)
            rows[-1].append((char.translate(GRAPHICS) if graphics else char, tuple(seen)))
        else:
            parameters = sgr.split(";")
            while parameters:
                first = parameters.pop(0)
                if first in ("", "0"):
                    pen.clear()
                elif first in ("39", "49", "59"):
                    pen.pop(first[0] + "8", None)
                elif first in ("38", "48", "58"):
                    length = 2 if parameters[0] == "5" else 4
                    pen[first], parameters = tuple(parameters[:length]), parameters[length:]
                elif first[0] in "39" and len(first) == 2:
                    pen["38"] = first
                elif first[0] in "41" and len(first) > 1 and ":" not in first:
                    pen["48"] = first
                elif first[:2] in ("58", "38", "48"):
                    pen[first[:2]] = tuple(part for part in first.split(":")[1:] if part)
                elif first[0] == "4":
                    pen["4"] = first
                else:
                    pen[first] = True
    for row in rows:
        while row and row[-1] == (" ", ()):
            row.pop()
    return rows


def painted(size, text, cut=()):
    """What the player writes to show the same."""
    screen = ColourScreen(*size)
    screen.feed(RESET + "\x1b\\")
    start = 0
    for end in [*sorted(cut), len(text)]:
        screen.feed(text[start:end])
        start = max(start, end)
    screen.feed("\x1b\\")
    return screen, "\x1b[?7l" + Painter().paint(recorded(screen, *size))


SGR = st.one_of(
    st.sampled_from(
        ["\x1b[m", "\x1b[0m", "\x1b[1m", "\x1b[2;3m", "\x1b[4m", "\x1b[4:3m", "\x1b[21m", "\x1b[24m", "\x1b[7m"]
    ),
    st.sampled_from(
        ["\x1b[22m", "\x1b[23;27m", "\x1b[5;9m", "\x1b[29m", "\x1b[53m", "\x1b[55m", "\x1b[31;44m", "\x1b[91;102m"]
    ),
    st.sampled_from(
        ["\x1b[39m", "\x1b[49m", "\x1b[38;5;123m", "\x1b[48;5;9m", "\x1b[38;2;1;20;255m", "\x1b[48;2;7;8;9m"]
    ),
    st.sampled_from(
        ["\x1b[38:5:77m", "\x1b[48:2::9:8:7m", "\x1b[38:2:9:8:7m", "\x1b[58:5:3m", "\x1b[58:2::1:2:3m", "\x1b[59m"]
    ),
    st.sampled_from(["\x1b[;1m", "\x1b[01;034m", "\x1b[38;1m", "\x1b[1;38;5;300;4m", "\x1b[4:9m"]),
)

# tmux inserts blanks up to the end of a row without their colour.
ERASE = EDIT.filter(lambda text: not text.endswith("@"))

judged = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@needs("tmux")
@judged
@example(size=(20, 5), text="\x1b[44mab\x1b[K\r\n\x1b[41mcd\x1b[0m")
@example(size=(20, 5), text="abcdef\x1b[1;3H\x1b[44m\x1b[2P\x1b[2;1H\x1b[1J\x1b[3;3H\x1b[42m\x1b[4X")
@example(size=(20, 5), text="\x1b[44;1mab\x1b[L\x1b[0mcd\x1b[45m\x1b[M\x1b[2S\x1b[41m\x1b[T\x1b[43m\x1b[2;1HM\x1bM")
@example(size=(20, 5), text="\x1b[31;4m\x1b7\x1b[0mx\x1b8y\x1b[sz\x1b[32m\x1b[uw\x1b[?1049h\x1b[44mq\x1b[?1049lr")
@example(size=(20, 5), text="\x1b[44m\n\n\n\n\n\nab\x1b[2J\x1b[0mc\x1b[46m\x1bc\x1b[Kd")
@given(size=SIZES, text=sequences(SGR, SGR, WORD, NARROW, MOVE, ERASE, STRING))
def test_prop_what_is_painted_has_the_colours_that_tmux_gives_the_bytes_themselves(tmux, size, text):
    screen, paint = painted(size, text)
    if screen.alternate:
        text += "\x1b\\"
    assert captured(tmux, size, paint) == captured(tmux, size, text + "\x1b\\")


@judged
@given(
    text=sequences(SGR, SGR, WORD, NARROW, WIDE, MOVE, EDIT, STRING, ODD),
    cuts=st.lists(st.integers(0, 500)),
    size=SIZES,
)
def test_prop_a_recording_cut_into_other_packets_looks_the_same(text, cuts, size):
    _, whole = painted(size, text)
    _, pieces = painted(size, text, [cut for cut in cuts if cut <= len(text)])
    assert pieces == whole


STEP = st.one_of(sequences(SGR, WORD, NARROW, WIDE, MOVE, EDIT, STRING, ODD), SIZES)


@judged
@given(size=SIZES, steps=st.lists(STEP, max_size=6))
def test_prop_colours_change_nothing_about_the_text(size, steps):
    plain, coloured = Screen(*size), ColourScreen(*size)
    for step in steps:
        for screen in (plain, coloured):
            if isinstance(step, tuple):
                screen.resize(*step)
            else:
                screen.feed(step)
    assert coloured.lines() == plain.lines()
    assert coloured.cursor == plain.cursor
    assert len(coloured.pens) == coloured.height
    assert all(len(row) <= coloured.columns for row in coloured.pens)


def test_many_lines_at_once_end_in_the_same_colours_as_one_by_one():
    lines = [
        f"\x1b[{30 + n % 8}m{n} \x1b[{40 + n % 7}m{'x' * (n % 90)}\x1b[{'0' * (n % 5 == 0)};1m\r\n"
        for n in range(500)
    ]
    at_once, one_by_one = ColourScreen(80, 24), ColourScreen(80, 24)
    at_once.feed("".join(lines) + "$ ")
    for line in [*lines, "$ "]:
        one_by_one.feed(line)
    assert recorded(at_once, 80, 24) == recorded(one_by_one, 80, 24)
    assert at_once.pen == one_by_one.pen
