"""How many logins were recorded, refused and let go on is counted, and a service that is started anew counts on."""

import os
import signal

import pytest

from recorder.logins import tally
from tests.logins import POLICY, Login, made


@pytest.fixture
def host():
    with made() as host:
        yield host


def counted(host, **numbers):
    expected = dict.fromkeys(tally.COUNTED, 0) | numbers
    host.until(lambda: tally.read(host.run) == expected, f"{expected} instead of {tally.read(host.run)}")


def logged_in(host, status=0):
    assert Login(host, "-c", "true").finish() == status


def test_logins_that_are_recorded_are_counted_and_a_service_that_comes_back_counts_on(host):
    host.start()
    logged_in(host)
    counted(host, recorded=1)
    host.stop("recorder", signal.SIGKILL)
    host.start("recorder")
    logged_in(host)
    counted(host, recorded=2)
    assert (host.run / tally.NAME).stat().st_mode & 0o777 == 0o600


def test_a_login_that_is_refused_is_counted_whoever_decided_it(host):
    host.start("recorder")
    logged_in(host, 254)
    counted(host, refused=1)
    host.start("responder")
    host.config.write_text(host.config.read_text() + "session_limit = 1\n")
    host.stop("recorder")
    host.start("recorder")
    first = Login(host)
    first.until("$ ")
    logged_in(host, 254)
    counted(host, refused=2, recorded=1)
    first.send("exit\n")
    first.finish()


def test_a_login_that_goes_on_unrecorded_is_counted():
    with made('sink = "file"\ndirectory = "/dev/full/no"', POLICY + 'on_failure = "allow"\n') as host:
        host.start()
        logged_in(host)
        counted(host, recorded=1, unrecorded=1)


def test_whom_no_policy_records_is_not_counted():
    with made(policies=POLICY.replace('"record"', '"exempt"').replace('audit = ["none"]', "")) as host:
        host.start()
        for _ in range(8):  # what the last word of a login is, is a matter of who is faster
            logged_in(host)
        host.until(lambda: not host.forked(), "the logins have ended")
        counted(host)


def test_a_session_whose_recorder_dies_is_counted_as_failed(host):
    host.start()
    login = Login(host)
    login.until("$ ")
    [worker] = host.workers()
    os.kill(worker, signal.SIGKILL)
    login.finish()
    counted(host, recorded=1, failed=1)


def test_a_file_that_holds_something_else_counts_from_nothing(tmp_path):
    (tmp_path / tally.NAME).write_text('{"recorded": "many", "refused": 3')
    assert tally.read(tmp_path) == dict.fromkeys(tally.COUNTED, 0)
    (tmp_path / tally.NAME).write_text('{"recorded": "many", "refused": 3}')
    assert tally.read(tmp_path)["refused"] == 3
    made = tally.Tally(tmp_path)
    made.count(tally.REFUSED)
    made.keep()
    assert tally.read(tmp_path)["refused"] == 4
