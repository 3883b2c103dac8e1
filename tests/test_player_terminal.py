"""The auditor's own terminal: given back as it was after every way out, and never at the mercy of a recording."""

import os
import re
import signal
import termios
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.player.colour_screen import ColourScreen
from auditor.player.frame import bar, listed, recorded, whole_screen
from auditor.player.painter import Painter
from recorder.formats.message import Output
from tests.peers import needs
from tests.playing import Window, line, play, write
from tests.recorded import ROOT, SESSREC, OnTerminal

LEFT = b"\x1b[?1049l"

HOSTILE = [
    b"\x1b[6n\x1b[5n\x1b[c\x1b[>c\x1b[=c\x1b[>q\x1b[?u\x1b[18t\x1b[21t\x1b[?2026$p\x05",
    b"\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1b]4;1;?\x07\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]52;c;?\x07",
    b"\x1b]52;c;cm0gLXJmIC8K\x07\x1b]0;owned\x07\x1b]2;owned\x1b\\\x1bkowned\x1b\\\x1b]7;file://x/\x07\x1b]9;hello\x07",
    b"\x1b]1337;File=inline=1:AAAA\x07\x1b]777;notify;a;b\x07\x1b]8;;http://evil/\x07link\x1b]8;;\x07\x1b_Gf=24;AAAA\x1b\\",
    b"\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b[?1007h\x1b[?1h\x1b=\x1b[>4;2m\x1b[>1u",
    b"\x1b[5i\x1b[4i\x1b[?5i\x1b[8;1;1t\x1b[3;0;0t\x1b[2t\x1b[1;1r\x1b[20h\x1b[2h\x1b[?3h\x1b[?69h\x1b[?5h\x1bc\x1b[!p",
    b"\x9b6n\x9d0;owned\x9c\x90$qm\x9c\xc2\x9b6n\xc2\x9d0;owned\xc2\x9c\x0e\x0f\x1b(0\x1b%@\x1b#8\x1b7\x1b8",
    b"\x1b[?1049h\x1b[?47l",
    "\x1b(B\x0fa\u202eevil\u202c \u200b \u2066x\u2069 \U000e0041".encode(),
]

ALLOWED = re.compile(
    r"\x1b\[\?(?:1049[hl]|7[hl]|25[hl]|2026[hl])|\x1b\[[0-9;]*H|\x1b\[[0-9]+G|\x1b\[K|\x1b\[2J|\x1b\[[0-9;:]*m|\r+\n"
)
"""Everything that the player may ever send besides printable text."""


def only_painting(text):
    """What of a text is none of that: control characters, and what changes the order of others."""
    rest = ALLOWED.sub("", text)
    return [
        c for c in rest if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(c) in BIDI
    ]


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def long_recording(tmp_path, text=b"hello"):
    return write(tmp_path / "r.jsonl", [Output(0, text), Output(600_000, b"x")])


def test_nothing_that_a_hostile_recording_prints_reaches_the_terminal_but_text_and_colours(tmp_path):
    file = write(tmp_path / "r.jsonl", [Output(number, data) for number, data in enumerate(HOSTILE)])
    terminal = play(tmp_path, "--skip-idle", "0", file, size=(30, 100))
    assert terminal.finish() == 0
    assert only_painting(terminal.seen.decode()) == []
    assert "evil" in terminal.seen.decode()


DRAWN = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text("\x1b\x9b\x9d\x90\x07\\[]()P_^?>=;:0123456789hlmnctrqupJKHiG$ a漢\u0301\u202e", max_size=20),
        st.sampled_from([data.decode("utf-8", "replace") for data in HOSTILE]),
    )
).map("".join)


