"""The clock of a host jumps while sessions are recorded, as at a correction or by somebody's hand."""

import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.verify import Verdict, verify
from recorder.keys.signing_key import load
from tests.logins import Login, made
from tests.peers import needs
from tests.recorded import lines_of, messages_of, output_of

SOON = "idle = 0.5\nlatency = 0.1\nsign_interval = 0.2"


SOURCE = Path(__file__).with_name("jumping_clock.c")


class Clock:
    """What the services take for the time of day: a real clock cannot be set without setting everybody's.

    The monotonic clock, which nothing sets, is as it is.
    """

    def __init__(self, base: Path) -> None:
        library, self._file = base / "jumping_clock.so", base / "clock"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
        self.set(timedelta())
        self.variables = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(self._file)}

    def set(self, ahead: timedelta) -> None:
        self._file.write_text(f"{ahead.total_seconds():.0f}\n")
        self._file.chmod(0o644)


@pytest.fixture
def host():
    with made(more=SOON) as host:
        yield host


@needs("gcc")
@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=400)], ids=["back", "ahead"])
def test_a_session_goes_on_in_order_and_whole_when_the_clock_jumps(host, jump):
    clock = Clock(host.base)
    host.variables = clock.variables
    host.start()
    login = Login(host)
    login.until("$ ")
    login.run("echo before")
    clock.set(jump)
    login.run("echo after")
    # A worker that was made after the jump goes on as well.
    time.sleep(1)
    login.run("echo later")
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    messages = messages_of(host.recording())
    assert output_of(host.recording()) == login.seen
    assert verify(lines_of(host.recording()), [load(host.state / "key.pem").public]).verdict is Verdict.COMPLETE
    # Its times go on from where they began, whatever the clock says now.
    now = datetime.now(UTC).timestamp()
    assert all(now - 60 < message.time < now + 60 for message in messages)
    assert messages[-1].fields["event"]["duration"] < 60e9


@needs("gcc")
@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=400)], ids=["back", "ahead"])
def test_who_logs_in_after_the_clock_has_jumped_is_recorded_as_before(host, jump):
    clock = Clock(host.base)
    host.variables = clock.variables
    host.start()
    clock.set(jump)
    login = Login(host)
    login.until("$ ")
    began = datetime.now(UTC) + jump
    assert login.run("echo on") == "on"
    login.send("exit\n")
    assert login.finish() == 0
    host.ended()
    first = messages_of(host.recording())[0]
    assert abs(first.time - began.timestamp()) < 60
    assert output_of(host.recording()) == login.seen
