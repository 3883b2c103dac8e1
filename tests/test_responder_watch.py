"""When a host reads its policies again: soon after a change, and seldom while only others change things."""

from sssd_responder.watch import BURST, FULL_READ, Polling, Signs


class Server:
    """A directory whose changes are numbered; those that concern the host leave signs."""

    def __init__(self):
        self.usn, self.ours, self.member_of, self.policies, self.looks = 100, [], frozenset({"web"}), 5, 0

    def last_usn(self):
        self.looks += 1
        return self.usn

    def signs(self, since):
        return Signs(sum(usn >= since for usn in self.ours), self.member_of, self.policies)

    def others_change(self):
        self.usn += 7


class Host:
    """One that looks every 3 s."""

    def __init__(self, server):
        self.server, self.now, self.reads = server, 0.0, 0
        self.polling = Polling(server, lambda: self.now)

    def look(self):
        self.now += 3
        if self.polling.due():
            self.polling.reading()
            self.reads += 1
            return True
        return False

    def look_on(self, seconds):
        """The reads while others change things all the time."""
        before = self.reads
        for _ in range(int(seconds // 3)):
            self.server.others_change()
            self.look()
        return self.reads - before


def test_the_first_look_reads_and_a_quiet_directory_is_not_read_again():
    host = Host(Server())
    assert host.look()
    assert not any(host.look() for _ in range(100))


def test_in_a_quiet_directory_any_change_is_read_at_once():
    host = Host(Server())
    host.look()
    for _ in range(5):
        host.server.others_change()
        assert host.look()
        assert not host.look()


def test_in_a_busy_directory_reads_are_as_seldom_as_they_may_be():
    host = Host(Server())
    host.look()
    host.look_on(600)
    assert host.look_on(3600) <= 3600 / FULL_READ + 1


def test_in_a_busy_directory_what_leaves_no_sign_is_read_within_half_a_minute():
    host = Host(Server())
    host.look()
    host.look_on(600)
    for _ in range(20):
        assert host.look_on(FULL_READ + 3) >= 1


def test_in_a_busy_directory_what_concerns_the_host_is_read_at_once():
    server = Server()
    host = Host(server)
    host.look()
    host.look_on(BURST * FULL_READ * 2)

    def changed():
        server.others_change()
        server.ours.append(server.usn)

    def left_a_group():
        server.others_change()
        server.member_of = frozenset()

    def deleted():
        server.others_change()
        server.policies -= 1

    for change in (changed, left_a_group, deleted):
        # Until there is no read left that would notice anything.
        while host.look_on(3):
            pass
        change()
        assert host.look(), change.__name__


def test_after_the_busy_time_the_last_change_is_read_too():
    host = Host(Server())
    host.look()
    host.look_on(600)
    while host.look_on(3):
        pass
    host.server.others_change()
    read = [host.look() for _ in range(int(FULL_READ / 3) + 1)]
    assert sum(read) == 1


def test_changes_while_everything_is_read_are_not_missed():
    server = Server()
    host = Host(server)
    host.look()
    server.others_change()
    assert host.polling.due()
    host.polling.reading()
    server.others_change()
    assert host.look()
