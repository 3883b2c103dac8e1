"""Logins on a recorded host, by the real recorder service, responder and login shell."""

import pytest

from auditor.verify import Verdict, verify
from recorder.formats.message import Output, parse
from recorder.keys.signing_key import load
from tests.logins import Login, made
from tests.recorded import lines_of


@pytest.fixture
def host():
    with made() as host:
        yield host


def test_a_recorded_session_is_exact_and_proven(host):
    host.start()
    login = Login(host)
    login.until("$ ")
    login.send("echo needle; exit 7\n")
    assert login.finish() == 7
    host.ended()
    lines = lines_of(host.recording())
    assert b"".join(p.data for line in lines for p in parse(line).packets if isinstance(p, Output)) == login.seen
    assert b"needle" in login.seen
    first, last = parse(lines[0]), parse(lines[-1])
    assert (first.user, first.host) == ("recorded", "host.example.test")
    assert last.fields["process"]["exit_code"] == 7
    assert verify(lines, [load(host.state / "key.pem").public]).verdict is Verdict.COMPLETE
