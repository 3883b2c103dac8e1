"""The order in which logins are answered."""

import socket
from collections import Counter

import pytest

from recorder.logins.login_queue import AT_ONCE, WAITING, LoginQueue


@pytest.fixture
def connect():
    """Makes the service's end of a connection; the other stays open."""
    pairs = []

    def one():
        pairs.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        return pairs[-1][0]

    yield one
    for pair in pairs:
        for end in pair:
            end.close()


def test_users_take_turns(connect):
    queue = LoginQueue()
    for uid in (1, 1, 1, 2, 3):
        queue.add(connect(), uid)
    assert [queue.next()[1] for _ in range(5)] == [1, 2, 3, 1, 1]
    assert queue.next() is None


def test_a_user_is_answered_a_few_times_at_once_and_then_as_others_are_done(connect):
    queue = LoginQueue()
    for _ in range(AT_ONCE + 2):
        queue.add(connect(), 1)
    queue.add(connect(), 2)
    answered = Counter()
    while (login := queue.next()) is not None:
        answered[login[1]] += 1
    assert answered == {1: AT_ONCE, 2: 1}
    queue.answered(1)
    assert queue.next()[1] == 1
    assert queue.next() is None


def test_more_than_may_wait_are_not_kept(connect):
    queue = LoginQueue()
    connection = connect()
    assert all(queue.add(connection, 1) for _ in range(WAITING))
    assert not queue.add(connection, 1)
    assert queue.add(connection, 2)


def test_who_has_gone_is_not_answered():
    queue = LoginQueue()
    ours, others = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    queue.add(ours, 1)
    others.close()
    assert queue.next() is None
    assert ours.fileno() == -1
