"""How playback moves with the clock, its speed, its jumps and what is added while it runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.player.moment import END, MomentError, TypedMoment, clock, parse
from auditor.player.playback import Playback
from recorder.formats.message import Output, Resize
from tests.playing import timeline


def test_packets_are_shown_when_their_time_has_come():
    playback = Playback(timeline(0, 1000, 1000, 2500))
    playback.tick(0)
    assert playback.shown == 1
    playback.tick(0.999)
    assert playback.shown == 1
    playback.tick(1.0)
    assert playback.shown == 3
    assert playback.wake() == 1.5
    playback.tick(2.5)
    assert playback.finished


def test_twice_the_speed_takes_half_the_time():
    playback = Playback(timeline(0, 1000, 4000), speed=2)
    playback.tick(0.5)
    assert playback.shown == 2
    assert playback.wake() == 1.5


def test_speed_zero_shows_everything_at_once():
    playback = Playback(timeline(0, 1000, 3_600_000), speed=0)
    playback.tick(0)
    assert playback.finished


def test_speed_stays_within_what_tlog_play_allows():
    playback = Playback(timeline(0))
    for _ in range(9):
        playback.change_speed(2)
    assert playback.speed == 16
    for _ in range(20):
        playback.change_speed(1 / 2)
    assert playback.speed == 1 / 16


def test_a_pause_takes_no_time_of_the_recording():
    playback = Playback(timeline(0, 1000))
    playback.tick(0.4)
    playback.toggle_pause()
    playback.tick(100)
    assert (playback.position, playback.shown, playback.wake()) == (400, 1, None)
    playback.toggle_pause()
    playback.tick(100.7)
    assert playback.shown == 2


def test_a_stop_of_the_player_takes_no_time_of_the_recording():
    playback = Playback(timeline(0, 1000))
    playback.tick(0.4)
    playback.resume_clock(500)
    playback.tick(500.1)
    assert playback.position == pytest.approx(500)


def test_a_step_shows_the_next_output_paused_or_not():
    playback = Playback(timeline(0, 60_000, 60_001), paused=True)
    playback.step()
    assert (playback.shown, playback.position) == (1, 0)
    playback.step()
    assert (playback.shown, playback.position) == (2, 60_000)
    playback.step()
    playback.step()
    assert playback.shown == 3


def test_a_step_passes_over_a_resize_and_takes_it_along():
    line = timeline(0)
    line.add(Resize(10, 100, 30))
    line.add(Output(20, b"x"))
    playback = Playback(line, paused=True)
    playback.step()
    playback.step()
    assert playback.shown == 3


def test_going_to_a_time_shows_what_came_before_it_and_nothing_of_that_moment():
    playback = Playback(timeline(0, 1000, 2000, 3000), paused=True)
    playback.seek(2000)
    assert (playback.shown, playback.position) == (2, 2000)
    playback.seek(2000, inclusive=True)
    assert playback.shown == 3


def test_going_back_shows_less():
    playback = Playback(timeline(0, 1000, 2000))
    playback.seek(END)
    assert playback.at_end
    playback.seek(500)
    assert (playback.shown, playback.position) == (1, 500)


def test_going_where_nothing_is_read_yet_arrives_when_it_is():
    line = timeline(0, 1000, complete=False)
    playback = Playback(line, goto=2000)
    playback.tick(0)
    assert playback.seeking
    assert playback.shown == 2
    line.add(Output(1500, b"x"))
    line.add(Output(2500, b"y"))
    playback.tick(0)
    assert (playback.seeking, playback.shown, playback.position) == (False, 3, 2000)


def test_going_behind_the_end_is_the_end():
    playback = Playback(timeline(0, 1000), goto=99_000)
    playback.tick(0)
    assert (playback.position, playback.finished) == (1000, True)


def test_five_seconds_back_from_the_first_is_the_beginning():
    playback = Playback(timeline(0, 1000, 9000), paused=True)
    playback.seek(1000)
    playback.skip(-5)
    assert (playback.position, playback.shown) == (0, 1)


def test_five_seconds_forward_over_the_last_packet_is_the_end():
    playback = Playback(timeline(0, 1000, 9000), paused=True)
    playback.seek(5000)
    playback.skip(5)
    assert playback.at_end


def test_of_a_long_pause_only_the_limit_is_played():
    playback = Playback(timeline(0, 60_000, 61_000, 200_000), idle_limit=2000)
    playback.tick(0)
    assert playback.wake() == 2.0
    playback.tick(1.9)
    assert (playback.shown, playback.position) == (1, 1900)
    playback.tick(2.0)
    assert (playback.shown, playback.position) == (2, 60_000)
    playback.tick(3.0)
    assert playback.shown == 3
    playback.tick(5.0)
    assert playback.finished


def test_skipping_idle_time_that_has_lasted_already_jumps_at_once():
    playback = Playback(timeline(0, 60_000))
    playback.tick(10)
    playback.idle_limit = 2000
    assert playback.wake() == 0
    playback.tick(10)
    assert playback.shown == 2


def test_playing_does_not_end_at_the_end_while_it_is_paused_or_follows():
    paused = Playback(timeline(0), paused=True, goto=END)
    following = Playback(timeline(0), follow=True, goto=END)
    for playback in (paused, following):
        playback.tick(1)
        assert playback.at_end
        assert not playback.finished
    assert following.live
    following.timeline.ended = True
    assert following.finished


def test_what_comes_after_a_long_silence_of_a_followed_session_is_shown_at_once():
    line = timeline(0, 1000)
    playback = Playback(line, follow=True, goto=END)
    playback.tick(0)
    playback.tick(0.1)
    line.add(Output(600_000, b"x"))
    line.add(Output(600_400, b"y"))
    playback.tick(0.2)
    assert playback.shown == 3
    assert playback.wake() == pytest.approx(0.3)
    playback.tick(0.7)
    assert playback.live


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("start", 0),
        ("END", END),
        ("30", 30_000),
        ("30:", 1_800_000),
        ("30:00", 1_800_000),
        ("1800", 1_800_000),
        ("2::", 7_200_000),
        ("120:", 7_200_000),
        (":30", 30_000),
        ("1:2:3.5", 3_723_500),
        (".25", 250),
        (" 5 ", 5000),
        ("", 0),
    ],
)
def test_times_mean_what_tlog_play_takes_them_for(text, milliseconds):
    assert parse(text) == milliseconds


@pytest.mark.parametrize("text", ["x", "1:2:3:4", "1.2.3", "-1", "1.1234567890", "1:.5:2", "９"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(MomentError):
        parse(text)


def test_typing_a_fourth_part_forgets_the_time():
    typed = TypedMoment()
    assert [typed.feed(char) for char in "1:2:3:"] == [True] * 5 + [False]
    assert typed.text == ""


@pytest.mark.parametrize(("at", "text"), [(0, "0:00"), (59_999, "0:59"), (754_000, "12:34"), (3_723_000, "1:02:03")])
def test_times_read_as_on_a_clock(at, text):
    assert clock(at) == text


GAPS = st.lists(st.integers(0, 5000), min_size=1, max_size=30)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.floats(0, 30)),
        st.tuples(st.just("seek"), st.floats(0, 200_000)),
        st.tuples(st.just("skip"), st.floats(-40, 40)),
        st.tuples(st.just("step"), st.none()),
        st.tuples(st.just("pause"), st.none()),
        st.tuples(st.just("speed"), st.sampled_from([0.5, 2])),
        st.tuples(st.just("idle"), st.sampled_from([None, 0, 2000])),
        st.tuples(st.just("add"), st.integers(0, 9000)),
    ),
    max_size=40,
)


@given(gaps=GAPS, moves=MOVES, follow=st.booleans())
def test_prop_what_is_shown_is_always_what_happened_up_to_the_position(gaps, moves, follow):
    at, moments = 0, []
    for gap in gaps:
        at += gap
        moments.append(at)
    line = timeline(*moments)
    playback = Playback(line, follow=follow)
    now = 0.0
    for move, value in moves:
        match move:
            case "tick":
                now += value
                playback.tick(now)
            case "seek":
                playback.seek(value)
            case "skip":
                playback.skip(value)
            case "step":
                playback.step()
            case "pause":
                playback.toggle_pause()
            case "speed":
                playback.change_speed(value)
            case "idle":
                playback.idle_limit = value
            case "add":
                at = line.length + value
                line.add(Output(at, b"x"))
        assert 0 <= playback.position <= line.length
        assert line.before(playback.position) <= playback.shown <= line.until(playback.position)
        wake = playback.wake()
        assert wake is None or wake >= 0


@given(gaps=GAPS, idle=st.sampled_from([None, 0, 700, 2000]), ticks=st.integers(1, 50))
def test_prop_the_whole_takes_as_long_however_often_the_clock_is_looked_at(gaps, idle, ticks):
    at, moments = 0, []
    for gap in gaps:
        at += gap
        moments.append(at)
    length = sum(gap if idle is None else min(gap, idle) for gap in gaps) / 1000
    playback = Playback(timeline(*moments), idle_limit=idle)
    for tick in range(ticks):
        playback.tick(length * tick / ticks)
        if length * tick / ticks < length - 0.001 and gaps[-1]:
            assert not playback.finished or (idle == 0)
    playback.tick(length + 0.001)
    assert playback.finished
