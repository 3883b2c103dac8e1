"""When a host reads its policies again: soon after a change of them, and seldom while only others change things."""

import pytest

from sssd_responder.freeipa.watch import FULL_READ, IN_FLIGHT, SETTLED, Polling, Signs


class Server:
    """A directory whose changes are numbered; `written` are those of policies, by the policy."""

    def __init__(self):
        self.usn, self.written, self.groups, self.policies = 1000, {"old": 5}, frozenset({"web"}), 5
        self.shown = 0

    def last_usn(self):
        return self.usn

    def signs(self, since):
        lately = frozenset((name, usn) for name, usn in self.written.items() if usn >= since)
        self.shown += len(lately)
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


@pytest.mark.parametrize("busy", [False, True])
def test_what_does_not_concern_policies_is_not_read(host, busy):
    assert host.reads(100, busy) == 0


@pytest.mark.parametrize("busy", [False, True])
def test_what_concerns_policies_is_read_at_the_next_look_and_once(host, server, busy):
    def added():
        server.policy_changes()
        server.policies += 1

    def removed():
        server.others_change()
        server.policies -= 1

    def host_left_a_group():
        server.others_change()
        server.groups = frozenset()

    for change in (added, lambda: server.policy_changes("old"), removed, host_left_a_group):
        change()
        assert host.reads(1, busy) == 1
        assert host.reads(30, busy) == 0


def test_changes_one_after_another_are_all_read(host, server):
    for number in range(2 * IN_FLIGHT):
        server.policy_changes(f"p{number % 3}")
        assert host.reads() == 1
    assert host.reads(30) == 0


def test_a_change_that_was_numbered_before_another_and_is_shown_later_is_read(host, server):
    server.usn += 1
    slow = server.usn
    server.policy_changes("quick")
    assert host.reads() == 1
    server.written["slow"] = slow
    assert host.reads() == 1
    assert host.reads(30) == 0


def test_what_was_seen_long_ago_is_not_shown_again_and_again(host, server):
    server.policy_changes()
    host.reads(int(SETTLED / 3) + 2)
    shown = server.shown
    host.reads(100, busy=True)
    assert server.shown == shown


def test_what_was_read_older_than_it_had_been_seen_is_read_again(host, server):
    server.policy_changes()
    shown = server.written["p"]
    assert host.reads() == 1
    host.polling.taken({"p": shown - 4, "old": 5})
    assert host.reads() == 1
    host.polling.taken({"p": shown, "old": 5})
    assert host.reads(10) == 0


def test_what_others_are_concerned_by_is_not_looked_for_in_what_was_read(host, server):
    server.policy_changes()
    assert host.reads() == 1
    host.polling.taken({"old": 5})
    assert host.reads(10) == 0


def test_everything_is_read_now_and_then_whatever_the_signs(host):
    assert host.reads(int(FULL_READ)) == 3


def test_a_server_that_shows_no_signs_is_read_at_every_look(server):
    server.policies = None
    assert Host(server).reads(10) == 10
