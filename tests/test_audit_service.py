"""What the processes of a recorded session do is in its recording and in no other: by this machine's own kernel."""

import os
import signal
import time
from pathlib import Path

import pytest

from auditor.verify import Verdict, verify
from recorder.audit_service.netlink_source import NetlinkSource
from recorder.keys.signing_key import load
from tests.audited_logins import POLICIES, audited, lines, numbers
from tests.logins import OTHER, USER
from tests.test_login_sleep import sleeps


@pytest.fixture
def host():
    with audited() as host:
        yield host


def rec_of(host, uid=USER):
    (session,) = [one for one in host.host.live() if one["uid"] == uid]
    return session["rec"]


def left(host, login):
    login.send("exit\n")
    assert login.finish() == 0
    host.host.ended()


def verdict(host, rec):
    key = load(host.host.state / "key.pem").public
    return verify(lines(host.host.recordings / f"{rec}.jsonl"), [key]).verdict


def test_what_a_session_runs_is_in_its_recording_soon_and_in_no_other(host):
    alice, bob = host.shell(), host.shell(OTHER)
    mine, others = rec_of(host), rec_of(host, OTHER)
    alice.run("/bin/true alices 'two words'")
    bob.run("/bin/true bobs")
    host.until_ran("/bin/true", "alices", "two words", rec=mine, patience=3)
    host.until_ran("/bin/true", "bobs", rec=others, patience=3)
    for login in (alice, bob):
        login.send("/bin/true last; exit\n")
        assert login.finish() == 0
    host.host.ended()
    assert ["/bin/true", "bobs"] not in host.ran(mine)
    assert "alices" not in str(host.ran(others))
    for rec in (mine, others):
        assert ["/bin/true", "last"] in host.ran(rec)
        assert verdict(host, rec) is Verdict.COMPLETE
    assert host.backgrounds() == []
    [event] = [one for one in host.events(mine) if one.fields["process"]["args"][1:2] == ["alices"]]
    assert event.fields["process"]["executable"] == os.path.realpath("/bin/true")
    assert 0 <= event.fields["sessrec"]["at"] <= event.pos


def test_a_command_that_is_over_at_once_has_its_events_before_its_end(host):
    for number in range(3):
        assert host.command(f"/bin/true {number}").returncode == 0
    host.host.ended()
    for number in range(3):
        host.until_ran("/bin/true", str(number))
    assert host.backgrounds() == []
    for path in host.host.recordings.glob("*.jsonl"):
        assert verdict(host, path.stem) is Verdict.COMPLETE
        assert len([args for args in host.ran(path.stem) if args[0] == "/bin/true"]) == 1


def test_sessions_that_share_a_connection_have_each_their_own_events(host):
    text = "for i in 1 2 3 4; do /bin/true {0} $i; sh -c '/bin/true {0} below; sleep 0.2'; done"
    names = ("first", "second", "third")
    host.connection(*map(text.format, names))
    host.host.ended()
    recs = {path.stem for path in host.host.recordings.glob("*.jsonl")} - set(host.backgrounds())
    seen = {}
    for rec in recs:
        told = [args[1:] for args in host.ran(rec) if args[0] == "/bin/true"]
        [name] = {args[0] for args in told}
        assert sorted(told) == sorted([[name, str(i)] for i in range(1, 5)] + [[name, "below"]] * 4)
        # The login shell that it began with is its own as well.
        assert [args[-1] for args in host.ran(rec) if args[0] == "setpriv"] == [text.format(name)]
        seen[name] = rec
    assert set(seen) == set(names)


def test_events_stand_among_the_bytes_of_a_command_that_is_copied():
    with audited(POLICIES + 'capture = ["output", "command-bytes"]\n') as host:
        host.command("for i in 1 2 3 4 5; do echo $i; echo $i >&2; /bin/sleep 0.15; done")
        host.host.ended()
        (path,) = host.host.recordings.glob("*.jsonl")
        assert host.ran(path.stem).count(["/bin/sleep", "0.15"]) == 5
        assert verdict(host, path.stem) is Verdict.COMPLETE


def test_what_outlives_its_session_has_a_recording_of_its_own(host):
    go = host.host.base / "home/go"
    host.command(f"setsid sh -c 'until test -e {go}; do sleep 0.1; done; /bin/true later' >/dev/null 2>&1 &")
    host.host.ended()
    (session,) = host.host.recordings.glob("*.jsonl")
    assert verdict(host, session.stem) is Verdict.COMPLETE
    go.touch()
    host.until_ran("/bin/true", "later")
    assert ["/bin/true", "later"] not in host.ran(session.stem)
    (background,) = host.backgrounds()
    (start,) = host.events(background, "session-start")
    assert start.fields["sessrec"]["after"] == session.stem
    assert (start.user, start.host) == ("recorded", "host.example.test")
    assert host.stop() == 0
    assert verdict(host, background) is Verdict.COMPLETE


def test_a_session_that_sleeps_is_woken_for_its_events_and_sleeps_again():
    with audited(more="idle = 0.5") as host:
        login = host.shell()
        login.send("(until test -e ~/go; do read -t 0.1 </dev/ptmx; done; /bin/true woken; exec sleep 1000) &\n")
        (session,) = host.host.live()
        sleeps(host.host, session["worker"])
        (host.host.base / "home/go").touch()
        host.until_ran("/bin/true", "woken", rec=session["rec"])
        sleeps(host.host, session["worker"])
        login.send("kill %1; exit\n")
        login.finish()
        host.host.ended()
        assert verdict(host, session["rec"]) is Verdict.COMPLETE


