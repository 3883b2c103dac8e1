"""A whole session recorded into a journal that is stopped and started again in the middle, and found from there."""

import subprocess

import pytest

from auditor.verify import Verdict, verify
from recorder.formats.message import Output, parse
from recorder.keys.signing_key import load
from tests.journald import running_journald
from tests.recorded import SESSREC, OnTerminal, environment


@pytest.fixture
def journald():
    with running_journald() as daemon:
        yield daemon


def rec(home, journald, *command, options=()):
    sink = ["--sink", "journald", "--journal-namespace", journald.namespace]
    return OnTerminal([*SESSREC, "rec", *sink, *options, "--", *command], home)


def test_a_session_outlives_a_journald_that_is_stopped_and_started_again(tmp_path, journald):
    script = "echo before; read x; echo while stopped; read x; echo after; read x; exit 5"
    session = rec(tmp_path, journald, "sh", "-c", script)
    session.until(b"before")
    journald.stop()
    session.send(b"\r")
    session.until(b"while stopped")
    # Longer than a message may wait, so that one was tried and refused.
    session.send(b"")
    subprocess.run(["sleep", "1.5"], check=True)
    journald.start()
    session.send(b"\r")
    session.until(b"after")
    session.send(b"\r")
    assert session.finish() == 5

    lines = journald.messages()
    printed = b"".join(p.data for line in lines for p in parse(line).packets if isinstance(p, Output))
    assert printed == session.seen
    key = load(tmp_path / "data" / "session-recording" / "key.pem").public
    assert verify(lines, [key]).verdict is Verdict.COMPLETE


def test_a_recording_is_found_from_the_journal(tmp_path, journald):
    assert rec(tmp_path, journald, "printf", r"need\033[31mle in the journal\n").finish() == 0
    journald.entries()  # synchronises

    def sessrec(*arguments):
        done = subprocess.run([*SESSREC, *arguments], env=environment(tmp_path), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    sessrec("ingest", "--journal", "--namespace", journald.namespace)
    assert b"needle in the journal" in sessrec("search", "needle")


def test_without_a_journal_the_session_is_refused_or_goes_on_as_the_policy_says(tmp_path, journald):
    journald.stop()
    options = ["--spool", "0"]
    denied = rec(tmp_path, journald, "sh", "-c", "sleep 1; echo NEVER", options=options)
    assert denied.finish() == 254
    assert b"NEVER" not in denied.seen
    assert b"the session ends here" in denied.seen
    allowed = rec(tmp_path, journald, "sh", "-c", "echo goes on", options=[*options, "--on-failure", "allow"])
    assert allowed.finish() == 0
    assert b"goes on" in allowed.seen
