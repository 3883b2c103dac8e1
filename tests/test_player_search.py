"""Jumping to what was seen: search and its hits, the list of commands, events; and what is told meanwhile."""

import pytest

from auditor.player.controls import Controls
from auditor.player.loader import Loader
from auditor.player.playback import Playback
from auditor.player.seen_index import SeenIndex
from auditor.player.status import status_line
from auditor.recordings.recording import FileRecording
from recorder.formats.message import Output, Resize
from tests.peers import needs
from tests.playing import Window, line, write
from tests.recorded import SESSREC

PROMPT = b"\x1b[?2004h$ "
RUN = b"\r\n\x1b[?2004l\r"

SESSION = [
    Output(0, PROMPT),
    Output(1000, b"mak"),
    Output(1300, b"e teat\b\b\x1b[Kst"),
    Output(2000, RUN),
    Output(3000, b"\x1b[31mFAI"),
    Output(3200, b"LED\x1b[0m: 3 tests\r\n" + PROMPT),
    Output(60_000, b"make clean"),
    Output(61_000, RUN + b"nothing FAILED\r\n" + PROMPT),
    Output(90_000, b"exit"),
    Output(91_000, RUN),
]


class Seat:
    """A person before the player, without a terminal."""

    def __init__(self, path, *, follow=False):
        self.loader = Loader(FileRecording(path))
        while self.loader.load():
            pass
        self.playback = Playback(self.loader.timeline, paused=True, follow=follow)
        self.controls = Controls(self.playback, SeenIndex(self.loader.timeline))
        self.playback.tick(0)

    def press(self, *keys):
        for key in keys:
            self.controls.press(key)
            while self.controls.pending:
                self.controls.index.work(1)
                self.controls.settle()
        return self.playback.position

    def search(self, text):
        return self.press("/", *("SPACE" if char == " " else char for char in text), "ENTER")

    def status(self):
        return status_line(self.controls, [], 200)


@pytest.fixture
def seat(tmp_path):
    return Seat(write(tmp_path / "r.jsonl", SESSION))


def test_text_that_was_coloured_and_came_in_pieces_is_found_where_it_stood_complete(seat):
    assert seat.search("failed: 3") == 3200
    assert "hit 1 of 1" in seat.status()


def test_a_command_is_found_as_it_was_run_not_as_it_was_typed(seat):
    assert seat.search("make test") > 0
    assert seat.search("teat") == seat.playback.position
    assert "not seen anywhere" in seat.status()


def test_hits_are_gone_through_forward_and_back(seat):
    assert seat.search("failed") == 3200
    assert seat.press("n") == 61_000
    assert "hit 2 of 2" in seat.status()
    assert seat.press("n") == 3200
    assert "hit 1 of 2, from the beginning again" in seat.status()
    assert seat.press("N") == 61_000
    assert "hit 2 of 2, from the end again" in seat.status()
    assert seat.press("N") == 3200


def test_a_capital_letter_makes_case_matter(seat):
    assert seat.search("FAILED") == 3200
    seat.search("Failed")
    assert "not seen anywhere" in seat.status()


def test_a_hit_pauses_so_that_it_can_be_read(seat):
    seat.press("p")
    assert not seat.playback.paused
    seat.search("failed")
    assert seat.playback.paused
    assert seat.playback.shown == seat.loader.timeline.until(3200)


def test_an_empty_search_goes_on_with_the_last_one(seat):
    seat.search("failed")
    seat.press("r")
    assert seat.search("") == 3200


def test_the_next_hit_without_a_search_says_what_to_do(seat):
    seat.press("n")
    assert "/ begins" in seat.status()


def test_a_search_can_be_edited_and_given_up(seat):
    seat.press("/", "a", "é", "SPACE", "BACKSPACE", "BACKSPACE", "b")
    assert seat.status() == "/ab"
    seat.press("q", "p", "?")
    assert seat.status() == "/abqp?"
    assert not seat.controls.quit
    seat.press("CTRL-U")
    assert seat.status() == "/"
    seat.press("BACKSPACE")
    assert seat.controls.prompt is None
    seat.press("/", "x", "ESC")
    assert seat.controls.prompt is None
    assert seat.controls.query == ""


def test_commands_are_listed_as_they_were_run_and_can_be_jumped_to(seat):
    seat.press("c")
    lines, chosen = seat.controls.menu.lines(10)
    assert [text.split(None, 2)[2] for text in lines] == ["make test", "make clean", "exit"]
    assert chosen == 0
    seat.press("DOWN", "ENTER")
    assert seat.controls.menu is None
    assert 60_000 <= seat.playback.position <= 61_000
    seat.press("c", "3", "ENTER")
    assert 90_000 <= seat.playback.position <= 91_000
    seat.press("c", "HOME", "END", "UP", "PGUP", "PGDN", "UP")
    assert seat.controls.menu.chosen.label == "make clean"
    seat.press("ESC")
    assert seat.controls.menu is None