def test_without_the_audit_service_a_session_ends_at_once():
    with audited(start=False) as host:
        began = time.monotonic()
        assert host.command("true").returncode == 0
        host.host.ended()
        assert time.monotonic() - began < 10
        (rec,) = [path.stem for path in host.host.recordings.glob("*.jsonl")]
        assert verdict(host, rec) is Verdict.COMPLETE


def test_an_audit_service_that_hangs_costs_the_end_of_a_session_a_second(host):
    os.kill(host.service.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert host.command("true").returncode == 0
        assert time.monotonic() - began < 1
        host.host.ended()
        assert time.monotonic() - began < 10
    finally:
        os.kill(host.service.pid, signal.SIGCONT)


def test_who_has_his_terminal_back_has_it_from_a_recorder_that_is_done_with_it(host):
    login = host.shell()
    os.kill(host.service.pid, signal.SIGSTOP)
    try:
        login.send("exit\n")
        # As su does, whose caller has his prompt then and may call it again.
        host.host.until(lambda: not Path(f"/proc/{login.pid}").exists(), "its shell has ended")
        began = time.monotonic()
        host.host.ended()
        assert time.monotonic() - began < 0.9
    finally:
        os.kill(host.service.pid, signal.SIGCONT)
    assert login.finish() == 0


def test_nothing_is_told_twice_and_what_was_missed_is_told_when_the_service_is_killed(host):
    login = host.shell()
    rec = rec_of(host)
    login.run("/bin/true before")
    host.until_ran("/bin/true", "before", rec=rec)
    time.sleep(1.2)
    host.stop(signal.SIGKILL)
    login.run("/bin/true meanwhile")
    host.start()
    login.run("/bin/true afterwards")
    host.until_ran("/bin/true", "afterwards", rec=rec)
    host.host.until(lambda: host.events(rec, "lost"), "the loss is told")
    [lost] = host.events(rec, "lost")
    assert lost.fields["sessrec"]["lost_events"] >= 1
    assert lost.fields["sessrec"]["reason"] == "the audit service was away"
    left(host, login)
    assert len(set(numbers(host.events(rec)))) == len(host.events(rec))
    assert host.status()["lost"] >= 1


def test_nothing_is_lost_by_a_restart_where_systemd_holds_the_socket():
    with audited(start=False) as host:
        kept = NetlinkSource(lambda serial, at: None)
        try:
            host.start(descriptor=kept.descriptor)
            login = host.shell()
            rec = rec_of(host)
            for number in range(10):
                login.run(f"/bin/true {number}")
            assert host.stop() == 0
            login.run("/bin/true meanwhile")
            host.start(descriptor=kept.descriptor)
            login.run("/bin/true afterwards")
            host.until_ran("/bin/true", "afterwards", rec=rec)
            time.sleep(1.5)
            left(host, login)
        finally:
            kept.close()
        ran = [args[1] for args in host.ran(rec) if args[0] == "/bin/true"]
        assert ran == [*map(str, range(10)), "meanwhile", "afterwards"]
        assert host.events(rec, "lost") == []


def test_a_flood_arrives_whole_while_the_keyboard_is_served(host):
    login = host.shell()
    rec = rec_of(host)
    login.send("(echo BEG''INS; for i in $(seq 600); do /bin/true $i; done; echo FLO''OD)\n")
    login.until("BEGINS")
    waits = []
    while b"FLOOD" not in login.seen:
        began = time.monotonic()
        login.send("x")
        login.until("x")
        waits.append(time.monotonic() - began)
        time.sleep(0.02)
    login.send("\x15")
    left(host, login)
    ran = [int(args[1]) for args in host.ran(rec) if args[0] == "/bin/true"]
    assert ran == list(range(1, 601))
    assert host.events(rec, "lost") == []
    assert sorted(waits)[len(waits) // 2] < 0.5
    assert verdict(host, rec) is Verdict.COMPLETE


def test_when_a_worker_is_killed_other_sessions_have_their_events(host):
    alice, bob = host.shell(), host.shell(OTHER)
    keepers = {one["uid"]: one["worker"] for one in host.host.live()}
    os.kill(keepers[USER], signal.SIGKILL)
    alice.finish()
    bob.run("/bin/true bobs")
    host.until_ran("/bin/true", "bobs", rec=rec_of(host, OTHER))
    left(host, bob)
    assert host.status()["source"] == "netlink"


def test_without_the_right_to_read_records_that_is_said_once_and_sessions_are_recorded():
    with audited(start=False) as host:
        host.start("setpriv", "--bounding-set=-audit_read,-audit_control")
        assert host.command("true").returncode == 0
        host.host.ended()
        said = host.status()
        assert said["source"] == ""
        assert "does not let this container, or this process, read audit records" in said["problem"]
        assert host.log.read_text().count("does not let") == 1


def test_only_the_recorder_and_root_may_ask(host):
    asked = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1])"
    for name in ("audit.socket", "audit-records.socket"):
        done = host.command(f"python3 -c '{asked}' {host.host.run}/{name}")
        assert b"PermissionError" in done.stderr
