"""Which process started which, from what audit tells, and from what somebody who lies may have it tell."""

from hypothesis import given
from hypothesis import strategies as st

from auditor.events import events
from auditor.events.process_tree import process_tree
from auditor.recordings.store import Event
from tests.audited import executed, exited, touched


def told(*built):
    return [
        Event(number, fields["sessrec"]["at"], fields["event"]["action"], events.detail(fields))
        for number, fields in enumerate(built, 1)
    ]


def drawn(processes):
    """Nested (pid, programs, children)."""
    return [
        (each.pid, [run.text.rpartition("/")[2] for run in each.runs], drawn(each.children)) for each in processes
    ]


def test_children_stand_below_their_parents():
    tree = process_tree(told(executed(1, 10, 1, "bash"), executed(2, 11, 10, "make"), executed(3, 12, 11, "cc")))
    assert drawn(tree) == [(10, ["bash"], [(11, ["make"], [(12, ["cc"], [])])])]


def test_one_process_that_runs_several_programs_is_one():
    tree = process_tree(told(executed(1, 10, 1, "sudo", "id"), executed(2, 10, 1, "id"), executed(3, 11, 10, "x")))
    assert drawn(tree) == [(10, ["sudo id", "id"], [(11, ["x"], [])])]


def test_a_process_id_that_comes_again_is_another_process():
    tree = process_tree(
        told(
            executed(1, 10, 1, "bash"), executed(2, 11, 10, "one"), executed(3, 12, 11, "child"),
            executed(4, 20, 10, "sh"), executed(5, 11, 20, "two"), executed(6, 13, 11, "grandchild"),
            executed(7, 14, 10, "three"), exited(8, 14, 0), executed(9, 14, 10, "four"),
        )
    )  # fmt: skip
    (bash,) = drawn(tree)
    assert bash[2] == [
        (11, ["one"], [(12, ["child"], [])]),
        (20, ["sh"], [(11, ["two"], [(13, ["grandchild"], [])])]),
        (14, ["three"], []),
        (14, ["four"], []),
    ]


def test_children_of_a_process_that_ran_nothing_stand_together():
    tree = process_tree(told(executed(1, 11, 10, "a"), executed(2, 12, 10, "b"), executed(3, 31, 30, "c")))
    assert drawn(tree) == [(10, [], [(11, ["a"], []), (12, ["b"], [])]), (31, ["c"], [])]


def test_a_subshell_that_runs_a_program_at_last_is_put_where_it_belongs():
    tree = process_tree(told(executed(1, 10, 1, "bash"), executed(2, 12, 11, "a"), executed(3, 11, 10, "b")))
    assert drawn(tree) == [(10, ["bash"], [(11, ["b"], [(12, ["a"], [])])])]


def test_ends_failures_and_other_events_belong_to_their_process():
    failed = executed(2, 11, 10, "no", outcome="failure", error="ENOENT")
    (bash,) = process_tree(
        told(executed(1, 10, 1, "bash"), failed, touched(3, "file-create", "/x", pid=10), exited(9, 10, 3))
    )
    assert (bash.ended, bash.exit_code, bash.files, bash.connections) == (9, 3, 1, 0)
    assert bash.children[0].runs[0].failed


def test_who_claims_to_be_his_own_ancestor_is_not():
    tree = process_tree(told(executed(1, 10, 11, "a"), executed(2, 11, 10, "b"), executed(3, 7, 7, "c")))
    assert drawn(tree) == [(11, ["b"], [(10, ["a"], [])]), (7, ["c"], [])]


STEPS = st.lists(
    st.tuples(st.sampled_from(["exec", "exit", "fail"]), st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)),
    max_size=40,
)


@given(STEPS)
def test_prop_whatever_is_claimed_it_is_a_tree_with_every_program_once(steps):
    built = [
        exited(at, pid, 0)
        if what == "exit"
        else executed(at, pid, parent, "x", outcome="failure" if what == "fail" else "success")
        for what, pid, parent, at in steps
    ]
    reached, runs = set(), 0
    waiting = list(process_tree(told(*built)))
    while waiting:
        process = waiting.pop()
        assert id(process) not in reached
        reached.add(id(process))
        runs += len(process.runs)
        waiting += process.children
    assert runs == sum(what != "exit" for what, *_ in steps)