@example(text="a\u202eb\u2066c \x1b[31md\u202ee", size=(20, 2), query="")
@given(text=DRAWN, size=st.tuples(st.integers(1, 90), st.integers(1, 30)), query=st.text(max_size=3))
def test_prop_a_frame_is_text_and_colours_whatever_was_recorded(text, size, query):
    screen = ColourScreen(80, 24)
    screen.feed(text)
    columns, rows = size
    painted = Painter().paint(recorded(screen, columns, rows, query))
    assert only_painting(painted) == []
    assert only_painting("\r\n".join(whole_screen(screen, columns))) == []


@given(text=st.text(), columns=st.integers(1, 100))
def test_prop_a_line_of_ours_is_as_wide_as_the_terminal_and_obeys_nothing(text, columns):
    assert only_painting(bar(text, columns)) == []
    assert only_painting(Painter().paint(listed(text, [text], 0, columns, 5))) == []


def test_a_title_or_an_event_cannot_speak_through_the_status_line(tmp_path):
    file = tmp_path / "r.jsonl"
    hostile = {"process": {"args": ["\x1b]0;owned\x07", "\u202e"]}}
    lines = [line(1, 0, [Output(0, b"\x1b]2;t\xc2\x9bitle\x07hi")])]
    lines.append(line(2, 5, [], event="exec\x1b[6n", **hostile))
    file.write_text("\n".join(lines) + "\n")
    terminal = play(tmp_path, "-p", file, size=(30, 100))
    terminal.until(b"paused")
    terminal.send(b"]")
    terminal.until(b"exec")
    terminal.send(b"q")
    assert terminal.finish() == 0
    assert only_painting(terminal.seen.decode()) == []


WAYS_OUT = {
    "the key q": lambda terminal: terminal.send(b"q"),
    "Ctrl-C": lambda terminal: terminal.send(b"\x03"),
    "SIGTERM": lambda terminal: terminal.process.kill(signal.SIGTERM),
    "SIGHUP": lambda terminal: terminal.process.kill(signal.SIGHUP),
    "SIGINT": lambda terminal: terminal.process.kill(signal.SIGINT),
    "the end": lambda terminal: terminal.send(b"G"),
}
STATUS = {"the key q": 0, "Ctrl-C": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130, "the end": 0}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_the_terminal_is_given_back_after(way, tmp_path):
    terminal = play(tmp_path, long_recording(tmp_path, b"\x1b[?25l\x1b[31m\x1b[2;5r\x1b[?7lhello"))
    before = termios.tcgetattr(terminal.process.fd)
    terminal.until(b"hello")
    assert not termios.tcgetattr(terminal.process.fd)[3] & termios.ICANON
    WAYS_OUT[way](terminal)
    terminal.until(LEFT)
    assert terminal.finish() == STATUS[way]
    seen = terminal.seen
    tail = seen[seen.rindex(b"\x1b[?7h") :]
    assert tail.startswith(b"\x1b[?7h\x1b[?25h" + LEFT)
    assert b"hello" in tail  # what was shown last stays
    assert not re.search(rb"\x1b\[\?(25l|7l|1049h)", tail)
    assert before[3] & termios.ICANON


def test_the_line_discipline_is_as_it_was_afterwards(tmp_path):
    file = long_recording(tmp_path)
    script = f"stty -a; {' '.join(SESSREC)} play {file}; stty -a; echo done"
    terminal = play_in_shell(tmp_path, script)
    terminal.until(b"hello")
    terminal.send(b"q")
    terminal.until(b"done\r\n")
    terminal.finish()
    reports = re.findall(rb"speed .*?-extproc", terminal.seen, re.DOTALL)
    assert len(reports) == 2
    assert reports[0] == reports[1]


def play_in_shell(home, script):
    return OnTerminal(["sh", "-c", script], home)


