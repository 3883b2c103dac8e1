"""Points in time as people type them."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.query.time_forms import TimeFormError, point_in_time

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 4, 15, 30, 45, tzinfo=ZONE)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-03-04 15:30:45"),
        ("today", "2026-03-04 00:00"),
        ("yesterday", "2026-03-03 00:00"),
        ("Yesterday 14:30", "2026-03-03 14:30"),
        ("wednesday", "2026-03-04 00:00"),
        ("thursday", "2026-02-26 00:00"),
        ("mon 8:05", "2026-03-02 08:05"),
        ("2 hours ago", "2026-03-04 13:30:45"),
        ("2h", "2026-03-04 13:30:45"),
        ("90m", "2026-03-04 14:00:45"),
        ("15 minutes", "2026-03-04 15:15:45"),
        ("1 week ago", "2026-02-25 15:30:45"),
        ("14:30", "2026-03-04 14:30"),
        ("14:30:15", "2026-03-04 14:30:15"),
        ("2026-03-01", "2026-03-01 00:00"),
        ("2026-03-01 14:30", "2026-03-01 14:30"),
        ("2026-03-01T14:30:01", "2026-03-01 14:30:01"),
        ("2026-03-01T12:30:01Z", "2026-03-01 14:30:01"),
        ("@1772368201", "2026-03-01 14:30:01"),
    ],
)
def test_friendly_forms(text, meant):
    assert point_in_time(text, NOW) == datetime.fromisoformat(meant).replace(tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2026-13-01", "@", "@nan", "today today", "9" * 30 + "h", "mo"]
)
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(TimeFormError, match="use for example 'today'") as caught:
        point_in_time(text, NOW)
    assert "\n" not in str(caught.value)


@given(st.one_of(st.text(), st.text("0123456789:-TZ@.+hmd ago")))
def test_prop_a_time_or_an_error(text):
    try:
        said = f"{point_in_time(text, NOW):.3f}"
    except TimeFormError as error:
        said = str(error)
    assert said.isprintable()
    assert said != "nan"
