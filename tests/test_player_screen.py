"""What the auditor sees, judged by tmux: the recorded rows as if the bytes had been sent to a terminal of the
recorded size, at every moment, with the status line on."""

import lzma

import pytest

from recorder.formats.message import Input, Output, Resize
from tests.peers import needs
from tests.playing import Window, line, write
from tests.recorded import ROOT, SESSREC
from tests.tmux import Tmux


@pytest.fixture(scope="module")
def judge():
    """A terminal of the recorded size to which the bytes themselves are sent."""
    tmux = Tmux()
    yield tmux
    tmux.close()


def player(columns, rows, home, *arguments):
    return Window(columns, rows, *SESSREC, "play", *arguments, home=home)


FULL_SCREEN = [
    b"one\r\ntwo " + b"wide " * 40 + b"\r\n",
    b"\x1b[?1049h\x1b[2J\x1b[5;20r\x1b[20;1H" + b"scrolled\r\n" * 30,
    b"\x1b[r\x1b[24;1Hlast row\x1b[24;70H" + b"to the very end of it and on",
    b"\x1b[?6h\x1b[3;10r\x1b[H\x1bMabove\x1b[99;99Hcorner" + "漢字é".encode(),
    b"\x1bc\x1b[?25lafter a reset\x1b[99Bbottom\n\n\n",
    b"\x1b[?1049l\x1b[4hinserted \x1b[4l\x1b[10T\x1b[3Ldone",
]


@pytest.mark.parametrize("size", [(80, 25), (132, 50), (80, 24), (81, 24)])
@needs("tmux")
def test_every_moment_looks_as_it_did_with_the_status_line_on(tmp_path, judge, size):
    packets = [Output(number * 1000, data) for number, data in enumerate(FULL_SCREEN)]
    file = write(tmp_path / "r.jsonl", packets)
    with player(*size, tmp_path, "-p", file) as window:
        window.until("paused")
        for count in range(1, len(packets) + 1):
            window.keys(".")
            expected = judge.show(80, 24, b"".join(FULL_SCREEN[:count]))[0]
            if size[1] == 24:
                window.keys("s", "s")  # never, or it would take the place of a row
                window.until(lambda rows, expected=expected: [row.rstrip() for row in rows] == expected)
                window.keys("s")
                continue
            rows = window.until(lambda rows, expected=expected: [row.rstrip() for row in rows[:24]] == expected)
            assert f"0:0{count - 1}/0:05" in rows[-1]
        for count in range(len(packets) - 1, 0, -1):
            if size[1] == 24:
                break
            window.keys("r", *"." * count)
            expected = judge.show(80, 24, b"".join(FULL_SCREEN[:count]))[0]
            window.until(lambda rows, expected=expected: [row.rstrip() for row in rows[:24]] == expected)


@pytest.mark.parametrize("sample", ["vim", "ls"])
@needs("tmux")
def test_a_real_session_looks_as_it_did_at_several_moments(tmp_path, judge, sample):
    data = lzma.decompress((ROOT / "tests" / "samples" / f"{sample}.raw.xz").read_bytes())[:300_000]
    pieces = [data[start : start + 30_000] for start in range(0, len(data), 30_000)]
    file = write(tmp_path / "r.jsonl", [Output(number * 1000, piece) for number, piece in enumerate(pieces)])
    with player(100, 30, tmp_path, "-p", file) as window:
        window.until("paused")
        for count in (1, 10, 4):
            window.keys(*str(count), "G")
            expected = judge.show(80, 24, b"".join(pieces[:count]))[0]
            window.until(lambda rows, expected=expected: [row.rstrip() for row in rows[:24]] == expected)


@needs("tmux")
def test_a_smaller_terminal_shows_the_part_around_the_cursor_and_says_so(tmp_path):
    rows = b"".join(b"\x1b[%d;1H%s" % (row, b"row %d " % row * 12) for row in range(1, 41))
    file = write(tmp_path / "r.jsonl", [Output(0, rows), Output(1000, b"\x1b[40;100HCURSOR")], size=(132, 40))
    with player(80, 20, tmp_path, "-p", "-g", "1", file) as window:
        shown = window.until("recorded 132x40")
        assert "row 40 row 40" in shown[18]
        window.keys(".")
        shown = window.until("CURSOR")
        assert shown[18].rstrip().endswith("CURSOR")


