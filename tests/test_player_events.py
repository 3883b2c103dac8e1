"""What a session did, beside its playback: marks on the time line, an event log that leads to moments and back."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.player.colour_screen import ColourScreen
from auditor.player.event_log import EventLog
from auditor.player.event_marks import time_line
from auditor.player.frame import recorded
from auditor.player.layout import arranged, with_log
from auditor.player.seen_index import SeenIndex
from auditor.player.timeline import Event, Timeline
from auditor.recordings.store import Addition
from auditor.recordings.store import Event as StoreEvent
from recorder.formats.message import Output, Resize
from tests.audited import a_session, audited, event, executed, write
from tests.peers import needs
from tests.playing import Window, play
from tests.recorded import SESSREC
from tests.recordings import ingested, new_store
from tests.test_player_search import Seat
from tests.test_player_terminal import only_painting

TIME_LINE = re.compile(r"[-=xfn!|]{20,}")
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def seat(tmp_path):
    return Seat(write(tmp_path / "r.jsonl", a_session()))


def bare(row):
    return re.sub(r"\x1b\[[0-9;]*[mG]", "", row)


def log_lines(seat, rows=30):
    lines, current = seat.controls.log.lines(rows, seat.playback.position)
    return lines, None if current is None else lines[current]


def test_the_log_follows_the_moment_that_is_played(seat):
    seat.press("e")
    assert log_lines(seat)[1] == "   0:00   session-start bash"
    seat.playback.seek(525)
    assert log_lines(seat)[1] == "   0:00 x /usr/bin/curl -o data 'https://files.example.test/data?id=7'"
    seat.playback.seek(623)
    assert log_lines(seat)[1] == "   0:00 f read /etc/shadow by /usr/bin/cat (failed: EACCES)"
    seat.press("e")
    assert seat.controls.log is None


def test_an_entry_leads_to_its_moment_and_the_moment_back_to_the_log(seat):
    seat.playback.paused = False
    seat.playback.seek(0)
    seat.press("e", "DOWN", "DOWN", "DOWN")
    assert seat.playback.position == 0
    assert log_lines(seat)[1].endswith("id=7'")
    assert seat.press("ENTER") == 520
    assert seat.playback.paused
    assert seat.press("UP", "UP", "ENTER") == 10
    assert seat.press("]") == 510
    assert log_lines(seat)[1].endswith("(script /home/alice/get.sh)")


def test_a_chosen_entry_is_given_up_by_esc_and_by_playing_on(seat):
    seat.press("e", "DOWN", "DOWN", "ESC")
    assert log_lines(seat)[1] == "   0:00   session-start bash"
    seat.press("DOWN", "ENTER")
    seat.playback.seek(2015)
    assert "privilege root" in log_lines(seat)[1]


def test_arrows_move_in_time_where_no_log_is_open(seat):
    seat.playback.seek(2000)
    assert seat.press("UP") == 0
    seat.press("ENTER")
    assert "no event log is open" in seat.status()


def test_entries_of_one_moment_can_each_be_chosen(tmp_path):
    seat = Seat(write(tmp_path / "r.jsonl", audited(*[executed(50, pid, 1, f"p{pid}") for pid in range(5)])))
    seat.press("e")
    chosen = []
    for _ in range(5):
        seat.press("DOWN", "ENTER")
        chosen.append(log_lines(seat)[1].rpartition("/")[2])
    assert chosen == ["p0", "p1", "p2", "p3", "p4"]
    seat.press("UP", "ENTER")
    assert log_lines(seat)[1].endswith("p3")


def test_commands_stand_among_the_events(tmp_path):
    typed = [Output(100, b"\x1b[?2004h$ "), Output(200, b"make"), Output(300, b"\r\n\x1b[?2004l\r")]
    seat = Seat(write(tmp_path / "r.jsonl", audited(*typed, executed(310, 5, 1, "make"))))
    seat.press("e")
    while not seat.controls.index.complete:
        seat.controls.index.work(1)
    assert [line[8:] for line in log_lines(seat)[0]][1:3] == ["$ make", "x /usr/bin/make"]


def test_a_search_finds_what_was_run_as_well(seat):
    assert seat.search("old data") == 610
    assert seat.press("n") == 612
    assert "hit 2 of 2" in seat.status()
    assert seat.search("session-start") == 612
    assert "not seen anywhere" in seat.status()


@needs("tmux")
def test_alerts_that_only_the_store_has_are_among_the_events(tmp_path):
    store = new_store(tmp_path)
    write(tmp_path / "r.jsonl", a_session(rec="r"))
    ingested(store, tmp_path / "r.jsonl")
    alert = Addition(store.facts("r"), events=[StoreEvent(3, 520, "alert", '{"rule": {"name": "downloads"}}', 1)])
    store.add("s", None, [alert], [])
    store.close()
    command = [*SESSREC, "play", "-p", "-g", "0.525", "--store", store.path, "r"]
    with Window(80, 30, *command, home=tmp_path) as window:
        window.until("paused")
        window.keys("e")
        window.until("0:00 ! alert downloads")


def test_the_log_of_a_running_session_grows(tmp_path):
    built = audited(Output(5, b"hello"), executed(10, 5, 1, "one"), executed(20, 6, 1, "two"))
    seat = Seat(write(tmp_path / "r.jsonl", built[:3]), follow=True)
    seat.press("e", "DOWN", "DOWN")
    assert log_lines(seat)[1].endswith("/usr/bin/one")
    with (tmp_path / "r.jsonl").open("a") as more:
        more.write(json.dumps(built[3]) + "\n")
    seat.loader.load()
    lines, chosen = log_lines(seat)
    assert lines[-1].endswith("/usr/bin/two")
    assert chosen.endswith("/usr/bin/one")


def made(*at_and_kind, length=100):
    timeline = Timeline()
    for at, kind in at_and_kind:
        timeline.add_event(Event(at, kind, kind))
    timeline.reach(length)
    return timeline


def test_marks_stand_where_something_happened_and_the_graver_one_where_several_did():
    timeline = made(
        (0, "own"), (20, "exec"), (50, "file"), (55, "exec"), (70, "network"), (72, "other"), (100, "file")
    )
    assert SGR.sub("", time_line(timeline, 0, 10)) == "|-x--f-!-f"
    assert SGR.sub("", time_line(timeline, 45, 10)) == "==x=|f-!-f"
    assert "\x1b[0;7m|" in time_line(timeline, 45, 10)
    assert SGR.sub("", time_line(Timeline(), 0, 5)) == "|----"


EVENTS = st.lists(
    st.builds(
        Event,
        st.integers(0, 2**53),
        st.text(max_size=60),
        st.sampled_from(["exec", "file", "network", "other", "own", "command"]),
    ),
    max_size=12,
)
SIZES = st.tuples(st.integers(1, 200), st.integers(1, 60))


@given(EVENTS, SIZES, SIZES, st.floats(0, 2**53), st.booleans(), st.lists(st.sampled_from([1, -1]), max_size=4))
def test_prop_whatever_happened_it_fits_and_obeys_nothing(happened, size, recorded_size, position, line, steps):
    timeline = made(length=0)
    timeline.add(Resize(0, *recorded_size))
    for each in happened:
        timeline.add_event(each)
    log = EventLog(SeenIndex(timeline))
    for step in steps:
        log.choose(step, position)
    columns, rows = size
    screen = ColourScreen(*recorded_size)
    screen.feed("text \x1b[31mand 漢字")
    layout = arranged(columns, rows, recorded_size)
    assert layout.view[0] >= 0
    assert layout.log[1] >= 1
    between = time_line(timeline, position, columns) if line else None
    frame = with_log(recorded(screen, *layout.view), log, position, layout, between)
    assert len(frame.rows) == rows + line
    assert only_painting("\r\n".join(frame.rows)) == []
    assert len(SGR.sub("", time_line(timeline, position, columns))) == columns


def test_hostile_events_are_shown_and_not_obeyed(tmp_path):
    hostile = executed(10, 5, 1, "echo", "\x1b]0;owned\x07\x1b[2J\u202e\ud800" + "x" * 100_000)
    strange = event(20, "file-create", file=["\x1b[6n"], process="\x9b6n", ours={"repeated": "\x1b"})
    file = write(tmp_path / "r.jsonl", audited(Output(5, b"hello"), hostile, strange, event(30, "\x1b[6n")))
    terminal = play(tmp_path, "-p", file, size=(30, 120))
    terminal.until(b"paused")
    terminal.send(b"e")
    terminal.until(b"owned")
    terminal.send(b"\x1b[B\x1b[B\r]]q")
    assert terminal.finish() == 0
    assert only_painting(terminal.seen.decode()) == []


@needs("tmux")
@pytest.mark.parametrize(("columns", "rows"), [(120, 30), (80, 24), (80, 40), (40, 7), (20, 3)])
def test_the_log_is_beside_below_or_instead_as_there_is_room(tmp_path, columns, rows):
    file = write(tmp_path / "r.jsonl", a_session())
    with Window(columns, rows, *SESSREC, "play", "-p", "-g", "2", file, home=tmp_path) as window:
        window.until("paused" if columns > 30 else "0:0")
        window.keys("e")
        shown = window.until(lambda rows: any("x /usr/bin/s" in row for row in rows))
        logged = [number for number, row in enumerate(shown) if re.search(r"0:0\d [xfn!] ", row)]
        if columns == 120:
            assert shown[0].startswith("$ ./get.sh")
            assert all(shown[number][80] == "|" for number in logged)
        else:
            assert (rows > 7) == any("$ ./get.sh" in row for row in shown)
            assert logged[0] > rows // 3 or rows <= 7
        assert (rows > 3) == any(TIME_LINE.fullmatch(row) for row in shown)
        assert shown[rows - 1].startswith("0:0")
        window.keys("e")
        window.until(lambda rows: not any(re.search(r"0:0\d [xfn!] ", row) for row in rows))


@needs("tmux")
def test_the_time_line_is_there_without_a_key_where_it_covers_nothing(tmp_path):
    file = write(tmp_path / "r.jsonl", a_session())
    plain = write(tmp_path / "plain.jsonl", audited(Output(5, b"hello"), Output(2000, b"x")))
    with Window(80, 26, *SESSREC, "play", "-p", file, home=tmp_path) as window:
        assert TIME_LINE.fullmatch(window.until("paused")[24])
        for told in ("bash", "get.sh", "curl"):
            window.keys("]")
            assert told in window.until(f"/usr/bin/{told.replace('get.sh', 'dash')}")[25]
    with Window(80, 26, *SESSREC, "play", "-p", plain, home=tmp_path) as window:
        assert window.until("paused")[24] == ""
