"""When a host reads its policies again: soon after a change of them, and seldom while only others change things."""

import pytest

from sssd_responder.watch import FULL_READ, IN_FLIGHT, Polling, Signs


class Server:
    """A directory whose changes are numbered; `written` are those of policies, by the policy."""

    def __init__(self):
        self.usn, self.written, self.groups, self.policies = 1000, {"old": 5}, frozenset({"web"}), 5
        self.shows, self.looks = True, 0

    def last_usn(self):
        return self.usn

    def signs(self, since):
        self.looks += 1
        if not self.shows:
            return Signs(frozenset(), self.groups, None)
        lately = frozenset((name, str(usn)) for name, usn in self.written.items() if usn >= since)
        return Signs(lately, self.groups, self.policies)

    def others_change(self):
        self.usn += 7

    def policy_changes(self, name="p"):
        self.usn += 1
        self.written[name] = self.usn


class Host:
    """One that looks every 3 s."""

    def __init__(self, server):
        self.server, self.now = server, 0.0
        self.polling = Polling(server, lambda: self.now)

    def reads(self, looks=1, busy=False):
        """How often it reads in so many looks, between which others may change things."""
        read = 0
        for _ in range(looks):
            self.now += 3
            if busy:
                self.server.others_change()
            read += self.polling.due()
        return read


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def host(server):
    host = Host(server)
    assert host.reads() == 1
    return host


def test_a_quiet_directory_is_neither_read_nor_looked_at(host, server):
    host.reads(2)
    looks = server.looks
    assert host.reads(1000) == 0
    assert server.looks == looks


def test_what_others_change_is_not_read(host):
    assert host.reads(100, busy=True) == 0


@pytest.mark.parametrize("busy", [False, True])
def test_what_concerns_policies_is_read_at_the_next_look_and_once(host, server, busy):
    def removed():
        server.others_change()
        server.policies -= 1

    def host_left_a_group():
        server.others_change()
        server.groups = frozenset()

    for change in (server.policy_changes, lambda: server.policy_changes("old"), removed, host_left_a_group):
        host.reads(10, busy)
        change()
        assert host.reads(1, busy) == 1
        assert host.reads(10, busy) == 0


def test_changes_one_after_another_are_all_read(host, server):
    for _ in range(20):
        server.policy_changes()
        assert host.reads() == 1


def test_a_change_that_is_numbered_before_it_is_shown_is_read_when_it_is_shown(host, server):
    server.usn += 1
    assert host.reads() == 0
    server.written["slow"] = server.usn
    assert host.reads() == 1
    server.usn += 1
    number = server.usn
    server.usn += IN_FLIGHT
    assert host.reads() == 0
    server.written["slower"] = number
    assert host.reads(2) == 1


def test_in_a_busy_directory_everything_is_read_now_and_then_whatever_the_signs(host):
    assert host.reads(int(FULL_READ), busy=True) == 3


def test_a_directory_that_shows_no_signs_is_read_after_each_change(server):
    server.shows = False
    host = Host(server)
    host.reads(2)
    assert host.reads(10) == 0
    server.others_change()
    assert host.reads() == 1
    assert host.reads(10) <= 1