@needs("tmux")
def test_the_status_line_covers_no_row_of_a_screen_as_tall_as_the_terminal_while_playing(tmp_path):
    file = write(tmp_path / "r.jsonl", [Output(0, b"top\x1b[24;1Hbottom"), Output(600_000, b"x")])
    with player(80, 24, tmp_path, file) as window:
        assert window.until("bottom")[0] == "top"
        window.keys("p")
        assert "paused" in window.until("paused")[23]
        assert "bottom" in window.screen()[22]
        window.keys("p", "s", "s")
        rows = window.until(lambda rows: "bottom" in rows[23])
        assert rows[0] == "top"


@needs("tmux")
def test_the_window_can_change_its_size_while_playing(tmp_path):
    file = write(tmp_path / "r.jsonl", [Output(0, b"top\x1b[24;1Hbottom"), Output(600_000, b"x")])
    with player(100, 40, tmp_path, "-p", "-g", "1", file) as window:
        window.until(lambda rows: "paused" in rows[39])
        window.tmux("resize-window", "-x", "90", "-y", "26")
        rows = window.until(lambda rows: len(rows) > 25 and "paused" in rows[25])
        assert (rows[0], rows[23].rstrip()) == ("top", "bottom")


@needs("tmux")
def test_a_resize_of_the_recorded_terminal_is_followed_forward_and_back(tmp_path):
    packets = [Output(0, b"small"), Resize(1000, 100, 30), Output(2000, b"\x1b[30;95Hlarge"), Resize(3000, 40, 10)]
    file = write(tmp_path / "r.jsonl", packets, size=(40, 10))
    with player(120, 40, tmp_path, "-p", file) as window:
        window.keys("3", "G")
        assert window.until("large")[29][94:99] == "large"
        window.keys("r", ".")
        rows = window.until(lambda rows: rows[0] == "small" and not rows[29])
        assert "large" not in "".join(rows)


@needs("tmux")
def test_another_character_set_is_shown_in_its_own_characters(tmp_path):
    packets = [Output(0, "prix: 5 \xe0 l'\xe9t\xe9".encode("latin-1")), Output(500, b" \xa4")]
    file = write(tmp_path / "r.jsonl", packets, charset="ISO-8859-15")
    with player(80, 30, tmp_path, "-p", "-g", "end", file) as window:
        window.until("prix: 5 à l'été €")


@needs("tmux")
def test_a_character_set_that_nobody_knows_and_one_that_is_none_do_no_harm(tmp_path):
    for charset in ("no such thing", "hex", "zlib", "idna", "undefined"):
        file = write(tmp_path / "r.jsonl", [Output(0, "é ok".encode())], charset=charset)
        with player(80, 30, tmp_path, "-p", "-g", "end", file) as window:
            window.until("é ok")


@needs("tmux")
def test_typed_input_is_shown_on_demand(tmp_path):
    packets = [Input(0, b"ls\r"), Output(10, b"files\r\n"), Input(20, "\x1b[A\x03é".encode())]
    file = write(tmp_path / "r.jsonl", packets)
    with player(100, 30, tmp_path, "-p", "-g", "end", file) as window:
        assert "typed" not in window.until("paused")[29]
        window.keys("t")
        window.until(r"typed: ls\r\x1b[A\x03é")


@needs("tmux")
def test_damage_is_told_in_the_status_line_and_at_the_end(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text(line(1, 0, [Output(0, b"good")]) + "\n{\n")
    command = " ".join([*SESSREC, "play -p -g end", str(file), "; sleep 60"])
    with Window(150, 30, "sh", "-c", command, home=tmp_path) as window:
        window.until("line 2 cannot be played")
        window.keys("p")
        rows = window.until("sessrec: line 2 cannot be played: not JSON")
        assert rows[0] == "good"