@needs("tmux")
def test_a_stopped_player_gives_the_terminal_back_and_goes_on_where_it_was(tmp_path):
    file = write(tmp_path / "r.jsonl", [Output(0, b"recorded text"), Output(600_000, b"x")])
    with Window(80, 30, "bash", "--norc", home=tmp_path, PS1="shell> ") as window:
        window.until("shell>")
        window.keys(f"cd {ROOT}; clear; {' '.join(SESSREC)} play {file}", "Enter")
        window.until(lambda rows: rows[0] == "recorded text" and "playing" in rows[29])
        window.keys("C-z")
        window.until("Stopped")
        window.keys("echo in the $((1+1))nd shell", "Enter")
        assert not any("playing" in row for row in window.until("in the 2nd shell"))
        window.keys("fg", "Enter")
        rows = window.until(lambda rows: rows[0] == "recorded text" and "playing" in rows[29])
        assert not any("shell" in row for row in rows)
        window.keys("q")
        rows = window.until("in the 2nd shell")
        window.keys("stty -a | grep -o -- '.icanon\\|.echo '; echo end", "Enter")
        rows = window.until(lambda rows: "end" in rows)
        assert " icanon" in rows


def test_a_terminal_that_hangs_up_ends_the_player(tmp_path):
    terminal = play(tmp_path, long_recording(tmp_path))
    terminal.until(b"hello")
    os.close(terminal.process.fd)
    terminal.process.fd = os.open(os.devnull, os.O_RDONLY)
    terminal.process.closed = True
    assert ended(terminal.process.pid) in (128 + signal.SIGHUP, 1)


def ended(pid):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the player did not end")


def test_persist_ignores_q_and_signals_from_the_keyboard(tmp_path):
    terminal = play(tmp_path, "--persist", "-p", long_recording(tmp_path))
    terminal.until(b"paused")
    terminal.send(b"q\x03\x1a\x1cp")
    terminal.until(b"playing")
    terminal.process.kill(signal.SIGTERM)
    assert terminal.finish() == 143


def test_a_keyboard_on_another_descriptor_than_standard_input(tmp_path):
    file = long_recording(tmp_path)
    terminal = play_in_shell(tmp_path, f"echo no keys | {' '.join(SESSREC)} play -p {file}; echo rc=$?")
    terminal.until(b"paused")
    terminal.send(b"q")
    terminal.until(b"rc=0")
    terminal.finish()


def test_an_error_while_playing_leaves_the_terminal_before_it_is_told(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text(line(1, 0, [Output(0, b"hello")]) + "\n{}\n")
    terminal = play(tmp_path, file)
    assert terminal.finish() == 1
    assert terminal.seen.index(LEFT) < terminal.seen.index(b"sessrec: line 2 cannot be played")


@needs("tlog-play")
def test_keys_of_tlog_play_leave_the_same_text_on_the_screen(tmp_path):
    """Paused, stepped twice, gone to a time, stepped, at double speed to the end: in both, byte for byte."""
    packets = [Output(at * 1000, b"<%d>" % at) for at in (0, 1, 2, 100, 200, 5000)]
    file = write(tmp_path / "r.jsonl", packets)
    script = [b".", b".", b"3G", b"2:30G", b".", b"}", b"G"]
    expected = [b"<0>", b"<1>", b"<2>", b"<100>", b"<200>", b"", b"<5000>"]
    theirs = OnTerminal(["tlog-play", "-p", "-i", str(file)], tmp_path)
    ours = play(tmp_path, "-p", file)
    ours.until(b"paused")
    time.sleep(0.3)  # tlog-play has no sign that it is ready
    printed = b""
    for keys, new in zip(script, expected, strict=True):
        printed += new
        for terminal in (theirs, ours):
            terminal.send(keys)
            if new:
                terminal.until(new)
        assert printed in re.sub(rb"\x1b\[[?0-9;]*[a-zA-Z]", b"", theirs.seen)
        assert new in ours.seen
        assert not any(
            b"<%d>" % at in terminal.seen
            for at in (0, 1, 2, 100, 200, 5000)
            for terminal in (theirs, ours)
            if b"<%d>" % at not in printed
        )
    for terminal in (theirs, ours):
        terminal.send(b"p")
        assert terminal.finish() == 0
