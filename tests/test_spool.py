"""A sink that fails for a while: nothing is lost, doubled or out of order within the bound."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.sinks.file_sink import FileSink
from recorder.sinks.sink import SinkError
from recorder.sinks.spool import PATIENCE, Spool
from tests.failing_sink import FailingSink

LINES = [b"message %d\n" % n for n in range(12)]


def write_all(spool, lines=LINES):
    for n, line in enumerate(lines):
        spool.write([line[:3], line[3:]], rec="r", kind="event" if n % 3 == 0 else "io")


class Clock:
    """Time that passes only when it is slept away."""

    def __init__(self):
        self.at = 100.0
        self.pauses = []

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.at += seconds


@pytest.mark.parametrize("at", range(1, len(LINES) + 1))
@pytest.mark.parametrize("times", [1, 2, 7])
@pytest.mark.parametrize("partial", [0, 4])
def test_a_sink_that_fails_at_any_message_loses_none(tmp_path, at, times, partial):
    sink = FailingSink(FileSink(str(tmp_path / "a")), at=at, times=times, partial=partial)
    clock = Clock()
    spool = Spool(sink, 10_000, now=clock.now, sleep=clock.sleep)
    write_all(spool)
    assert spool.close(60.0)
    assert sink.failures == times
    assert (tmp_path / "a").read_bytes() == b"".join(LINES)
    assert sink.kinds == ["event", "io", "io"] * 4


def test_messages_wait_in_order_while_the_sink_fails():
    sink = FailingSink(at=3, times=None)
    spool = Spool(sink, 10_000)
    write_all(spool)
    assert sink.lines == LINES[:2]
    assert spool.pending_messages == 10
    assert spool.pending_bytes == len(b"".join(LINES[2:]))
    assert spool.last_error.errno == errno.ENOSPC
    assert not spool.retry()
    sink.at = 0
    assert spool.retry()
    assert sink.lines == LINES
    assert spool.pending_bytes == 0
    assert spool.last_error is None


def test_nothing_more_is_accepted_when_the_spool_is_full():
    sink = FailingSink(at=1, times=None)
    spool = Spool(sink, 25)
    assert spool.accepts(10)
    spool.write([b"123456789\n"], rec="r", kind="io")
    assert spool.accepts(15)
    assert not spool.accepts(16)
    sink.at = 0
    assert spool.accepts(16)
    assert sink.lines == [b"123456789\n"]


def test_one_message_may_be_larger_than_the_spool():
    sink = FailingSink(at=1, times=None)
    spool = Spool(sink, 5)
    assert spool.accepts(1000)
    spool.write([b"x" * 999, b"\n"], rec="r", kind="io")
    assert spool.pending_bytes == 1000
    assert not spool.accepts(1)


def test_a_failure_is_told_once_until_the_sink_works_again():
    told = []
    sink = FailingSink(at=1, times=None)
    spool = Spool(sink, 10_000, on_error=told.append)
    write_all(spool)
    assert [error.errno for error in told] == [errno.ENOSPC]
    sink.at = 0
    assert spool.retry()
    sink.at, sink.number = 1, errno.EIO
    write_all(spool)
    assert [error.errno for error in told] == [errno.ENOSPC, errno.EIO]


def test_the_end_of_a_session_waits_for_a_failing_sink_only_so_long():
    sink = FailingSink(at=1, times=None)
    clock = Clock()
    spool = Spool(sink, 10_000, now=clock.now, sleep=clock.sleep)
    write_all(spool)
    before = sink.writes
    assert not spool.close(3.0)
    assert clock.at == pytest.approx(103.0)
    assert sink.writes - before == len(clock.pauses) + 1 < 30
    assert sink.closed
    assert spool.pending_messages == len(LINES)


def test_the_end_of_a_session_without_trouble_waits_for_nothing():
    clock = Clock()
    sink = FailingSink()
    spool = Spool(sink, 0, now=clock.now, sleep=clock.sleep)
    write_all(spool)
    assert spool.close(3.0)
    assert not clock.pauses
    assert sink.lines == LINES


class Slow(FailingSink):
    """Takes `per_pause` messages, and then none until its user has slept."""

    def __init__(self, clock, per_pause):
        super().__init__()
        self.clock = clock
        self.per_pause = per_pause

    def write(self, parts, *, rec, kind):
        if len(self.lines) >= self.per_pause * (1 + len(self.clock.pauses)):
            raise SinkError("busy", errno.EAGAIN)
        super().write(parts, rec=rec, kind=kind)


def test_a_flood_of_output_is_slowed_down_to_a_busy_daemon_and_not_cut():
    clock = Clock()
    sink = Slow(clock, per_pause=1)
    spool = Spool(sink, 200, now=clock.now, sleep=clock.sleep)
    lines = [b"%099d\n" % n for n in range(5000)]
    for line in lines:
        assert spool.accepts(len(line))
        spool.write([line], rec="r", kind="io")
        assert spool.pending_bytes <= 200
    assert sum(clock.pauses) > 2 * PATIENCE
    assert spool.close(60.0)
    assert sink.lines == lines


def test_a_daemon_that_hangs_is_waited_for_once():
    clock = Clock()
    sink = FailingSink(at=1, times=None, number=errno.EAGAIN)
    spool = Spool(sink, 200, now=clock.now, sleep=clock.sleep)
    write_all(spool, [b"x" * 200])
    assert not spool.accepts(1)
    assert clock.at == pytest.approx(100.0 + PATIENCE)
    assert not any(spool.accepts(1) for _ in range(10))
    assert clock.at == pytest.approx(100.0 + PATIENCE)
    sink.at = 0
    assert spool.accepts(1)


def test_a_full_disk_is_not_waited_for():
    clock = Clock()
    spool = Spool(FailingSink(at=1, times=None), 200, now=clock.now, sleep=clock.sleep)
    write_all(spool, [b"x" * 200])
    assert not spool.accepts(1)
    assert not clock.pauses


def test_a_loss_that_shows_only_at_closing_is_told():
    class Delayed(FailingSink):
        def close(self):
            raise SinkError("the server is gone", errno.EIO)

    spool = Spool(Delayed(), 0)
    write_all(spool)
    assert not spool.close(0.0)
    assert spool.last_error.errno == errno.EIO


@given(
    limit=st.integers(0, 200),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.booleans()), max_size=60),
)
def test_prop_what_is_accepted_arrives_once_in_order_and_the_bound_holds(limit, steps):
    sink = FailingSink()
    spool = Spool(sink, limit)
    written = []
    for fails, size, retries in steps:
        sink.at, sink.times = (1, None) if fails else (0, 0)
        if retries:
            spool.retry()
        if spool.accepts(size):
            line = b"%04d" % len(written) + b"x" * size
            spool.write([line[:size]], rec="r", kind="io")
            written.append(line[:size])
        assert spool.pending_bytes <= limit or spool.pending_messages == 1
        assert sum(map(len, sink.lines)) + spool.pending_bytes == sum(map(len, written))
        assert sink.lines == written[: len(sink.lines)]
    sink.at = 0
    assert spool.retry()
    assert sink.lines == written
