"""Records of one event are joined, however they come, and what never becomes whole does not stay."""

from hypothesis import given
from hypothesis import strategies as st

from recorder.audit import assembly
from recorder.audit.assembly import Assembler
from recorder.audit.record import parse_lines
from recorder.audit_service.loss import WINDOW, LostCounter, SerialGaps, lost_event
from tests.auditing import called, executed, line, logs, mixed, path


def records(*lines):
    return parse_lines("".join(lines))[0]


def types(group):
    return [record.type for record in group.records]


def test_an_event_is_given_out_with_its_last_record():
    assembler = Assembler()
    lines = executed(1, [b"x"])
    assert assembler.feed(records(*lines[:-2])) == []
    (group,) = assembler.feed(records(lines[-2]))
    assert types(group) == ["SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE"]
    assert group.whole
    assert assembler.feed(records(lines[-1])) == assembler.finish() == []


def test_the_log_of_auditd_has_no_end_records():
    lines = [each for serial in (1, 2) for each in executed(serial, [b"x"])[:-1]]
    assert len(Assembler().feed(records(*lines))) == 2


def test_what_comes_after_the_last_record_still_belongs_to_the_event():
    syscall, execve, cwd, file, title, end = executed(1, [b"x"])
    for late in (execve, cwd, file):
        assembler = Assembler()
        rest = [each for each in (syscall, execve, cwd, file) if each != late]
        assert assembler.feed(records(*rest, title, end)) == []
        (group,) = assembler.feed(records(late))
        assert len(group.records) == 5


def test_hosts_of_one_log_are_kept_apart():
    lines = [f"node={node} {each}" for each in executed(1, [b"x"]) for node in ("web1", "web2")]
    groups = Assembler().feed(records(*lines))
    assert [{record.node for record in group.records} for group in groups] == [{"web1"}, {"web2"}]


def test_what_stays_incomplete_is_given_out_after_a_while():
    assembler = Assembler()
    assert assembler.feed(records(called(1, 59, items=2, time=1_700_000_000.0))) == []
    assert assembler.feed(records(called(2, 59, items=2, time=1_700_000_001.9))) == []
    (group,) = assembler.feed(records(called(3, 59, items=2, time=1_700_000_002.1)))
    assert (group.records[0].serial, group.whole) == (1, False)
    assert [group.records[0].serial for group in assembler.expire(1_700_000_004.0)] == [2]
    assert [group.records[0].serial for group in assembler.expire(1_600_000_000.0)] == [
        3
    ]  # a clock that was set back


def test_what_waits_is_bounded():
    assembler = Assembler()
    found = []
    for serial in range(3 * assembly.MAX_GROUPS):
        found += assembler.feed(records(called(serial, 59, items=2)))
    assert len(found) == 2 * assembly.MAX_GROUPS
    one = Assembler()
    for _ in range(3):
        one.feed(records(*[path(1, 0, b"x" * 3000, "NORMAL") for _ in range(assembly.MAX_RECORDS)]))
    (group,) = one.finish()
    assert (len(group.records), group.whole) == (assembly.MAX_RECORDS, False)


def test_what_waits_is_bounded_in_size(monkeypatch):
    monkeypatch.setattr(assembly, "MAX_SIZE", 10_000)
    assembler = Assembler()
    given_out = [
        group for serial in range(100) for group in assembler.feed(records(path(serial, 0, b"x" * 3000, "NORMAL")))
    ]
    assert len(given_out) > 95


def test_records_that_are_an_event_each_do_not_wait():
    lines = [line("USER_LOGIN", 1, "pid=1 msg='op=login res=success'"), line("NETFILTER_PKT", 2, "mark=0x0")]
    assert [types(group) for group in Assembler().feed(records(*lines))] == [["USER_LOGIN"], ["NETFILTER_PKT"]]


@given(logs().flatmap(lambda events: st.tuples(st.just(events), mixed(events))), st.integers(1, 7))
def test_prop_interleaved_events_come_out_whole(drawn, size):
    events, lines = drawn
    assembler = Assembler()
    found = []
    for start in range(0, len(lines), size):
        found += assembler.feed(records(*lines[start : start + size]))
    found += assembler.finish()
    told = {group.records[0].serial: [record.line() + "\n" for record in group.records] for group in found}
    assert told == {
        serial: [each for each in event if "type=EOE" not in each] for serial, event in enumerate(events, 1)
    }


@given(logs().flatmap(lambda events: st.permutations([each for event in events for each in event])))
def test_prop_no_order_loses_a_record(lines):
    assembler = Assembler()
    found = assembler.feed(records(*lines)) + assembler.finish()
    told = [record.line() + "\n" for group in found for record in group.records]
    assert sorted(told) == sorted(each for each in lines if "type=EOE" not in each)


def test_serials_that_do_not_come_are_counted_once_nothing_can_be_hoped_for():
    gaps = SerialGaps()
    assert [gaps.seen(serial) for serial in (100, 101, 105, 103)] == [0, 0, 0, 0]
    assert gaps.seen(105 + WINDOW + 1) == 2  # 102 and 104
    assert sum(gaps.seen(serial) for serial in range(106, 105 + WINDOW)) == 0
    assert gaps.seen(5) == 0  # the kernel has started anew
    assert [gaps.seen(serial) for serial in (6, 7)] == [0, 0]


def test_a_leap_of_serials_costs_no_memory():
    gaps = SerialGaps()
    gaps.seen(1)
    assert gaps.seen(10**18) == 10**18 - 2 - WINDOW
    assert len(gaps._missing) <= WINDOW


@given(st.permutations(range(1, 60)), st.sets(st.integers(2, 58)))
def test_prop_what_is_missing_is_counted_whatever_the_order(order, missing):
    gaps = SerialGaps()
    gaps.seen(1)
    lost = sum(gaps.seen(serial) for serial in order if serial not in missing)
    lost += sum(gaps.seen(serial) for serial in range(60, 60 + 2 * WINDOW))
    assert lost == len(missing)


def test_the_kernel_s_counter_of_lost_records_is_followed():
    counter = LostCounter(5)
    assert [counter.update(value) for value in (5, 9, 9, 2)] == [0, 4, 0, 2]
    counter = LostCounter(2**32 - 1)
    assert counter.update(3) == 4
    event = lost_event(4, "the kernel had no room", 1_700_000_000.5)
    assert (event.action, event.time, event.auid) == ("lost", 1_700_000_000.5, None)
    assert event.fields["sessrec"] == {"lost_events": 4, "reason": "the kernel had no room"}
