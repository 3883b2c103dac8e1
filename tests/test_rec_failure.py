"""What becomes of a session and its recording when the recording cannot be stored."""

import os
import resource
import signal
import time

import pytest

from auditor.verify import Verdict, verify
from recorder.capture.copy_loop import Capture, Limits
from recorder.capture.log import RecordingFailed
from recorder.capture.session import Session, header
from recorder.capture.session_process import Child
from recorder.capture.signals import Signals
from recorder.formats.encoder import Encoder
from recorder.formats.message import Output, parse
from recorder.sinks.file_sink import FileSink
from recorder.sinks.spool import Spool
from tests.failing_sink import FailingSink
from tests.recorded import actions_of, lines_of, messages_of, output_of, record
from tests.sealing import key_of

KEY = key_of(created=0)
TEXTS = [b"first \xff line\r\n", b"second\r\n", "d\u00e9j\u00e0 \u65e5\r\n".encode(), b"\x1b[31mred\x1b[0m\r\n"] * 4


@pytest.fixture
def home(tmp_path):
    return tmp_path


def record_texts(sink, *, deny, spool, closing=0.0):
    """A recording of TEXTS through `sink`, a message each; what the terminal printed of them before it failed."""
    session = Session(header("rec1"), Spool(sink, spool), deny=deny, sign_interval=0.0)
    printed = b""
    encoder = Encoder()
    try:
        session.start(program="sh", argv=["sh"], pid=1, size=(80, 24), charset="UTF-8", typed=False, key=KEY)
        for text in TEXTS:
            printed += text
            now = time.monotonic()
            encoder.output(int((now - session.began) * 1000), text)
            session.log.io(encoder.take(80, 24), now)
        session.end("exit", 0)
    except RecordingFailed:
        session.fail(None)
        return printed, session.close(0.0), True
    return printed, session.close(closing), False


def count_writes():
    sink = FailingSink()
    record_texts(sink, deny=True, spool=0)
    return sink.writes


@pytest.mark.parametrize("partial", [0, 40])
@pytest.mark.parametrize("k", range(1, count_writes() + 2))
def test_one_failed_write_leaves_a_complete_recording_whichever_it_is(home, k, partial):
    sink = FailingSink(FileSink(str(home / "rec.jsonl")), at=k, times=1, partial=partial)
    printed, stored, failed = record_texts(sink, deny=True, spool=65_536, closing=20.0)
    assert (stored, failed) == (True, False)
    assert verify(lines_of(home / "rec.jsonl"), [KEY.public]).verdict is Verdict.COMPLETE
    assert output_of(home / "rec.jsonl") == printed


@pytest.mark.parametrize("k", range(1, count_writes() + 1))
def test_a_sink_that_fails_for_ever_from_any_write_on_is_a_refusal_and_what_is_stored_verifies(home, k):
    sink = FailingSink(FileSink(str(home / "rec.jsonl")), at=k, times=None)
    _, stored, failed = record_texts(sink, deny=True, spool=2000)
    assert failed or not stored
    verification = verify(lines_of(home / "rec.jsonl"), [KEY.public])
    assert verification.verdict is (Verdict.TRUNCATED if k > 1 else Verdict.UNSIGNED)
    assert verification.proven == k - 1


@pytest.mark.parametrize("k", range(1, count_writes()))
def test_when_the_policy_allows_it_what_was_lost_is_counted_and_the_rest_verifies(home, k):
    # Fails long enough for the spool to overflow, then recovers.
    sink = FailingSink(FileSink(str(home / "rec.jsonl")), at=k, times=12)
    printed, stored, failed = record_texts(sink, deny=False, spool=2500, closing=20.0)
    assert (stored, failed) == (True, False)
    lines = lines_of(home / "rec.jsonl")
    messages = [parse(line) for line in lines]
    lost = sum(m.fields["sessrec"]["lost_bytes"] for m in messages if m.event and m.event["action"] == "lost")
    kept = sum(len(p.data) for m in messages for p in m.packets if isinstance(p, Output))
    assert kept + lost == len(printed)
    if messages[-1].event["action"] == "session-end":
        assert verify(lines, [KEY.public]).verdict is Verdict.COMPLETE


