"""Who somebody is, when SSSD answers, when it does not, and when he is of the system."""

import os
import pwd
import time

import pytest

from recorder.configuration.host_settings import HostSettings
from sssd_responder.decisions import identity
from sssd_responder.decisions.identity import LOGIN_SHELL, Identities, IdentityError, SourceError, User
from sssd_responder.decisions.system_users import FileUsers, NssUsers
from sssd_responder.freeipa.last_known import LastKnown

ALICE = User("alice", 70001, frozenset({"staff", "not-posix"}), "/bin/zsh", "/home/alice")


class Sssd:
    """SSSD, of which `problem` is raised if it is set, after `wait` seconds."""

    def __init__(self, *users):
        self.users, self.problem, self.wait, self.asked = users, None, 0.0, 0

    def by_uid(self, uid):
        return self._found("uid", uid)

    def by_name(self, name):
        return self._found("name", name)

    def _found(self, attribute, value):
        self.asked += 1
        time.sleep(self.wait)
        if self.problem:
            raise self.problem
        return next((user for user in self.users if getattr(user, attribute) == value), None)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "passwd").write_text(
        f"root:x:0:0:root:/root:/bin/bash\nlocal:x:1000:100::/home/local:{LOGIN_SHELL}\n"
        "# comment\nbroken:x\nalso:x:x:x:::\nplain:x:1001:1001::/home/plain:\n"
    )
    (tmp_path / "group").write_text("users:x:100:\nsudo:x:27:plain,local\nother:x:28:locally\n")
    return FileUsers(str(tmp_path / "passwd"), str(tmp_path / "group"))


@pytest.fixture
def memory(tmp_path):
    return LastKnown(str(tmp_path / "last-known.json"), "h.lab.test")


def identities(files, memory, sssd, **settings):
    return Identities(sssd, files, NssUsers(), memory, HostSettings(settings))


def test_a_user_of_sssd_has_his_real_shell_and_all_groups(files, memory):
    assert identities(files, memory, Sssd(ALICE)).by_uid(70001) == ALICE
    assert identities(files, memory, Sssd(ALICE)).by_name("alice") == ALICE


def test_a_login_asks_sssd_once(files, memory):
    sssd = Sssd(ALICE)
    known = identities(files, memory, sssd)
    assert known.by_uid(70001) == known.by_uid(70001) == ALICE
    assert sssd.asked == 1


def test_what_changes_in_sssd_is_seen_at_the_next_login(files, memory, monkeypatch):
    monkeypatch.setattr(identity, "FRESH", 0.0)
    sssd = Sssd(ALICE)
    known = identities(files, memory, sssd)
    known.by_uid(70001)
    sssd.users = (User("alice", 70001, frozenset({"contractors"}), "/bin/sh", "/home/alice"),)
    assert known.by_uid(70001).groups == {"contractors"}
    sssd.users = ()
    with pytest.raises(IdentityError, match="there is no user with the number 70001"):
        known.by_uid(70001)


def test_a_local_user_has_the_shell_and_the_groups_of_the_files(files, memory):
    known = identities(files, memory, Sssd(), shells={"local": "/bin/dash"}, shell="/bin/fallback")
    assert known.by_uid(0).shell == "/bin/bash"
    assert known.by_uid(1000) == User("local", 1000, frozenset({"users", "sudo"}), "/bin/dash", "/home/local")
    assert known.by_uid(1001) == User("plain", 1001, frozenset({"sudo"}), "/bin/sh", "/home/plain")


def test_the_login_shell_is_nobodys_real_shell(files, memory):
    looped = User("eve", 70002, frozenset(), LOGIN_SHELL, "/home/eve")
    unset = User("bob", 70003, frozenset(), "", "/home/bob")
    known = identities(files, memory, Sssd(looped, unset), shell="/bin/fallback")
    assert [known.by_uid(uid).shell for uid in (1000, 70002, 70003)] == ["/bin/fallback"] * 3