def test_the_list_of_commands_begins_where_playback_stands(seat):
    seat.playback.seek(70_000)
    seat.press("c")
    assert seat.controls.menu.chosen.label == "make clean"


def test_a_long_list_of_commands_shows_those_around_the_choice(tmp_path):
    packets = [Output(number * 1000, PROMPT + b"cmd%d" % number + RUN) for number in range(200)]
    seat = Seat(write(tmp_path / "r.jsonl", packets))
    seat.press("c", "1", "5", "0")
    lines, chosen = seat.controls.menu.lines(9)
    assert len(lines) == 9
    assert lines[chosen].split() == ["150", "2:29", "cmd149"]
    seat.press("END")
    lines, chosen = seat.controls.menu.lines(9)
    assert (len(lines), chosen) == (9, 8)


def test_events_and_commands_are_gone_through_in_order(tmp_path):
    file = write(tmp_path / "r.jsonl", SESSION)
    with file.open("a") as more:
        more.write(line(12, 92_000, [Resize(92_000, 100, 30)], event="resize") + "\n")
        more.write(line(13, 93_000, [], event="lost", sessrec={"lost_bytes": 17, "lost_messages": 1}) + "\n")
    seat = Seat(file)
    told = []
    for _ in range(6):
        seat.press("]")
        told.append(seat.controls.notice)
    assert told == ["make test", "make clean", "exit", "resize", "lost 17 bytes, 1 messages", "no later event"]
    assert [seat.press("[") and seat.controls.notice for _ in range(2)] == ["resize", "exit"]


def test_the_previous_event_while_playing_is_not_the_one_just_passed(seat):
    seat.press("]", "]", "p")
    at = seat.playback.position
    seat.playback.tick(0.5)
    seat.press("[")
    assert seat.playback.position < at


def test_what_is_added_to_a_running_recording_is_found_too(tmp_path):
    file = write(tmp_path / "r.jsonl", SESSION[:6])
    seat = Seat(file, follow=True)
    seat.search("nothing")
    assert "not seen anywhere" in seat.status()
    with file.open("a") as more:
        more.write(line(8, 61_000, [Output(61_000, b"\r\nnothing FAILED")]) + "\n")
    while seat.loader.load():
        pass
    assert seat.search("nothing") == 61_000


def test_going_to_a_typed_time_is_told_while_it_is_typed(seat):
    seat.press("1", ":", "0")
    assert "go to 1:0" in seat.status()
    assert seat.press("G") == 60_000
    seat.press("9", "p", "G")
    assert seat.playback.at_end


def test_keys_of_time_and_speed(seat):
    seat.press("}", "}", "{")
    assert "2x" in seat.status()
    seat.press("BACKSPACE", "{", "{")
    assert "1/4x" in seat.status()
    assert seat.press("DOWN") == 30_000
    assert seat.press("RIGHT") == 35_000
    assert seat.press("LEFT") == 30_000
    assert seat.press("PGUP") == 0
    assert seat.press("PGDN", "DOWN", "HOME") == 0
    assert seat.press("END") == 91_000
    assert seat.press("r") == 0
    seat.press("i")
    assert seat.playback.idle_limit == 2000
    assert "idle skipped" in seat.status()
    seat.press("i")
    assert seat.playback.idle_limit is None
    seat.press("f")
    assert seat.playback.follow
    seat.press("?", "q")
    assert not seat.controls.quit
    seat.press("q")
    assert seat.controls.quit


@needs("tmux")
def test_search_commands_and_help_on_a_real_terminal(tmp_path):
    file = write(tmp_path / "r.jsonl", SESSION)
    with Window(80, 30, *SESSREC, "play", "-p", file, home=tmp_path) as window:
        window.until("paused")
        window.keys("?")
        window.until("go to the beginning")
        window.keys("x", "/")
        window.until(lambda rows: rows[29] == "/")
        window.keys(*"failed", "Enter")
        rows = window.until("hit 1 of 2")
        assert "go to the beginning" not in "".join(rows)
        assert rows[1] == "FAILED: 3 tests"
        assert "\x1b[7m" in window.tmux("capture-pane", "-p", "-e").split("\n")[1]
        window.keys("n")
        window.until("hit 2 of 2")
        window.keys("c")
        rows = window.until("Commands:")
        assert "make test" in rows[1]
        window.keys("1", "Enter")
        rows = window.until(lambda rows: "Commands:" not in rows[0])
        assert rows[0] == "$ make test"
        window.keys("Escape", "G")
        window.until("paused at the end")
