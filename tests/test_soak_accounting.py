"""The soak's accounts: nothing is missing, doubled or changed that it would not notice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.soak.accounting import CUT, ENDED, HUNG, KILLED, REFUSED, UNSTORED, Account, Told, account, judge
from tests.sealing import line_of, messages

SHOWN = b"$ : soak-1.\r\none\r\ntwo\r\n"
CONTENT = (b"$ : soak-1.\r\n", b"one\r\n", b"two\r\n")
TOLD = Told(1, "h1", ENDED, SHOWN)


def recording(*content, rec="a-1-1"):
    return [line_of(message) for message in messages(content, rec=rec)]


def losing(lines, at, size):
    """The recording with a loss in the place of one message."""
    message = json.loads(lines[at])
    empty = {"timing": "", "out_txt": "", "out_bin": [], "event": {"action": "lost"}}
    lost = {"lost_bytes": size, "lost_messages": 1, "reason": "x"}
    return [*lines[:at], line_of(message | empty | {"sessrec": lost}), *lines[at + 1 :]]


def problems(told=TOLD, recordings=None, verdict="complete"):
    found = {"a-1-1": recording(*CONTENT)} if recordings is None else recordings
    return judge([told], found, dict.fromkeys(found, verdict)).problems


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6))
def test_prop_what_a_recording_has_whole_is_accounted_for_to_the_byte(content):
    seen = b"".join(content)
    assert account(seen, recording(*content)) == Account(recorded=len(seen))


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=6), st.data())
def test_prop_what_lost_events_name_is_no_error_and_every_other_loss_is(content, data):
    seen = b"".join(content)
    at = data.draw(st.integers(1, len(content)))
    lines = recording(*content)
    size = len(content[at - 1])
    told = account(seen, losing(lines, at, size))
    assert (told.lost, told.wrong, told.after) == (size, 0, 0)
    untold = account(seen, [*lines[:at], *lines[at + 1 :]])
    assert untold.lost == 0
    assert untold.wrong or untold.after


def test_a_session_with_its_whole_recording_is_no_problem():
    assert problems() == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"recordings": {}}, "has 0 recordings"),
        ({"recordings": {"a-1-1": recording(*CONTENT), "b-1-1": recording(*CONTENT)}}, "has 2 recordings"),
        (
            {"recordings": {"a-1-1": recording(*CONTENT), "b-1-1": recording(b"no mark")}},
            "of web1.example.test is of no session",
        ),
        ({"recordings": {"a-1-1": recording(*CONTENT[:2])}}, "without the last 5 bytes"),
        ({"recordings": {"a-1-1": recording(*CONTENT[:2], b"tow\r\n")}}, "5 bytes are not as the terminal had them"),
        ({"recordings": {"a-1-1": recording(*CONTENT, b"more")}}, "4 bytes are not as the terminal had them"),
        ({"verdict": "tampered"}, "is tampered"),
        ({"verdict": "truncated"}, "is truncated"),
        ({"told": Told(1, "h1", HUNG, SHOWN)}, "did not end"),
        ({"told": Told(1, "h1", CUT, SHOWN), "verdict": "truncated"}, "is truncated; it cut"),
        ({"told": Told(1, "h1", REFUSED, b""), "recordings": {}}, "was refused"),
    ],
)
def test_what_is_not_as_it_must_be_is_told(changed, says):
    (problem,) = problems(**changed)
    assert says in problem


def test_what_nobody_took_at_the_end_is_counted_by_itself():
    cut = {"a-1-1": recording(*CONTENT[:2])[:-1]}
    outcome = judge([Told(1, "h1", UNSTORED, SHOWN)], cut, {"a-1-1": "truncated"})
    assert (outcome.problems, outcome.unstored, outcome.of_unstored, outcome.of_killed) == ([], 1, 5, 0)


def test_a_session_of_which_nothing_is_stored_must_end_at_once():
    short = Told(1, "h1", UNSTORED, SHOWN, lasted=1.0)
    assert (judge([short], {}, {}).problems, judge([short], {}, {}).of_unstored) == ([], len(SHOWN))
    assert problems(Told(1, "h1", UNSTORED, SHOWN, lasted=60.0), {})


def test_a_recording_without_a_byte_may_be_of_a_login_that_was_not_let_in():
    found = {"a-1-1": recording(*CONTENT), "b-1-1": recording()}
    verdicts = dict.fromkeys(found, "complete")
    outcome = judge([Told(1, "web1.example.test", ENDED, SHOWN, refusals=1)], found, verdicts)
    assert (outcome.problems, outcome.refused) == ([], 1)
    assert len(judge([Told(1, "web1.example.test", ENDED, SHOWN)], found, verdicts).problems) == 1


def test_a_killed_recorder_may_have_taken_its_last_second_with_it():
    cut = {"a-1-1": recording(*CONTENT[:2])[:-1]}
    outcome = judge([Told(1, "h1", KILLED, SHOWN)], cut, {"a-1-1": "truncated"})
    assert (outcome.problems, outcome.truncated, outcome.of_killed) == ([], 1, 5)