def test_somebody_in_files_and_in_sssd_has_the_groups_of_both(files, memory):
    known = identities(files, memory, Sssd(User("local", 1000, frozenset({"contractors"}), "/bin/zsh", "/home/x")))
    assert known.by_uid(1000).groups == {"users", "sudo", "contractors"}


def test_somebody_in_files_gets_no_groups_of_his_namesake_in_sssd(files, memory):
    known = identities(files, memory, Sssd(User("local", 70009, frozenset({"contractors"}), "/bin/zsh", "/home/x")))
    assert (known.by_name("local").uid, known.by_name("local").groups) == (1000, {"users", "sudo"})


def test_while_sssd_hangs_its_users_are_as_they_were_and_nobody_waits_long(files, memory, monkeypatch):
    monkeypatch.setattr(identity, "FRESH", 0.0)
    monkeypatch.setattr(identity, "ASK_LIMIT", 1.0)
    sssd = Sssd(ALICE)
    known = identities(files, memory, sssd)
    known.by_uid(70001)
    sssd.wait = 2.5
    begun = time.monotonic()
    assert known.by_uid(70001) == ALICE
    assert known.by_uid(1000).name == "local"
    assert known.by_uid(70001) == ALICE
    # Only the first of them waited for SSSD.
    assert time.monotonic() - begun < 1.9
    assert known.status()["error"].startswith("SSSD has not answered within 1.0 s")


def test_whom_sssd_may_know_and_nobody_remembers_is_not_guessed_at(files, memory):
    sssd = Sssd(ALICE)
    sssd.problem = SourceError("SSSD cannot be asked: Connection refused")
    with pytest.raises(IdentityError, match="number 70001 is not known: SSSD cannot be asked: Connection refused"):
        identities(files, memory, sssd).by_uid(70001)


def test_sssd_is_asked_again_when_it_is_back(files, memory, monkeypatch):
    monkeypatch.setattr(identity, "FRESH", 0.0)
    monkeypatch.setattr(identity, "PAUSE", 0.1)
    sssd = Sssd(ALICE)
    known = identities(files, memory, sssd)
    known.by_uid(70001)
    sssd.problem = SourceError("gone")
    assert known.by_uid(70001) == ALICE
    sssd.problem, sssd.users = None, (User("alice", 70001, frozenset(), "/bin/new", "/home/alice"),)
    time.sleep(0.15)
    assert known.by_uid(70001).shell == "/bin/new"
    assert known.status()["error"] == ""


def test_a_restarted_responder_knows_users_while_sssd_is_away(files, memory, tmp_path):
    identities(files, memory, Sssd(ALICE)).by_uid(70001)
    memory.close()
    again = LastKnown(str(tmp_path / "last-known.json"), "h.lab.test")
    again.load()
    sssd = Sssd()
    sssd.problem = SourceError("SSSD is starting")
    assert identities(files, again, sssd).by_uid(70001) == ALICE
    assert identities(files, again, sssd).by_name("alice") == ALICE


def test_root_does_not_wait_for_sssd(files, memory):
    sssd = Sssd()
    sssd.wait = 5
    begun = time.monotonic()
    assert identities(files, memory, sssd).by_uid(0).name == "root"
    assert time.monotonic() - begun < 1
    assert sssd.asked == 0


def test_without_sssd_all_of_nss_counts(memory):
    sssd = Sssd()
    sssd.problem = SourceError("not here", absent=True)
    nowhere = FileUsers("/nonexistent", "/nonexistent")
    me = pwd.getpwuid(os.geteuid())
    user = identities(nowhere, memory, sssd).by_uid(os.geteuid())
    assert (user.name, user.uid, user.shell, user.home) == (me.pw_name, me.pw_uid, me.pw_shell, me.pw_dir)
    assert user.groups
    with pytest.raises(IdentityError, match="there is no user with the name '0'"):
        identities(nowhere, memory, sssd).by_name("0")
