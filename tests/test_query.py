"""The language of searches."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.query.query import Group, Query, QueryError, Selection, parse_query
from tests.fuzz import fuzz_query, run

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def parsed(text):
    return parse_query(text, NOW)


def test_words_phrases_and_exclusions():
    query = parsed('Error -warning "No such  file" -"old stuff"')
    assert query.groups == (Group("any", ("error", "no such file"), ("warning", "old stuff")),)
    assert query.without == ()


def test_fields_are_of_one_line_each_and_an_exclusion_alone_is_of_the_recording():
    query = parsed('cmd:git -cmd:status screen:failed entered:"q w" -command:x word -printed:y')
    assert query.groups == (
        Group("command", ("git",), ("status", "x")),
        Group("printed", ("failed",), ("y",)),
        Group("entered", ("q w",)),
        Group("any", ("word",)),
    )
    assert parsed("a -cmd:rm -cmd:dd").without == (Group("command", ("rm",)), Group("command", ("dd",)))


def test_recordings_are_selected_by_user_host_id_and_time():
    selection = parsed("x user:al* -user:root host:web? rec:0f since:today until:@1772700000").selection
    assert selection.since == datetime(2026, 3, 4, tzinfo=UTC).timestamp()
    assert selection.until == 1772700000
    assert selection.takes("0fab", "Alice", "web1")
    assert not selection.takes("1fab", "alice", "web1")
    assert not selection.takes("0fab", "bob", "web1")
    assert not selection.takes("0fab", "alice", "web11")
    assert not Selection(not_users=("root",)).takes("r", "root", "h")


def test_what_only_looks_like_a_field_is_text():
    for text in ("std::vector", "http://x/y?a=b", "12:30", "c:\\x", "[a*]"):
        assert parsed(text).groups == (Group("any", (text,)),)
    assert parsed('"user:bob"').groups == (Group("any", ("user:bob",)),)
    assert parsed(r'"say \"hi\" \\"').groups == (Group("any", ('say "hi" \\',)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing to look for"),
        ("user:bob", "nothing to look for"),
        ("-x", "nothing to look for"),
        ('a "b', "not closed"),
        ('user:"b', "not closed"),
        ("a -", "'-' names nothing"),
        ("cmd:", "'cmd:' names nothing"),
        ('a ""', "names nothing"),
        ("a since:soon", "since: 'soon' is not a point in time"),
        ("a -since:today", "cannot be excluded"),
        ("a " * 60, "more than 50 words"),
    ],
)
def test_what_cannot_be_understood_is_said_in_one_line(text, said):
    with pytest.raises(QueryError, match=said) as caught:
        parsed(text)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


QUERIES = st.lists(
    st.one_of(
        st.text(max_size=8), st.sampled_from(["user:", "-", '"', "cmd:", "since:", "rec:", " ", "\\", ":", "*"])
    )
).map("".join)


@given(QUERIES)
def test_prop_any_text_is_a_query_or_an_error_of_one_line(text):
    try:
        said = repr(type(parsed(text)) is Query)
    except QueryError as error:
        said = str(error)
    assert said.isprintable()


@given(st.lists(st.text("abcXYZ0-:", min_size=1).filter(lambda word: word[0] not in "-:"), min_size=1, max_size=9))
def test_prop_quoted_words_are_looked_for_as_they_are(words):
    text = " ".join(f'"{word}"' for word in words)
    assert parsed(text).groups == (Group("any", tuple(word.lower() for word in words)),)


def test_mutated_queries_break_nothing():
    assert run(fuzz_query.target, fuzz_query.SEEDS, runs=3000) > 5