def limited(size):
    """A full disk that needs no root: no file may grow beyond `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_on_a_full_disk_the_session_ends_with_one_clear_line_and_what_is_stored_is_whole(home):
    shell = ["bash", "-c", 'ulimit -Sf 64; exec "$0" "$@"']
    session = record_under(shell, home, "sh", "-c", "seq 300000; echo NEVER", options=["--spool", "64K"])
    assert session.finish() == 254
    assert b"NEVER" not in session.seen
    assert b"File too large; the session ends here" in session.seen
    assert b"Traceback" not in session.seen
    for number, message in enumerate(messages_of(home / "rec.jsonl"), 1):
        assert message.id == number


def test_on_a_full_disk_the_session_goes_on_where_the_policy_allows_it(home):
    shell = ["bash", "-c", 'ulimit -Sf 64; exec "$0" "$@"']
    options = ["--spool", "64K", "--on-failure", "allow"]
    session = record_under(shell, home, "sh", "-c", "seq 300000; echo ALL", options=options)
    assert session.finish() == 0
    assert b"ALL\r\n" in session.seen
    assert b"sessrec: the end of the recording was not stored" in session.seen


def record_under(wrapper, home, *command, options):
    from tests.recorded import SESSREC, OnTerminal

    argv = [*wrapper, *SESSREC, "rec", "-o", str(home / "rec.jsonl"), *options, "--", *command]
    return OnTerminal(argv, home)


def test_a_key_that_others_can_read_is_refused(home):
    key = home / "data" / "session-recording" / "key.pem"
    assert record(home, "true").finish() == 0
    key.chmod(0o644)
    session = record(home, "sh", "-c", "sleep 1; echo NEVER", file=home / "second.jsonl")
    assert session.finish() == 254
    assert b"can be read by others" in session.seen
    assert b"NEVER" not in session.seen


def test_without_a_usable_key_the_session_goes_on_unsigned_where_the_policy_allows_it(home):
    key = home / "key.pem"
    key.write_text("no key")
    key.chmod(0o644)
    options = ["--key", str(key), "--on-failure", "allow"]
    session = record(home, "sh", "-c", "echo one; sleep 0.3; echo two", options=options)
    assert session.finish() == 0
    assert session.seen.startswith(b"one\r\ntwo\r\nsessrec: this recording is not signed: ")
    assert verify(lines_of(home / "rec.jsonl"), []).verdict is Verdict.UNSIGNED


def test_a_half_character_before_an_idle_signature_does_not_look_like_tampering(home):
    session = record(home, "sh", "-c", r"printf 'a\346'; sleep 1.7", options=["--sign-interval", "1"])
    assert session.finish() == 0
    from recorder.keys.signing_key import load

    key = load(home / "data" / "session-recording" / "key.pem").public
    assert verify(lines_of(home / "rec.jsonl"), [key]).verdict is Verdict.COMPLETE
    assert output_of(home / "rec.jsonl") == b"a\xe6"


def test_a_directory_that_cannot_be_made_is_one_clear_line(home):
    from tests.recorded import SESSREC, OnTerminal

    session = OnTerminal([*SESSREC, "rec", "--directory", "/proc/nope/deeper", "--", "true"], home)
    assert session.finish() == 1
    assert session.seen.startswith(b"sessrec: cannot create the directory")
    assert session.seen.count(b"\n") == 1


def test_an_idle_session_is_signed_too(home):
    session = record(home, "sh", "-c", "echo ready; sleep 1.7", options=["--sign-interval", "1"])
    session.finish()
    lines = lines_of(home / "rec.jsonl")
    assert actions_of(home / "rec.jsonl") == ["session-start", "checkpoint", "session-end"] or b'"sig"' in lines[1]
    from recorder.keys.signing_key import load

    key = load(home / "data" / "session-recording" / "key.pem").public
    assert verify(lines, [key]).verdict is Verdict.COMPLETE
    # All but the end, as after a kill -9: nothing that was printed is without proof.
    assert verify(lines[:-1], [key]).proven == len(lines) - 1


@pytest.mark.parametrize(("action", "complete"), [("delay", True), ("drop", False)])
def test_a_flood_is_slowed_down_or_dropped_as_configured(home, action, complete):
    options = ["--limit-action", action, "--limit-rate", "100K", "--limit-burst", "50K"]
    session = record(home, "seq", "60000", options=options)
    assert session.finish() == 0
    expected = b"".join(b"%d\r\n" % n for n in range(1, 60_001))
    assert session.seen == expected
    recorded = output_of(home / "rec.jsonl")
    assert (recorded == expected) is complete
    lost = [m.fields["sessrec"] for m in messages_of(home / "rec.jsonl") if m.event and m.event["action"] == "lost"]
    assert sum(one["lost_bytes"] for one in lost) == len(expected) - len(recorded)
    assert all(one["reason"] == "rate limit" for one in lost)
    lasted = messages_of(home / "rec.jsonl")[-1].pos
    assert (lasted > 1000) is complete


def test_a_terminal_that_vanishes_leaves_a_recording_with_its_end(home):
    # Forked first: it must not hold the terminal that is going to vanish.
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    outer_master, outer = os.openpty()
    inner_master, inner = os.openpty()
    for descriptor in (outer, inner_master):
        os.set_blocking(descriptor, False)
    session = Session(header("rec1"), Spool(FileSink(str(home / "rec.jsonl")), 0), deny=True, sign_interval=5.0)
    session.start(program="sh", argv=["sh"], pid=pid, size=(80, 24), charset="UTF-8", typed=False, key=KEY)
    signals = Signals()
    capture = Capture(
        outer=outer,
        master=inner_master,
        process=Child(pid),
        signals=signals,
        log=session.log,
        limits=Limits(latency=1.0, payload=65_536),
        size=(80, 24),
        began=session.began,
    )
    os.write(inner, b"last words")
    os.close(outer_master)
    try:
        assert (capture.run(), capture.signal) == ("hangup", None)
    finally:
        signals.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for descriptor in (outer, inner, inner_master):
            os.close(descriptor)
    session.end("hangup", None)
    assert session.close(0.0)
    assert output_of(home / "rec.jsonl") == b"last words"
