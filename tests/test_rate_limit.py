"""The rate limit: bursts pass, a flood does not, and nothing waits longer than it must."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.sinks.rate_limit import RateLimit


def test_a_burst_passes_and_a_flood_does_not():
    limit = RateLimit(rate=1000, burst=2000)
    assert [limit.allow(1000, 5.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limit.allow(1000, 5.0) == pytest.approx(1.0)
    assert limit.allow(1000, 5.5) == pytest.approx(0.5)
    assert limit.allow(1000, 6.0) == 0.0
    assert limit.allow(1, 6.0) > 0


def test_a_refused_message_does_not_count():
    limit = RateLimit(rate=1000, burst=0)
    assert limit.allow(1000, 0.0) == 0.0
    assert {limit.allow(500, 0.0) for _ in range(100)} == {0.5}
    assert limit.allow(500, 0.5) == 0.0


def test_an_idle_session_saves_up_no_more_than_the_burst():
    limit = RateLimit(rate=1000, burst=2000)
    assert limit.allow(10, 0.0) == 0.0
    assert limit.allow(3000, 1e6) == 0.0
    assert limit.allow(100, 1e6) > 0


def test_a_message_larger_than_all_is_recorded_once_it_is_quiet():
    limit = RateLimit(rate=1000, burst=500)
    assert limit.allow(100, 0.0) == 0.0
    assert limit.allow(50_000, 0.0) == pytest.approx(0.1)
    assert limit.allow(50_000, 0.1) == 0.0
    assert limit.allow(1000, 0.1) == pytest.approx(49.5)


def test_a_delayed_session_keeps_to_the_rate():
    """Each message is written and counted, and the session then stands still for the time that was asked."""
    limit = RateLimit(rate=1000, burst=0)
    now = 0.0
    for _ in range(50):
        wait = limit.allow(700, now)
        if wait:
            limit.charge(700, now)
            now += wait
    assert now == pytest.approx((50 * 700 - 1000) / 1000, rel=0.01)


def test_a_rate_of_zero_lets_the_burst_through_and_then_nothing():
    limit = RateLimit(rate=0, burst=100)
    assert limit.allow(100, 0.0) == 0.0
    assert limit.allow(1, 1e9) == math.inf


def test_a_clock_that_steps_back_frees_nothing():
    limit = RateLimit(rate=1000, burst=0)
    assert limit.allow(1000, 10.0) == 0.0
    assert limit.allow(1000, 5.0) == pytest.approx(1.0)
    assert limit.allow(1000, 10.0) == pytest.approx(1.0)


@given(
    rate=st.integers(1, 10**9),
    burst=st.integers(0, 10**6),
    steps=st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 1)), min_size=1, max_size=60),
)
def test_prop_no_interval_has_more_than_the_bucket_and_the_rate(rate, burst, steps):
    limit = RateLimit(rate, burst)
    now = 0.0
    passed = []
    for size, pause in steps:
        now += pause
        if limit.allow(size, now) == 0.0:
            passed.append((now, size))
    largest = max([rate + burst, *(size for _, size in passed)])
    for first, (begin, _) in enumerate(passed):
        total = 0
        for at, size in passed[first:]:
            total += size
            assert total <= largest + rate * (at - begin) + 1 + total * 1e-9


@given(
    rate=st.integers(1, 10**7),
    burst=st.integers(0, 2**20),
    sizes=st.lists(st.integers(0, 400_000), min_size=1, max_size=50),
    began=st.floats(0, 1e7),
)
def test_prop_who_waits_as_long_as_he_is_told_is_let_through(rate, burst, sizes, began):
    limit = RateLimit(rate, burst)
    now = began
    for size in sizes:
        wait = limit.allow(size, now)
        assert 0 <= wait < math.inf
        if wait:
            now += wait
            assert limit.allow(size, now) == 0.0
